"""How the line went lately, a point every few seconds, in memory that never grows."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from edge.core.clock import Clock
from edge.core.types import CameraStatus, Detections, Frame

EVERY_S = 5.0
"""A point is made this often, seconds."""
POINTS = 17_280
"""A day of them."""
_MOST_AGES = 4096  # of one point; 16 cameras at 50 frames a second


@dataclass(frozen=True, slots=True)
class Point:
    """The time since the point before; None where there was nothing to measure.

    Attributes:
        at: its end, seconds since 1970 in UTC.
        fps: inspected frames a second, of all cameras.
        frame_age_p50_ms, frame_age_p99_ms: from capture to the sinks.
        latency_p50_ms: that the detector took for a frame.
        detections: boxes found.
        temperature_c: of the machine's hottest zone, degrees Celsius.
    """

    at: float
    fps: float
    frame_age_p50_ms: float | None
    frame_age_p99_ms: float | None
    latency_p50_ms: float | None
    detections: int
    temperature_c: float | None


class Series:
    """A sink that samples; any thread may look."""

    def __init__(self, clock: Clock, wall: Callable[[], float] = time.time) -> None:
        """Begin with no point; ``wall`` gives seconds since 1970 in UTC."""
        self._clock = clock
        self._wall = wall
        self._lock = threading.Lock()
        self._points: deque[Point] = deque(maxlen=POINTS)
        self._begin()

    def emit(self, frame: Frame, detections: Detections) -> None:
        """Count one inspected frame."""
        age_s = self._clock.now() - frame.captured_at
        with self._lock:
            self._frames += 1
            self._detections += len(detections)
            self._ages.append(age_s)

    def took(self, seconds: float) -> None:
        """The detector took this long for a frame."""
        with self._lock:
            self._latencies.append(seconds)

    def camera_changed(self, status: CameraStatus) -> None:
        """States are no figures."""

    def close(self) -> None:
        """The points stay readable."""

    def point(self, temperature_c: float | None) -> None:
        """Make a point of what came since the last one."""
        with self._lock:
            span_s = self._clock.now() - self._since
            ages, latencies = list(self._ages), list(self._latencies)
            point = Point(
                at=round(self._wall(), 1),
                fps=round(self._frames / span_s, 2) if span_s > 0 else 0.0,
                frame_age_p50_ms=_percentile_ms(ages, 50),
                frame_age_p99_ms=_percentile_ms(ages, 99),
                latency_p50_ms=_percentile_ms(latencies, 50),
                detections=self._detections,
                temperature_c=temperature_c,
            )
            self._points.append(point)
            self._begin()

    def lately(self, minutes: float) -> dict[str, list[float | int | None]]:
        """The points of the last ``minutes``, oldest first: a list for each field of a point."""
        with self._lock:
            count = min(len(self._points), round(minutes * 60 / EVERY_S))
            points = [asdict(self._points[k]) for k in range(-count, 0)]
        return {name: [point[name] for point in points] for name in Point.__dataclass_fields__}

    def _begin(self) -> None:
        self._since = self._clock.now()
        self._frames = self._detections = 0
        self._ages: deque[float] = deque(maxlen=_MOST_AGES)
        self._latencies: deque[float] = deque(maxlen=_MOST_AGES)


def _percentile_ms(seconds: list[float], percent: int) -> float | None:
    return round(float(np.percentile(seconds, percent)) * 1000, 1) if seconds else None
