"""Stand-ins that keep the ports, for tests of the stories; mypy proves that they do."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from edge.core.ports import CameraFeed, Detector, Sink
from edge.core.types import CameraEvent, CameraState, CameraStatus, Detections, Frame


def a_frame(index: int = 0, camera: str = "cam", width: int = 64, height: int = 48) -> Frame:
    return Frame(
        np.full((height, width, 3), index % 256, np.uint8), index, float(index), camera=camera
    )


def a_status(camera: str = "cam", state: CameraState = CameraState.LOST) -> CameraStatus:
    return CameraStatus(camera, state, "unplugged", at=0.0)


def one_box(score: float = 0.9, class_id: int = 0) -> Detections:
    return Detections(
        np.array([[1, 2, 11, 12]], np.float32),
        np.array([score], np.float32),
        np.array([class_id], np.int32),
    )


class FakeFeed:
    """Plays a script of events, then ends or raises."""

    def __init__(
        self, events: Iterable[CameraEvent], ending: Exception | None = None, name: str = "cam"
    ) -> None:
        self.name = name
        self.dropped = 0
        self.turns = 0
        self.closed = False
        self._events = events
        self._ending = ending

    def __iter__(self) -> Iterator[CameraEvent]:
        for event in self._events:
            if self.closed:
                return
            yield event
        if self._ending is not None:
            raise self._ending

    def close(self) -> None:
        self.closed = True


class FakeDetector:
    """Finds the same in every frame."""

    description = "fake"
    labels: tuple[str, ...] = ("dent",)

    def __init__(self, found: Detections | None = None) -> None:
        self._found = Detections.none() if found is None else found

    def __call__(self, frame: Frame) -> Detections:
        return self._found


class FakePipeline(FakeDetector):
    """Keeps up to three frames in flight."""

    def __init__(self, found: Detections | None = None) -> None:
        super().__init__(found)
        self.in_flight: deque[Frame] = deque()

    @property
    def free(self) -> int:
        return 3 - len(self.in_flight)

    def submit(self, frame: Frame) -> None:
        assert self.free
        self.in_flight.append(frame)

    def collect(self) -> Detections:
        return self(self.in_flight.popleft())


class ListSink:
    """Remembers what it was given, as ``(camera, index)`` and states, in order."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int] | tuple[str, CameraState]] = []
        self.closed = False

    def emit(self, frame: Frame, detections: Detections) -> None:
        self.seen.append((frame.camera, frame.index))

    def camera_changed(self, status: CameraStatus) -> None:
        self.seen.append((status.camera, status.state))

    def close(self) -> None:
        self.closed = True


_feed: type[CameraFeed] = FakeFeed
_detector: type[Detector] = FakeDetector
_sink: type[Sink] = ListSink
