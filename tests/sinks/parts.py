"""Frames, detections and waiting, for the tests of the sinks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from edge.core.types import CameraState, CameraStatus, Detections, Frame
from edge.sinks.web.server import About, LiveView

LABELS = ("scratch", "dent", "crack")
ABOUT = About("yolov8n-line", lambda: "ONNX Runtime CPU, fp32", LABELS, "1.2.3")
DEADLINE_S = 20.0


class TestClock:
    """Monotonic seconds that only the test moves."""

    __test__ = False

    def __init__(self, now: float = 100.0) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.time += seconds
        return stop.is_set()


def frame(
    index: int = 0,
    *,
    camera: str = "line-1",
    at: float | None = None,
    width: int = 320,
    height: int = 180,
) -> Frame:
    """A grey frame with a bright square, captured ``at`` or now."""
    image = np.full((height, width, 3), 90, np.uint8)
    image[height // 4 : height // 2, width // 4 : width // 2] = (40, 160, 220)
    return Frame(image, index, time.monotonic() if at is None else at, camera)


def found(*class_ids: int) -> Detections:
    """One box a class, side by side, scores from 0.9 downwards."""
    boxes = [[10 + 60 * i, 40, 60 + 60 * i, 90] for i in range(len(class_ids))]
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.linspace(0.9, 0.5, len(class_ids), dtype=np.float32),
        np.array(class_ids, np.int32),
    )


def status(
    state: CameraState, reason: str = "", camera: str = "line-1", at: float = 0.0
) -> CameraStatus:
    return CameraStatus(camera, state, reason, at)


def until(done: Callable[[], bool], what: str) -> None:
    """Wait for a condition; failing names it."""
    deadline = time.monotonic() + DEADLINE_S
    while not done():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.01)


@contextmanager
def running_line(
    view: LiveView, detections: Detections, camera: str = "line-1", fps: float = 30
) -> Iterator[Callable[[], int]]:
    """A loop in a thread that emits frames; yields how many it has emitted."""
    stop = threading.Event()
    emitted = 0

    def run() -> None:
        nonlocal emitted
        while not stop.wait(1 / fps):
            view.emit(frame(emitted, camera=camera), detections)
            emitted += 1

    thread = threading.Thread(target=run, name="test line")
    thread.start()
    try:
        yield lambda: emitted
    finally:
        stop.set()
        thread.join()
