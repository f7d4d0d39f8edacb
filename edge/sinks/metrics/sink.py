"""The sink that counts frames, drops, ages and detections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from edge.core.clock import Clock, MonotonicClock
from edge.core.readings import Readings
from edge.core.service import CONDITIONS, Conditions, ServiceState
from edge.core.types import CameraState, CameraStatus, Detections, Frame
from edge.sinks.metrics.collected import Collected
from edge.sinks.summary import Gaps

MAX_LABELS = 100
"""Classes counted by name; the rest are ``other``, so that a model cannot flood the database."""

_AGE_BUCKETS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class _Series:
    """One camera's, looked up once: finding them by label costs more than counting."""

    frames: Counter
    dropped: Counter
    age: Histogram
    gaps: Gaps = field(default_factory=Gaps)


class Metrics:
    """A sink that counts into a registry of its own."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(
        self,
        labels: Sequence[str],
        *,
        viewers: Callable[[], int] = lambda: 0,
        clock: Clock | None = None,
        conditions: Conditions | None = None,
        readings: Readings | None = None,
    ) -> None:
        """Count by these class names.

        Args:
            labels: class names, by class id.
            viewers: how many watch the live view.
            clock: for the age of frames.
            conditions: what is so at the service, told when somebody asks.
            readings: what else the service can tell.
        """
        self._labels = labels
        self._clock = clock or MonotonicClock()
        self._series: dict[str, _Series] = {}
        self._reopened: dict[str, int] = {}
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._make_series(registry)
        Gauge("edge_viewers", "Open live views", registry=registry).set_function(viewers)
        so = conditions or Conditions()
        condition = Gauge(
            "edge_service_condition",
            "1 while the service is faulted, on its fallback, or recalibrating",
            ["condition"],
            registry=registry,
        )
        for state in CONDITIONS:
            condition.labels(state.value).set_function(partial(_is_so, so, state))
        if readings is not None:
            registry.register(Collected(readings))

    def emit(self, frame: Frame, detections: Detections) -> None:
        """Count one inspected frame."""
        series = self._series.get(frame.camera) or self._begin(frame.camera)
        series.frames.inc()
        series.age.observe(max(0.0, self._clock.now() - frame.captured_at))
        series.dropped.inc(series.gaps.add(frame.index))
        if detections.verdict is not None:
            self._verdicts.labels(frame.camera, detections.verdict.value).inc()
        for class_id in detections.class_ids.tolist():
            self._found.labels(frame.camera, self._label(class_id)).inc()

    def camera_changed(self, status: CameraStatus) -> None:
        """Show the camera in its new state and in no other."""
        for state in CameraState:
            self._state.labels(status.camera, state.value).set(state is status.state)
        more = status.reopened - self._reopened.get(status.camera, 0)
        self._reopened[status.camera] = status.reopened
        self._reopens.labels(status.camera).inc(max(0, more))

    def close(self) -> None:
        """Nothing is pending."""

    def exposition(self) -> bytes:
        """All metrics in Prometheus's text format."""
        return generate_latest(self._registry)

    def _make_series(self, registry: CollectorRegistry) -> None:
        self._frames = Counter("edge_frames", "Inspected frames", ["camera"], registry=registry)
        self._found = Counter(
            "edge_detections", "Boxes found", ["camera", "label"], registry=registry
        )
        self._verdicts = Counter(
            "edge_verdicts",
            "Inspected frames of cameras that have rules, by verdict; frames, not parts",
            ["camera", "verdict"],
            registry=registry,
        )
        self._dropped = Counter(
            "edge_frames_dropped",
            "Frames the camera produced that were never inspected",
            ["camera"],
            registry=registry,
        )
        self._age = Histogram(
            "edge_frame_age_seconds",
            "Age of a frame when its result is there, since its capture",
            ["camera"],
            buckets=_AGE_BUCKETS_S,
            registry=registry,
        )
        self._state = Gauge(
            "edge_camera_state",
            "1 for the state the camera is in; only in live are detections known",
            ["camera", "state"],
            registry=registry,
        )
        self._reopens = Counter(
            "edge_camera_reopens",
            "Times the camera was opened again",
            ["camera"],
            registry=registry,
        )

    def _begin(self, camera: str) -> _Series:
        self._series[camera] = series = _Series(
            self._frames.labels(camera), self._dropped.labels(camera), self._age.labels(camera)
        )
        return series

    def _label(self, class_id: int) -> str:
        known = 0 <= class_id < min(len(self._labels), MAX_LABELS)
        return self._labels[class_id] if known else "other"


def _is_so(conditions: Conditions, state: ServiceState) -> float:
    return float(state in conditions.reasons())
