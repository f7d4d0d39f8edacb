"""PyCUDA's driver as far as Edge uses it; "device" memory is host memory.

Faithful where it hurts: every call needs a current context, and what is left is counted.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray


class Error(Exception):
    pass


class Driver(ModuleType):
    """The module ``pycuda.driver`` of one test.

    Attributes:
        stack: contexts that are current.
        retained: how often the primary context is retained.
    """

    Error = Error

    def __init__(self) -> None:
        super().__init__("pycuda.driver")
        self.stack: list[Any] = []
        self.retained = 0
        self.broken = False

    def init(self) -> None:
        if self.broken:
            raise Error("cuInit failed: no CUDA-capable device is detected")

    def Device(self, number: int) -> Any:  # noqa: N802
        return _Device(self)

    def get_driver_version(self) -> int:
        return 12020

    def need_context(self) -> None:
        if not self.stack:
            raise Error("invalid device context")

    def mem_alloc(self, size: int) -> Any:
        self.need_context()
        return _Allocation(size)

    def pagelocked_empty(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        self.need_context()
        return np.empty(shape, dtype)

    def Stream(self) -> Any:  # noqa: N802
        self.need_context()
        return _Stream()

    def memcpy_htod(self, target: Any, source: NDArray[Any]) -> None:
        self.need_context()
        target.block[: source.nbytes] = source.reshape(-1).view(np.uint8)

    def memcpy_htod_async(self, target: Any, source: NDArray[Any], stream: Any) -> None:
        self.memcpy_htod(target, source)

    def memcpy_dtoh_async(self, target: NDArray[Any], source: Any, stream: Any) -> None:
        self.need_context()
        target.reshape(-1).view(np.uint8)[:] = source.block[: target.nbytes]


class _Device:
    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def name(self) -> str:
        return "Orin"

    def compute_capability(self) -> tuple[int, int]:
        return (8, 7)

    def retain_primary_context(self) -> Any:
        self._driver.retained += 1
        return _Context(self._driver)


class _Context:
    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def push(self) -> None:
        self._driver.stack.append(self)

    def pop(self) -> None:
        self._driver.stack.pop()

    def detach(self) -> None:
        self._driver.retained -= 1


class _Stream:
    handle = 7

    def synchronize(self) -> None:
        pass


class _Allocation:
    def __init__(self, size: int) -> None:
        self.block = np.zeros(size, np.uint8)

    def __int__(self) -> int:
        return int(self.block.ctypes.data)


def install(monkeypatch: pytest.MonkeyPatch) -> Driver:
    """Put a GPU into this process."""
    driver, package = Driver(), ModuleType("pycuda")
    package.driver = driver  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pycuda", package)
    monkeypatch.setitem(sys.modules, "pycuda.driver", driver)
    return driver
