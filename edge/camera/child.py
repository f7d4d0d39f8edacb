"""A camera in a process of its own: a hanging or crashing library costs a second, not the line."""

from __future__ import annotations

import mmap
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.camera.capture_process import CaptureProcess, ClosedError
from edge.camera.uri import CameraUri
from edge.core.clock import Clock
from edge.core.errors import CameraError, CameraStalledError, EdgeError
from edge.core.pool import FramePool, Lease
from edge.core.types import Frame, Image, PixelFormat

SLOTS = 8
"""Frames that may be in use at once; more are dropped and counted."""
LARGEST_FRAME_BYTES = 3 * 64_000_000
_POLL_S = 0.005
_NO_ANSWER, _NO_FIRST_FRAME, _NO_FRAME = "no answer", "no first frame", "no frame"


@dataclass(frozen=True, slots=True)
class Capture:
    """What a capture process is to do.

    Attributes:
        module: the program, a module with ``main()``.
        job: what it has to open; sent through a pipe, because a command line shows passwords.
        explain: makes the error for a person from the kind and text of the library's own.
        python: the interpreter that has the program's libraries.
        pixel_format: of the frames it delivers.
        to_bgr: turns them into BGR.
    """

    module: str
    job: dict[str, Any]
    explain: Callable[[str, str], EdgeError]
    python: str = sys.executable
    pixel_format: PixelFormat = "bgr"
    to_bgr: Callable[[Image], Image] | None = None


class ChildCamera:
    """A ``Camera`` whose library runs in a child process and writes into our frame pool.

    Attributes:
        pool: where the frames lie: shared memory in one block, which an engine may pin. None before
            the first frame and after closing; replaced when frames outgrow it.
    """

    def __init__(
        self,
        name: str,
        uri: CameraUri,
        capture: Capture,
        *,
        stall_s: float,
        open_s: float,
        clock: Clock,
    ) -> None:
        """Start the process. It contacts the camera at once; ``read`` waits for it.

        Args:
            name: the name frames carry.
            uri: for messages.
            capture: what to run.
            stall_s: longest wait for a frame, seconds.
            open_s: longest wait for the camera's answer, and again for its first frame, seconds:
                that comes with the next key frame.
            clock: ``time.monotonic()`` or a clock that agrees with it, as the child stamps frames.

        Raises:
            CameraError: the process cannot be started.
        """
        self._name = name
        self._uri = uri
        self._capture = capture
        self._stall_s = stall_s
        self._open_s = max(open_s, stall_s)
        self._clock = clock
        self._reading = threading.Lock()
        self._closing = threading.Event()
        self._ended = False
        self._waiting_for = _NO_ANSWER
        self._mapped_bytes = 0
        self._lease: Lease | None = None
        self.pool: FramePool | None = None
        try:
            self._process = CaptureProcess(capture.module, clock, python=capture.python)
        except OSError as error:
            raise self._not_started(error) from error
        self._process.say(job=capture.job, memory=self._process.memory_fd)

    @property
    def pid(self) -> int:
        """Of the capture process."""
        return self._process.pid

    def read(self) -> Frame | None:
        """The newest frame: one that waits already, or the next one.

        Raises:
            CameraStalledError: none within ``stall_s``.
            CameraError: the camera or its process is gone; says why.
        """
        with self._reading:
            if self._closing.is_set():
                return None
            try:
                return self._next_frame()
            except ClosedError:
                return None
            except EOFError as error:
                raise self._fault(f"the capture process died ({error})") from error

    def close(self) -> None:
        """End the process and a ``read`` that waits in another thread. Safe to call twice."""
        if not self._closing.is_set():
            self._closing.set()
            self._process.wake()
        with self._reading:
            if not self._ended:
                self._ended, self._lease, self.pool = True, None, None
                self._process.end()

    def _next_frame(self) -> Frame:
        wait_s = self._stall_s if self._waiting_for == _NO_FRAME else self._open_s
        deadline = self._clock.now() + wait_s
        self._lend_slot(deadline)
        while (message := self._process.hear(deadline)) is not None:
            if "frame" in message:
                self._waiting_for = _NO_FRAME
                return self._frame(**message["frame"])
            if "error" in message:
                raise self._capture.explain(message["error"]["kind"], message["error"]["text"])
            if "opened" in message:
                self._waiting_for = _NO_FIRST_FRAME
                deadline = self._clock.now() + self._open_s
            if "need" in message:
                self._make_pool(message["need"])
                self._lend_slot(deadline)
        raise self._silence(wait_s)

    def _frame(self, slot: int, index: int, width: int, height: int, at: float) -> Frame:
        lease, self._lease = self._lease, None
        if lease is None or lease.slot != slot:
            raise self._fault(f"the capture process filled slot {slot}, which was not lent")
        kind = self._capture.pixel_format
        shape = (height, width, 3) if kind == "bgr" else (height * 3 // 2, width)
        block = None if self.pool is None else self.pool.memory
        image = lease.array(shape)
        return Frame(image, index, at, self._name, kind, self._capture.to_bgr, block)

    def _lend_slot(self, deadline: float) -> None:
        """Have the next frame written to a free slot; wait for one while all are in use."""
        pool = self.pool
        if pool is None or self._lease is not None:
            return
        while (lease := pool.lease() if pool.free else None) is None:
            if self._clock.now() >= deadline:
                raise CameraStalledError(
                    f"{self._uri.public}: all {SLOTS} frame buffers have been in use for "
                    f"{self._stall_s:g} s. Something keeps frames instead of copying them"
                )
            if self._closing.wait(_POLL_S):
                raise ClosedError
        self._lease = lease
        self._process.say(slot=lease.slot)

    def _make_pool(self, slot_bytes: int) -> None:
        """A pool behind the old one in the same shared memory: old frames stay valid."""
        if slot_bytes > LARGEST_FRAME_BYTES:
            raise self._fault(f"its frames of {slot_bytes} bytes are too large")
        page = mmap.ALLOCATIONGRANULARITY
        offset = -(-self._mapped_bytes // page) * page
        self._mapped_bytes = offset + slot_bytes * SLOTS
        os.ftruncate(self._process.memory_fd, self._mapped_bytes)
        block = mmap.mmap(self._process.memory_fd, slot_bytes * SLOTS, offset=offset)
        self.pool = FramePool(slot_bytes, SLOTS, np.frombuffer(block, np.uint8))
        self._lease = None
        self._process.say(pool={"offset": offset, "bytes": slot_bytes, "slots": SLOTS})

    def _silence(self, waited_s: float) -> CameraError:
        silence = f"{self._uri.public}: {self._waiting_for} for {waited_s:g} s"
        if self._waiting_for == _NO_ANSWER:
            return CameraError(f"{silence}. Is the camera switched on and its address right?")
        setting = " (camera.stall_s)" if self._waiting_for == _NO_FRAME else ""
        return CameraStalledError(f"{silence}{setting}. Check the camera and its cable")

    def _not_started(self, error: OSError) -> CameraError:
        why = error.strerror
        return CameraError(f"{self._uri.public}: the capture process cannot be started ({why})")

    def _fault(self, what: str) -> CameraError:
        log = self._uri.scrub(self._process.log)
        return CameraError(
            f"{self._uri.public}: {what}" + (f". Its last words: {log}" if log else "")
        )
