"""A frame now and then for another thread; the loop never waits for it."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass

from edge.core.clock import Clock
from edge.core.types import CameraStatus, Detections, Frame


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A copy of an inspected frame, and what was found in it."""

    frame: Frame
    found: Detections


class Tap:
    """A sink that copies a frame when one is due and nobody is behind with the last one."""

    def __init__(self, due: Callable[[float, str], bool], clock: Clock) -> None:
        """Ask ``due(now, camera)`` whether a frame is wanted; True takes the turn."""
        self._due = due
        self._clock = clock
        self._samples: queue.Queue[Sample] = queue.Queue(1)

    def emit(self, frame: Frame, detections: Detections) -> None:
        """Copy this frame, if it is due."""
        if self._samples.full() or not self._due(self._clock.now(), frame.camera):
            return
        copy = Frame(frame.bgr().copy(), frame.index, frame.captured_at, frame.camera)
        self._samples.put_nowait(Sample(copy, detections))

    def camera_changed(self, status: CameraStatus) -> None:
        """No frame, nothing to do."""

    def close(self) -> None:
        """Nothing to let go of."""

    def take(self, timeout_s: float) -> Sample | None:
        """The next sample; None when there is none for so long."""
        try:
            return self._samples.get(timeout=timeout_s) if timeout_s else self._samples.get_nowait()
        except queue.Empty:
            return None
