"""A capture process and the lines between it and us, with our own deadline on every wait."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

import edge
from edge.core.clock import Clock

_BOOT = (
    "import sys; sys.path = [p for p in sys.path if p] + [sys.argv[1]]; "
    "from importlib import import_module; import_module(sys.argv[2]).main()"
)
"""Edge's folder comes last in the child's path, so that it shadows nothing of another Python."""

_TAIL_LINES = 20
_GRACE_S = 1.0


class ClosedError(Exception):
    """``wake`` was called."""


class CaptureProcess:
    """A child that speaks the protocol of :mod:`edge.camera.slots`.

    It dies with us: it watches its standard input, and the kernel kills it with the thread that
    started it. So start it in the thread that reads it, or in one that lives as long.
    """

    def __init__(self, module: str, clock: Clock, *, python: str = sys.executable) -> None:
        """Start ``module``'s ``main`` under ``python``; raises ``OSError`` if that cannot be."""
        self._clock = clock
        self.memory_fd = os.memfd_create("edge-frames")
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        try:
            self._process = self._started(python, module)
        except OSError:
            os.close(self._wake_fd)
            os.close(self.memory_fd)
            raise
        self._buffers = {"answers": b"", "log": b""}
        self._lines: deque[bytes] = deque()
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_fd, selectors.EVENT_READ, "wake")
        for pipe, name in ((self._process.stdout, "answers"), (self._process.stderr, "log")):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ, name)

    def _started(self, python: str, module: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [python, "-c", _BOOT, str(Path(edge.__file__).parent.parent), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[self.memory_fd],
            bufsize=0,
        )

    @property
    def pid(self) -> int:
        """Of the child."""
        return self._process.pid

    @property
    def log(self) -> str:
        """The last lines the child wrote to standard error, in one line."""
        return " | ".join(self._tail)

    def say(self, **message: object) -> None:
        """Send one line. A child that is dead does not hear it; the next ``hear`` says so."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(message).encode() + b"\n")

    def hear(self, deadline: float) -> dict[str, Any] | None:
        """The child's next line, or None at the deadline, in the clock's seconds.

        Raises:
            ClosedError: another thread called ``wake``.
            EOFError: the child is dead; the message says how it ended.
        """
        while not self._lines:
            left_s = deadline - self._clock.now()
            if left_s <= 0:
                return None
            for key, _ in self._selector.select(left_s):
                self._receive(key)
        message: dict[str, Any] = json.loads(self._lines.popleft())
        return message

    def wake(self) -> None:
        """End a ``hear`` that waits in another thread, and all later ones."""
        os.eventfd_write(self._wake_fd, 1)

    def end(self) -> None:
        """Ask the child to end, and kill it if it does not within a second."""
        self._process.terminate()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._selector.close()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()
        os.close(self._wake_fd)
        os.close(self.memory_fd)

    def _receive(self, key: selectors.SelectorKey) -> None:
        if key.data == "wake":
            raise ClosedError
        chunk = os.read(key.fd, 65_536)
        *lines, self._buffers[key.data] = (self._buffers[key.data] + chunk).split(b"\n")
        if key.data == "answers":
            self._lines.extend(lines)
            if not chunk and not self._lines:
                raise EOFError(self._ending())
        else:
            self._tail.extend(line.decode(errors="replace") for line in lines if line)
        if not chunk:
            self._selector.unregister(key.fileobj)

    def _ending(self) -> str:
        """How the child ended; whatever it said last is in ``log`` afterwards."""
        try:
            code = self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            return "it closed its output"
        assert self._process.stderr is not None
        rest = self._process.stderr.read() or b""
        self._tail.extend(rest.decode(errors="replace").splitlines())
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
