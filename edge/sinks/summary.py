"""What a run amounted to: counts, rates and frame ages, in memory that never grows."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from math import floor, log

import numpy as np

from edge.core.clock import Clock, MonotonicClock
from edge.core.types import CameraStatus, Detections, Frame

RECENT_S = 5.0
"""How far back the recent frame rate looks, seconds."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Frame age at the sink, in milliseconds, over the whole run; None before the first frame."""

    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class CameraReport:
    """One camera's share of the run.

    Attributes:
        frames: inspected frames.
        fps: inspected frames a second over the run.
        recent_fps: the same over the last ``RECENT_S`` seconds; falls to 0 when frames stop.
        detections: boxes found.
        dropped: frames the camera produced that were never inspected.
        latency_ms: capture to sink.
        last_at: monotonic seconds of the last inspected frame; None before the first.
    """

    frames: int
    fps: float
    recent_fps: float
    detections: int
    dropped: int
    latency_ms: Percentiles
    last_at: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """The whole run, all cameras together, and each by its name."""

    frames: int
    fps: float
    detections: int
    dropped: int
    latency_ms: Percentiles
    cameras: dict[str, CameraReport]


class Ages:
    """A histogram of ages, 0.1 ms to 1000 s, in steps of 2 %: percentiles to 1 %, for ever."""

    _LEAST_S = 1e-4
    _STEP = log(1.02)
    _STEPS = 815

    def __init__(self) -> None:
        self.counts = np.zeros(self._STEPS, np.int64)

    def add(self, age_s: float) -> None:
        """Count one age, in seconds; beyond the range it counts as the nearest end."""
        step = floor(log(max(age_s, self._LEAST_S) / self._LEAST_S) / self._STEP)
        self.counts[min(step, self._STEPS - 1)] += 1

    def percentile_ms(self, percent: int) -> float | None:
        """The age below which ``percent`` of all lie, in milliseconds; None of nothing."""
        upto = np.cumsum(self.counts)
        if not upto[-1]:
            return None
        rank = max(1, -(-int(upto[-1]) * percent // 100))
        step = int(np.searchsorted(upto, rank))
        return round(float(self._LEAST_S * np.exp((step + 0.5) * self._STEP)) * 1000, 2)

    def percentiles(self) -> Percentiles:
        """Median and 99th percentile."""
        return Percentiles(self.percentile_ms(50), self.percentile_ms(99))


class Rate:
    """Frames a second: over the run from first to last, and lately."""

    def __init__(self) -> None:
        self.count = 0
        self.first_at = self.last_at = 0.0
        self._recent: deque[float] = deque(maxlen=1024)

    def add(self, now: float) -> None:
        """Count one frame, at ``now`` monotonic seconds."""
        if not self.count:
            self.first_at = now
        self.count += 1
        self.last_at = now
        self._recent.append(now)

    def overall(self) -> float:
        """Frames a second from the first frame to the last: n stamps make n - 1 intervals."""
        span = self.last_at - self.first_at
        return round((self.count - 1) / span, 2) if span > 0 else 0.0

    def recent(self, now: float) -> float:
        """Frames a second over the last ``RECENT_S``; a gap since the last frame counts too."""
        stamps = [at for at in self._recent if now - at <= RECENT_S]
        if len(stamps) < 2:
            return 0.0
        intervals, span = len(stamps) - 1, stamps[-1] - stamps[0]
        usual = span / intervals
        if now - stamps[-1] > 2 * usual:
            span = now - stamps[0]
        return round(intervals / span, 2) if span > 0 else 0.0


class Gaps:
    """Counts frames that a camera produced and nobody inspected, from holes in the index."""

    def __init__(self) -> None:
        self._expected = 0
        self.total = 0

    def add(self, index: int) -> int:
        """Note this frame's index; returns how many frames are missing before it.

        An index that goes back is a camera that counts anew, not a gap.
        """
        missed = max(0, index - self._expected)
        self._expected = index + 1
        self.total += missed
        return missed


class _Camera:
    """What is kept about one camera."""

    def __init__(self) -> None:
        self.rate = Rate()
        self.ages = Ages()
        self.gaps = Gaps()
        self.detections = 0

    def report(self, now: float) -> CameraReport:
        return CameraReport(
            frames=self.rate.count,
            fps=self.rate.overall(),
            recent_fps=self.rate.recent(now),
            detections=self.detections,
            dropped=self.gaps.total,
            latency_ms=self.ages.percentiles(),
            last_at=self.rate.last_at,
        )


class Summary:
    """A sink that counts. Written by the loop, read from any thread."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or MonotonicClock()
        self._lock = threading.Lock()
        self._cameras: dict[str, _Camera] = {}
        self._rate = Rate()

    def emit(self, frame: Frame, detections: Detections) -> None:
        """Count one inspected frame."""
        now = self._clock.now()
        with self._lock:
            camera = self._cameras.setdefault(frame.camera, _Camera())
            self._rate.add(now)
            camera.rate.add(now)
            camera.ages.add(now - frame.captured_at)
            camera.gaps.add(frame.index)
            camera.detections += len(detections)

    def camera_changed(self, status: CameraStatus) -> None:
        """States are not counted here."""

    def close(self) -> None:
        """Nothing is pending; the report stays readable."""

    def camera(self, name: str) -> CameraReport | None:
        """One camera's report up to now; None before its first frame."""
        now = self._clock.now()
        with self._lock:
            camera = self._cameras.get(name)
            return camera.report(now) if camera else None

    def report(self) -> Report:
        """Everything up to now."""
        now = self._clock.now()
        with self._lock:
            cameras = {name: camera.report(now) for name, camera in self._cameras.items()}
            together = Ages()
            for camera in self._cameras.values():
                together.counts += camera.ages.counts
            return Report(
                frames=self._rate.count,
                fps=self._rate.overall(),
                detections=sum(camera.detections for camera in cameras.values()),
                dropped=sum(camera.dropped for camera in cameras.values()),
                latency_ms=together.percentiles(),
                cameras=cameras,
            )
