"""How a frame gets to the GPU, and its result back: copied, or mapped where memory is shared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.core.types import Image
from edge.engine.cuda import CudaContext
from edge.engine.cuda_memory import DeviceMemory, HostMemory, PinnedMemory

_ADDRESS_BYTES = 8


class FrameInput(Protocol):
    """Brings one frame at a time where the preprocessing kernel finds it.

    Attributes:
        cell: address, for the GPU, of the 8 bytes that hold the picture's address. It never
            changes, so a captured graph serves every frame.
    """

    cell: int

    def bring(self, image: Image, pinned: Sequence[PinnedMemory], stream: Any) -> None:
        """Have the pixels there for what follows on the stream; the last frame is done with."""
        ...

    def free(self) -> None:
        """Let go of the memory, while the context is current."""
        ...


class CopiedFrames:
    """A ``FrameInput`` for a graphics card: one copy over the bus.

    It runs from where the frame lies if that is pinned, otherwise from a pinned copy.
    """

    def __init__(self, context: CudaContext) -> None:
        self._context = context
        self._cell = context.device_memory(_ADDRESS_BYTES)
        self.cell = self._cell.address
        self._device: DeviceMemory | None = None
        self._size = 0
        self._staging = _Staging(context, mapped=False)

    def bring(self, image: Image, pinned: Sequence[PinnedMemory], stream: Any) -> None:
        """Start the copy."""
        device = self._device
        if device is None or self._size < image.nbytes:
            device = self._grown(image.nbytes, stream)
        if _holder(image, pinned) is None:
            image = self._staging.copy(image)
        self._context.copy_in(device.address, image, stream)

    def free(self) -> None:
        """Let go of the memory, while the context is current."""
        self._cell.free()
        self._staging.free()
        if self._device is not None:
            self._device.free()

    def _grown(self, size_bytes: int, stream: Any) -> DeviceMemory:
        if self._device is not None:
            self._device.free()
        self._device, self._size = self._context.device_memory(size_bytes), size_bytes
        address = np.array([self._device.address], np.uint64)
        self._context.copy_in(self._cell.address, address, stream)
        stream.synchronize()  # until then the driver may still read the array
        return self._device


class MappedFrames:
    """A ``FrameInput`` for a Jetson: the kernel reads the frame where the camera put it."""

    def __init__(self, context: CudaContext) -> None:
        self._cell = context.host_memory(_ADDRESS_BYTES, mapped=True)
        self.cell = self._cell.address
        self._staging = _Staging(context, mapped=True)

    def bring(self, image: Image, pinned: Sequence[PinnedMemory], stream: Any) -> None:
        """Tell the kernel where the frame is; copy it first if that is not pinned."""
        holder = _holder(image, pinned)
        if holder is None:
            self._staging.copy(image)
            address = self._staging.address
        else:
            address = holder.address(_start(image))
        self._cell.host.view(np.uint64)[0] = address

    def free(self) -> None:
        """Let go of the memory, while the context is current."""
        self._cell.free()
        self._staging.free()


class ResultOutput:
    """Where the kernels write the result, and where the host reads it.

    Attributes:
        address: to write to, for the GPU.
        host: uint8, flat: the result, once the stream has come so far.
    """

    def __init__(self, context: CudaContext, size_bytes: int, *, mapped: bool) -> None:
        self._context = context
        self._memory = context.host_memory(size_bytes, mapped=mapped)
        self._device = None if mapped else context.device_memory(size_bytes)
        self.address = self._memory.address if self._device is None else self._device.address

    @property
    def host(self) -> NDArray[np.uint8]:
        """What the last frame left."""
        return self._memory.host

    def fetch(self, stream: Any) -> None:
        """Start the copy to the host, where there is one."""
        if self._device is not None:
            self._context.copy_out(self._memory.host, self._device.address, stream)

    def free(self) -> None:
        """Let go of the memory, while the context is current."""
        self._memory.free()
        if self._device is not None:
            self._device.free()


class _Staging:
    """Pinned memory for frames that do not lie in a pinned pool; made when one comes."""

    def __init__(self, context: CudaContext, *, mapped: bool) -> None:
        self._context = context
        self._mapped = mapped
        self._memory: HostMemory | None = None
        self.address = 0

    def copy(self, image: Image) -> Image:
        if self._memory is None or self._memory.host.nbytes < image.nbytes:
            self.free()
            self._memory = self._context.host_memory(image.nbytes, mapped=self._mapped)
            self.address = self._memory.address
        copied = self._memory.host[: image.nbytes].reshape(image.shape)
        np.copyto(copied, image)
        return copied

    def free(self) -> None:
        if self._memory is not None:
            self._memory.free()
            self._memory = None


def _holder(image: Image, pinned: Sequence[PinnedMemory]) -> PinnedMemory | None:
    if not image.flags.c_contiguous:
        return None
    start = _start(image)
    return next((each for each in pinned if each.holds(start, image.nbytes)), None)


def _start(image: Image) -> int:
    return int(image.__array_interface__["data"][0])
