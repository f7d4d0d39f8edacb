"""PyCUDA's driver as far as Edge uses them; "device" memory is the host's.

Faithful where it hurts: every call needs a current context, what is left is counted, and work on
a stream is done when somebody waits for it, not before. Kernels are NumPy: kernel_mirror.py.
"""

from __future__ import annotations

import ctypes
import sys
import weakref
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.engine import fake_libcuda, kernel_mirror
from tests.engine.fake_streams import Action, Event, Lane, Module

CUBIN = b"\x7fELF of the kernels"


class Error(Exception):
    pass


class OutOfMemoryError(Error):
    pass


class Driver(ModuleType):
    """The module ``pycuda.driver`` of one test.

    Attributes:
        stack: contexts that are current.
        retained: how often the primary context is retained.
        streams: by handle.
        held: bytes of device and page-locked memory in use.
        memory: bytes there are.
        integrated: it is a Jetson.
        fault: what every wait and copy fails with; empty: nothing.
        refuses_capture: as a network does that talks to the host meanwhile.
        spoils_capture: it does, and says that all is well.
        refuses_pinning: as an old kernel does.
        captured: how many graphs were made.
        graphs: how many there are.
    """

    Error = Error
    MemoryError = OutOfMemoryError
    device_attribute = SimpleNamespace(INTEGRATED="integrated")
    event_flags = SimpleNamespace(BLOCKING_SYNC=1, DISABLE_TIMING=2)
    host_alloc_flags = SimpleNamespace(DEVICEMAP=2)

    def __init__(self) -> None:
        super().__init__("pycuda.driver")
        self.stack: list[Any] = []
        self.retained = 0
        self.broken = False
        self.streams: dict[int, Lane] = {}
        self.pinned: dict[int, int] = {}
        self.held = 0
        self.memory = 1 << 30
        self.integrated = False
        self.fault = ""
        self.refuses_capture = self.spoils_capture = self.refuses_pinning = False
        self.captured = 0
        self.graphs: dict[int, list[Action]] = {}
        self.waited = [0]

    def init(self) -> None:
        if self.broken:
            raise Error("cuInit failed: no CUDA-capable device is detected")

    def Device(self, number: int) -> Any:  # noqa: N802
        return _Device(self)

    def get_driver_version(self) -> int:
        return 12020

    def mem_get_info(self) -> tuple[int, int]:
        self.need_context()
        return self.memory - self.held, self.memory

    def need_context(self) -> None:
        if not self.stack:
            raise Error("invalid device context")
        if self.fault:
            raise Error(self.fault)

    def reserve(self, holder: Any, size: int) -> None:
        self.need_context()
        assert not any(each.capturing for each in self.streams.values()), "allocated in a capture"
        if self.held + size > self.memory:
            raise OutOfMemoryError("cuMemAlloc failed: out of memory")
        self.held += size
        weakref.finalize(holder, self._give_back, size, self.stack[-1])

    def _give_back(self, size: int, context: _Context) -> None:
        # What outlives its context object stays until nobody retains the context: no error.
        if context.valid or not self.retained:
            self.held -= size

    def mem_alloc(self, size: int) -> Any:
        return _Allocation(self, size)

    def pagelocked_empty(
        self, shape: Any, dtype: Any, order: str = "C", mem_flags: int = 0
    ) -> NDArray[Any]:
        memory = _HostMemory(self, int(np.prod(shape)) * np.dtype(dtype).itemsize, mem_flags)
        return np.asarray(memory).view(dtype).reshape(shape).view(_Based)

    def Stream(self, flags: int = 0) -> Any:  # noqa: N802
        self.need_context()
        return Lane(self)

    def Event(self, flags: int = 0) -> Any:  # noqa: N802
        self.need_context()
        return Event(flags)

    def module_from_buffer(self, content: bytes) -> Any:
        self.need_context()
        if content != CUBIN:
            raise Error("cuModuleLoadDataEx failed: device kernel image is invalid")
        return Module(self, content)

    def memcpy_htod(self, target: Any, source: NDArray[Any]) -> None:
        self.need_context()
        flat = np.ascontiguousarray(source).reshape(-1).view(np.uint8)
        kernel_mirror.at(int(target), flat.size, np.uint8)[:] = flat

    def memcpy_htod_async(self, target: Any, source: NDArray[Any], stream: Lane) -> None:
        self.need_context()
        assert source.flags.c_contiguous
        if not self._is_pinned(source):
            assert stream.capturing is None, "only page-locked memory can be in a graph"
            source = source.copy()  # the driver has it when the call returns
        stream.do(lambda: self.memcpy_htod(target, source))

    def memcpy_dtoh_async(self, target: NDArray[Any], source: Any, stream: Lane) -> None:
        self.need_context()
        assert stream.capturing is None or self._is_pinned(target)
        flat = target.reshape(-1).view(np.uint8)
        stream.do(lambda: np.copyto(flat, kernel_mirror.at(int(source), flat.size, np.uint8)))

    def memset_d32_async(self, target: int, value: int, count: int, stream: Lane) -> None:
        self.need_context()
        stream.do(lambda: kernel_mirror.at(target, count, np.uint32).fill(value))

    def _is_pinned(self, array: NDArray[Any]) -> bool:
        start = array.ctypes.data
        return any(a <= start and start + array.nbytes <= b for a, b in self.pinned.items())


