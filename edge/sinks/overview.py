"""How the service is, at any moment: the cameras' states, their figures, and what else is so."""

from __future__ import annotations

import threading
from typing import Any

from edge.core.clock import Clock
from edge.core.service import Conditions
from edge.core.types import CameraState, CameraStatus, Detections, Frame
from edge.sinks.health import health
from edge.sinks.lately import Lately
from edge.sinks.summary import Summary


class Overview:
    """A sink that only remembers; any thread may ask it.

    Attributes:
        summary: figures of the run.
        conditions: what else is so.
    """

    def __init__(self, clock: Clock, conditions: Conditions) -> None:
        self.summary = Summary(clock)
        self.conditions = conditions
        self._clock = clock
        self._lately = Lately()
        self._lock = threading.Lock()
        self._statuses: dict[str, CameraStatus] = {}

    def emit(self, frame: Frame, detections: Detections) -> None:
        """Count one inspected frame."""
        self.summary.emit(frame, detections)
        now = self._clock.now()
        self._lately.add(now, now - frame.captured_at)

    def camera_changed(self, status: CameraStatus) -> None:
        """Remember a camera's state."""
        self.summary.camera_changed(status)
        with self._lock:
            self._statuses[status.camera] = status

    def close(self) -> None:
        """Nothing to let go of."""
        self.summary.close()

    def health(self) -> dict[str, Any]:
        """See :func:`edge.sinks.health.health`."""
        with self._lock:
            statuses = dict(self._statuses)
        so, now = self.conditions, self._clock.now()
        return health(statuses, self.summary.report().cameras, now, so.reasons(), so.warnings())

    def frame_age_s(self) -> float | None:
        """99th percentile of frame ages lately, seconds; None while no camera is live.

        A live camera that waits for its next result counts with the time that it has waited.
        """
        with self._lock:
            states = {name: status.state for name, status in self._statuses.items()}
        now, cameras = self._clock.now(), self.summary.report().cameras
        live = [name for name in cameras if states.get(name, CameraState.LIVE) is CameraState.LIVE]
        if not live:
            return None
        last = [cameras[name].last_at for name in live]
        return self._lately.p99_s(now, tuple(now - at for at in last if at is not None))

    def none_is_live(self) -> bool:
        """Every camera has said that it is not live: no frame is to be expected."""
        with self._lock:
            states = [status.state for status in self._statuses.values()]
        return bool(states) and CameraState.LIVE not in states
