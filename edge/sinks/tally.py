"""Frames, verdicts and detections by the hour, counted in memory until somebody takes them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edge.core.clock import Clock
from edge.core.hour import Hour
from edge.core.types import CameraState, CameraStatus, Detections, Frame, Verdict
from edge.sinks.rows import label_of
from edge.sinks.summary import Gaps

HOUR_S = 3600


@dataclass(slots=True)
class _Count:
    """Of one camera in one hour."""

    frames: int = 0
    dropped: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    blind_s: float = 0.0


@dataclass(slots=True)
class _Camera:
    """What is known of one camera from frame to frame."""

    gaps: Gaps = field(default_factory=Gaps)
    blind_since: float | None = None


class Tally:
    """A sink that counts; ``take`` hands over what was counted since the last time.

    A frame that nobody inspected is UNKNOWN where the camera has rules, as a late one is. Time in
    which a camera is not live is told beside the counts: an hour without NG frames is no good hour
    when nobody looked.
    """

    def __init__(
        self, labels: Sequence[str], clock: Clock, wall: Callable[[], float] = time.time
    ) -> None:
        """Count by these class names; ``wall`` gives seconds since 1970 in UTC."""
        self._labels = labels
        self._clock = clock
        self._wall = wall
        self._lock = threading.Lock()
        self._counts: dict[tuple[int, str], _Count] = {}
        self._cameras: dict[str, _Camera] = {}

    def emit(self, frame: Frame, detections: Detections) -> None:
        """Count one inspected frame."""
        with self._lock:
            count = self._count(frame.camera)
            missed = self._camera(frame.camera).gaps.add(frame.index)
            count.frames += 1
            count.dropped += missed
            if detections.verdict is not None:
                count.verdicts[detections.verdict] += 1
                count.verdicts[Verdict.UNKNOWN] += missed
            for class_id in detections.class_ids.tolist():
                count.labels[label_of(class_id, self._labels)] += 1

    def camera_changed(self, status: CameraStatus) -> None:
        """Note from when to when a camera is not live."""
        with self._lock:
            camera = self._camera(status.camera)
            self._add_blindness(status.camera, camera)
            camera.blind_since = None if status.state is CameraState.LIVE else self._clock.now()

    def close(self) -> None:
        """What was not taken stays to be taken."""

    def take(self) -> list[Hour]:
        """What was counted since the last time; it begins from nought again."""
        with self._lock:
            for name, camera in self._cameras.items():
                self._add_blindness(name, camera)
            counts, self._counts = self._counts, {}
        return [_hour(hour, camera, count) for (hour, camera), count in counts.items()]

    def _add_blindness(self, name: str, camera: _Camera) -> None:
        if camera.blind_since is not None:
            now = self._clock.now()
            self._count(name).blind_s += now - camera.blind_since
            camera.blind_since = now

    def _camera(self, name: str) -> _Camera:
        return self._cameras.setdefault(name, _Camera())

    def _count(self, camera: str) -> _Count:
        hour = int(self._wall() // HOUR_S) * HOUR_S
        return self._counts.setdefault((hour, camera), _Count())


def _hour(hour: int, camera: str, count: _Count) -> Hour:
    return Hour(
        hour,
        camera,
        count.frames,
        count.dropped,
        ok=count.verdicts[Verdict.OK],
        ng=count.verdicts[Verdict.NG],
        unknown=count.verdicts[Verdict.UNKNOWN],
        blind_s=round(count.blind_s, 3),
        detections=dict(count.labels),
    )