class _Based(np.ndarray[Any, Any]):
    """An array whose ``base`` is PyCUDA's allocation, as PyCUDA's are."""

    @property
    def base(self) -> Any:
        found = super().base
        while isinstance(found, np.ndarray):
            found = np.ndarray.base.__get__(found)
        return found


class _HostMemory:
    def __init__(self, driver: Driver, size: int, flags: int) -> None:
        driver.reserve(self, size)
        self._block, self._flags = np.full(size, 0xA5, np.uint8), flags
        self.__array_interface__ = self._block.__array_interface__
        start = self._block.ctypes.data
        driver.pinned[start] = start + size
        weakref.finalize(self, driver.pinned.pop, start)

    def get_device_pointer(self) -> int:
        assert self._flags & 2
        return int(self._block.ctypes.data)


class _Device:
    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def name(self) -> str:
        return "Orin"

    def compute_capability(self) -> tuple[int, int]:
        return (8, 7)

    def get_attribute(self, attribute: str) -> int:
        return int(getattr(self._driver, attribute))

    def retain_primary_context(self) -> Any:
        self._driver.retained += 1
        return _Context(self._driver)


class _Context:
    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.valid = True

    def push(self) -> None:
        self._driver.stack.append(self)

    def pop(self) -> None:
        self._driver.stack.pop()

    def detach(self) -> None:
        self._driver.retained -= 1
        self.valid = False


class _Allocation:
    def __init__(self, driver: Driver, size: int) -> None:
        driver.reserve(self, size)
        self.block = np.full(size, 0xA5, np.uint8)

    def __int__(self) -> int:
        return int(self.block.ctypes.data)


installed: list[Driver] = []
"""The driver of the test that runs, for the fake TensorRT."""


def install(monkeypatch: pytest.MonkeyPatch) -> Driver:
    """Put a GPU into this process."""
    driver, package = Driver(), ModuleType("pycuda")
    package.driver = driver  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pycuda", package)
    monkeypatch.setitem(sys.modules, "pycuda.driver", driver)
    monkeypatch.setattr(sys.modules[__name__], "installed", [driver])
    real, library = ctypes.CDLL, fake_libcuda.library(driver)

    def load(name: Any, *arguments: Any, **options: Any) -> Any:
        return library if name == "libcuda.so.1" else real(name, *arguments, **options)

    monkeypatch.setattr(ctypes, "CDLL", load)
    return driver
