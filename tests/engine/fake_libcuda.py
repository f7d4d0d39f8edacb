"""``libcuda.so.1``: the calls that Edge makes without PyCUDA, beside fake_pycuda.py."""

from __future__ import annotations

import itertools
from functools import partial
from types import SimpleNamespace
from typing import Any

_NAMES = {801: b"CUDA_ERROR_NOT_SUPPORTED", 901: b"CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"}


def library(driver: Any) -> Any:
    """What ``ctypes.CDLL`` gives; functions that take attributes, as ctypes' do."""
    calls = _Calls(driver)
    return SimpleNamespace(
        cuStreamBeginCapture_v2=partial(calls.begin),
        cuStreamEndCapture=partial(calls.end),
        cuGraphInstantiateWithFlags=partial(calls.instantiate),
        cuGraphLaunch=partial(calls.launch),
        cuGraphExecDestroy=partial(calls.destroy),
        cuGraphDestroy=partial(calls.destroy),
        cuMemHostRegister_v2=partial(calls.register),
        cuMemHostUnregister=partial(calls.unregister),
        cuMemHostGetDevicePointer_v2=partial(calls.device_pointer),
        cuGetErrorName=partial(calls.name),
    )


class _Calls:
    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self._numbers = itertools.count(1)

    def begin(self, handle: int, mode: int) -> int:
        assert mode == 1, "another thread's allocations would break the capture"
        self._driver.need_context()
        self._driver.streams[handle].capturing = []
        return 0

    def end(self, handle: int, graph: Any) -> int:
        stream = self._driver.streams[handle]
        recorded, stream.capturing = stream.capturing, None
        spoilt, stream.spoilt = stream.spoilt, False
        if spoilt or self._driver.refuses_capture:
            return 901
        graph._obj.value = next(self._numbers)
        self._driver.graphs[graph._obj.value] = recorded
        return 0

    def instantiate(self, executable: Any, graph: Any, flags: int) -> int:
        executable._obj.value = next(self._numbers)
        self._driver.graphs[executable._obj.value] = self._driver.graphs[graph.value]
        self._driver.captured += 1
        return 0

    def launch(self, executable: Any, handle: int) -> int:
        if self._driver.fault:
            return 700
        for action in self._driver.graphs[executable.value]:
            self._driver.streams[handle].do(action)
        return 0

    def destroy(self, graph: Any) -> int:
        assert self._driver.stack
        del self._driver.graphs[graph.value]
        return 700 if self._driver.fault else 0

    def register(self, start: int, size: int, flags: int) -> int:
        self._driver.need_context()
        if self._driver.refuses_pinning:
            return 801
        if start in self._driver.pinned:
            return 712
        self._driver.pinned[start] = start + size
        self._mapped = flags
        return 0

    def unregister(self, start: int) -> int:
        assert self._driver.stack
        del self._driver.pinned[start]
        return 700 if self._driver.fault else 0

    def device_pointer(self, address: Any, start: int, flags: int) -> int:
        assert self._mapped == 2
        address._obj.value = start
        return 0

    def name(self, code: int, text: Any) -> int:
        text._obj.value = _NAMES.get(code)
        return 0
