"""Memory that the GPU works on: its own, the host's, and the host's that both can address.

``cuda`` is PyCUDA's driver everywhere, as :mod:`edge.engine.cuda` found it. What is made here is
made, and let go, while the context is current.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.engine.libcuda import LibCuda

_DEVICEMAP = 2  # CU_MEMHOSTREGISTER_DEVICEMAP


class DeviceMemory:
    """Memory of the GPU.

    Attributes:
        address: of its first byte, for the GPU.
    """

    def __init__(self, cuda: Any, size_bytes: int) -> None:
        self._allocation = cuda.mem_alloc(size_bytes)
        self.address = int(self._allocation)

    def free(self) -> None:
        """Let go of it."""
        self._allocation = None


class HostMemory:
    """Page-locked memory of the host.

    Attributes:
        host: uint8, flat.
        address: of the same bytes, for the GPU; 0 where they are not mapped.
    """

    def __init__(self, cuda: Any, size_bytes: int, mapped: bool) -> None:
        flags = cuda.host_alloc_flags.DEVICEMAP if mapped else 0
        self.host: NDArray[np.uint8] = cuda.pagelocked_empty(size_bytes, np.uint8, "C", flags)
        self.address = int(self.host.base.get_device_pointer()) if mapped else 0

    def free(self) -> None:
        """Let go of it."""
        self.host = np.empty(0, np.uint8)


class PinnedMemory:
    """Memory that was there before, page-locked in place: a pool of frames.

    It stays ordinary memory afterwards, so a frame that outlives the GPU's context stays whole.

    Attributes:
        start: address of its first byte, for the host.
    """

    def __init__(self, memory: NDArray[np.uint8], mapped: bool) -> None:
        # By the driver itself: PyCUDA 2026.1 crashes in register_host_memory().
        self._cuda = LibCuda()
        self._memory: NDArray[np.uint8] | None = memory  # alive as long as it is registered
        self.start = memory.ctypes.data
        self._end = self.start + memory.nbytes
        self._mapped_at = 0
        flags = _DEVICEMAP if mapped else 0
        self._cuda.call("cuMemHostRegister_v2", self.start, memory.nbytes, flags)
        if mapped:
            address = ctypes.c_uint64()
            self._cuda.call("cuMemHostGetDevicePointer_v2", ctypes.byref(address), self.start, 0)
            self._mapped_at = address.value

    def holds(self, start: int, size_bytes: int) -> bool:
        """Whether these bytes of the host all lie in it."""
        return self.start <= start and start + size_bytes <= self._end

    def address(self, start: int) -> int:
        """For the GPU, of a byte of the host; only where it is mapped."""
        return self._mapped_at + start - self.start

    def unpin(self) -> None:
        """Make it ordinary memory again. Safe to call twice.

        Raises:
            UnavailableError: the GPU failed before.
        """
        if self._memory is not None:
            self._memory = None
            self._cuda.call("cuMemHostUnregister", self.start)
