"""Streams, and what runs on them, for fake_pycuda.py."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from tests.engine import kernel_mirror

Action = Callable[[], Any]


class Lane:
    """A stream. It does its work when somebody waits for it."""

    _handles = itertools.count(7)

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self.handle = next(self._handles)
        self.capturing: list[Action] | None = None
        self.spoilt = False
        self._work: list[Action] = []
        driver.streams[self.handle] = self

    def do(self, action: Action) -> None:
        if self.spoilt:
            raise self._driver.Error("operation failed due to a previous error during capture")
        (self._work if self.capturing is None else self.capturing).append(action)

    def synchronize(self) -> None:
        assert self.capturing is None, "waited for a stream that is being captured"
        if self._driver.fault:
            self._work.clear()
        self._driver.need_context()
        while self._work:
            self._work.pop(0)()


class Event:
    """A mark in a stream."""

    def __init__(self, flags: int) -> None:
        self._timed = not flags & 2
        self._stream: Lane | None = None

    def record(self, stream: Lane) -> None:
        self._stream = stream

    def synchronize(self) -> None:
        assert self._stream is not None
        self._stream.synchronize()

    def time_since(self, other: Event) -> float:
        assert self._timed
        return 0.25


class Module:
    """Kernels that are loaded."""

    def __init__(self, driver: Any, content: bytes) -> None:
        driver.reserve(self, len(content))

    def get_function(self, name: str) -> Any:
        return _Function(name)


class _Function:
    def __init__(self, name: str) -> None:
        self._name = name

    def prepare(self, arguments: str) -> _Function:
        return self

    def prepared_async_call(self, grid: Any, block: Any, stream: Lane, *arguments: Any) -> None:
        stream.do(lambda: kernel_mirror.run(self._name, *arguments))
