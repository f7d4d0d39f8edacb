"""CUDA through PyCUDA; no other file imports it.

The primary context is kept and pushed by name, and popped again on every way out: ``autoinit``
would make a context of its own, which TensorRT and other users of the GPU do not share.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.core.errors import DataError, MissingLibraryError, UnavailableError
from edge.engine.cuda_memory import DeviceMemory, HostMemory, PinnedMemory
from edge.engine.gpu_nodes import refused

_NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING: waits for no work on the default stream
_REMEDY = (
    "Run: pip install pycuda (it compiles itself with CUDA's nvcc: on a Jetson, "
    "sudo apt-get install nvidia-cuda-dev python3-dev first)"
)


@dataclass(frozen=True, slots=True)
class Gpu:
    """The first GPU.

    Attributes:
        name: as the driver gives it.
        compute_capability: e.g. ``8.7``.
        cuda: newest version of CUDA that the driver offers.
    """

    name: str
    compute_capability: str
    cuda: str


class CudaContext:
    """The primary context of the first GPU, current only inside ``with context.current():``.

    Any thread may use it, one at a time. ``close`` gives it back.

    Attributes:
        integrated: GPU and CPU share their memory, as on a Jetson: nothing needs to be copied.
        error: what PyCUDA raises.
    """

    def __init__(self) -> None:
        """Retain it.

        Raises:
            MissingLibraryError: PyCUDA is not installed.
            UnavailableError: there is no usable GPU.
        """
        self._cuda = _driver()
        self.error: type[Exception] = self._cuda.Error
        device = _first_device(self._cuda)
        with _explained(self._cuda):
            integrated = device.get_attribute(self._cuda.device_attribute.INTEGRATED)
            self._context = device.retain_primary_context()
        self.integrated = bool(integrated)

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make it the calling thread's context for the time of a ``with`` block.

        Raises:
            UnavailableError: a call to CUDA inside failed.
        """
        if self._context is None:
            raise ValueError("CUDA context used after close()")
        with _explained(self._cuda):
            self._context.push()
            try:
                yield
            finally:
                self._context.pop()

    def buffer(self, shape: tuple[int, ...]) -> DeviceBuffer:
        """Memory for a float32 tensor, on the GPU and pinned on the host; call it while current."""
        host = self._cuda.pagelocked_empty(shape, np.float32)
        return DeviceBuffer(self._cuda, host)

    def stream(self) -> Any:
        """A stream of its own; call it while current."""
        return self._cuda.Stream(_NON_BLOCKING)

    def event(self, *, blocking: bool = False, timing: bool = False) -> Any:
        """A mark in a stream; call it while current.

        Args:
            blocking: who waits for it sleeps: later by tens of microseconds, but no CPU is used.
            timing: it notes the time, for ``time_since``.
        """
        flags = self._cuda.event_flags
        wanted = 0 if timing else flags.DISABLE_TIMING
        return self._cuda.Event(wanted | (flags.BLOCKING_SYNC if blocking else 0))

    def device_memory(self, size_bytes: int) -> DeviceMemory:
        """Memory of the GPU; call it while current."""
        return DeviceMemory(self._cuda, size_bytes)

    def host_memory(self, size_bytes: int, *, mapped: bool) -> HostMemory:
        """Page-locked memory of the host, which copies run to and from; call it while current.

        Args:
            size_bytes: of it.
            mapped: the GPU can address it.
        """
        return HostMemory(self._cuda, size_bytes, mapped)

    def pin(self, memory: NDArray[np.uint8], *, mapped: bool) -> PinnedMemory:
        """Page-lock memory that exists already; call it while current."""
        return PinnedMemory(memory, mapped)

    def module(self, cubin: bytes) -> Any:
        """Compiled kernels, loaded; call it, and drop what it gives, while current.

        Raises:
            DataError: they are not for this GPU, or are no kernels.
        """
        try:
            return self._cuda.module_from_buffer(cubin)
        except self._cuda.MemoryError:
            raise
        except self._cuda.Error as error:
            raise DataError(
                f"the bundle's kernels do not run on this GPU: {error}. Build it again on this "
                "machine: edge build"
            ) from error

    def copy_in(self, address: int, source: NDArray[Any], stream: Any) -> None:
        """Start a copy to the GPU; at once done only where the source is not page-locked."""
        self._cuda.memcpy_htod_async(address, source, stream)

    def copy_out(self, target: NDArray[Any], address: int, stream: Any) -> None:
        """Start a copy from the GPU."""
        self._cuda.memcpy_dtoh_async(target, address, stream)

    def clear(self, address: int, size_bytes: int, stream: Any) -> None:
        """Start to zero memory of the GPU, a multiple of 4 bytes."""
        self._cuda.memset_d32_async(address, 0, size_bytes // 4, stream)

    def free_bytes(self) -> int:
        """Of the GPU's memory, now; call it while current."""
        return int(self._cuda.mem_get_info()[0])

    def close(self) -> None:
        """Give the context back; whatever lives in it must be gone. Safe to call twice."""
        if self._context is not None:
            with suppress(self._cuda.Error):  # of another thread: given back when the process ends
                self._context.detach()
            self._context = None


class DeviceBuffer:
    """A float32 tensor twice: pinned host memory, and memory of the GPU.

    Attributes:
        host: float32, C-contiguous; write it before ``upload``, read it after ``download`` and a
            synchronised stream.
        address: of the GPU's copy.
    """

    def __init__(self, cuda: Any, host: NDArray[np.float32]) -> None:
        self._cuda = cuda
        self.host = host
        self._device = cuda.mem_alloc(host.nbytes)
        self.address = int(self._device)

    def upload(self, stream: Any) -> None:
        """Start the copy to the GPU."""
        self._cuda.memcpy_htod_async(self._device, self.host, stream)

    def download(self, stream: Any) -> None:
        """Start the copy to the host."""
        self._cuda.memcpy_dtoh_async(self.host, self._device, stream)

    def free(self) -> None:
        """Let go of both; call it while the context is current."""
        # Dropped, not freed: a caller may still hold a view of the host's copy.
        self.host = np.empty(0, np.float32)
        self._device = None


class CalibrationUpload:
    """One reused piece of GPU memory that takes a calibration image at a time."""

    def __init__(self, size_bytes: int) -> None:
        """Reserve so much memory."""
        self._cuda = _driver()
        self._context = CudaContext()
        with self._context.current():
            self._device = self._cuda.mem_alloc(size_bytes)

    def __call__(self, tensor: NDArray[np.float32]) -> int:
        """Copy a C-contiguous tensor to the GPU; its address there."""
        with self._context.current():
            self._cuda.memcpy_htod(self._device, tensor)
        return int(self._device)

    def close(self) -> None:
        """Release the memory and the context. Safe to call twice."""
        if self._device is not None:
            with self._context.current():
                self._device = None
            self._context.close()


def first_gpu() -> Gpu:
    """What the first GPU is.

    Raises:
        MissingLibraryError: PyCUDA is not installed.
        UnavailableError: there is no usable GPU.
    """
    cuda = _driver()
    device = _first_device(cuda)
    offered = cuda.get_driver_version()  # 12020 is 12.2: cuDriverGetVersion()
    return Gpu(
        name=device.name(),
        compute_capability=".".join(str(part) for part in device.compute_capability()),
        cuda=f"{offered // 1000}.{offered % 1000 // 10}",
    )


def _first_device(cuda: Any) -> Any:
    with _explained(cuda):
        cuda.init()
        return cuda.Device(0)


@contextmanager
def _explained(cuda: Any) -> Iterator[None]:
    try:
        yield
    except cuda.MemoryError as error:
        raise UnavailableError(
            f"the GPU has too little memory: {error}. Stop what else uses it (nvidia-smi, or on a "
            "Jetson: tegrastats), or run a smaller model"
        ) from error
    except cuda.Error as error:
        why = refused() or "Check its driver: nvidia-smi, or on a Jetson: tegrastats"
        raise UnavailableError(f"the GPU cannot be used: {error}. {why}") from error


def _driver() -> Any:
    try:
        import pycuda.driver
    except ImportError as error:
        raise MissingLibraryError(f"PyCUDA cannot be loaded ({error}). {_REMEDY}") from error
    return pycuda.driver
