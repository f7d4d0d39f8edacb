"""CUDA graphs: a whole frame's work as one launch. PyCUDA has no calls for them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from edge.core.errors import UnavailableError
from edge.engine.libcuda import LibCuda, Pointer

_THREAD_LOCAL = 1  # CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: other threads may allocate meanwhile


class GraphDriver:
    """Makes graphs; each call needs a current context."""

    def __init__(self) -> None:
        """Find the driver.

        Raises:
            UnavailableError: there is none, or it is older than CUDA 11.4.
        """
        self._cuda = LibCuda()

    def capture(self, stream: Any, work: Callable[[], None]) -> Graph:
        """Record what ``work`` starts on the stream, instead of running it.

        Raises:
            UnavailableError: something in it cannot be recorded. The stream is as before.
        """
        captured = Pointer()
        self._cuda.call("cuStreamBeginCapture_v2", stream.handle, _THREAD_LOCAL)
        try:
            work()
        except BaseException:
            with suppress(UnavailableError):  # that it failed is known
                self._cuda.call("cuStreamEndCapture", stream.handle, ctypes.byref(captured))
                self._cuda.call("cuGraphDestroy", captured)
            raise
        self._cuda.call("cuStreamEndCapture", stream.handle, ctypes.byref(captured))
        try:
            executable = Pointer()
            self._cuda.call("cuGraphInstantiateWithFlags", ctypes.byref(executable), captured, 0)
        finally:
            self._cuda.call("cuGraphDestroy", captured)
        return Graph(self._cuda, executable)


class Graph:
    """Work that was recorded once; may be launched any number of times, on any stream."""

    def __init__(self, cuda: LibCuda, executable: ctypes.c_void_p) -> None:
        self._cuda = cuda
        self._executable: ctypes.c_void_p | None = executable

    def launch(self, stream: Any) -> None:
        """Start it; one launch of it at a time runs.

        Raises:
            UnavailableError: the GPU failed.
        """
        self._cuda.call("cuGraphLaunch", self._executable, stream.handle)

    def close(self) -> None:
        """Let go of it, while the context is current and it does not run. Safe to call twice."""
        if self._executable is not None:
            executable, self._executable = self._executable, None
            self._cuda.call("cuGraphExecDestroy", executable)
