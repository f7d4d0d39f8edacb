"""How the service is, at any moment: the cameras' states, their figures, and what else is so."""

from __future__ import annotations

import threading
from typing import Any

from edge.core.clock import Clock
from edge.core.service import Conditions
from edge.core.types import CameraState, CameraStatus, Detections, Frame
from edge.sinks.health import health
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
        self._lock = threading.Lock()
        self._statuses: dict[str, CameraStatus] = {}

    def emit(self, frame: Frame, detections: Detections) -> None:
        """Count one inspected frame."""
        self.summary.emit(frame, detections)

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
        now, conditions = self._clock.now(), self.conditions.reasons()
        return health(statuses, self.summary.report().cameras, now, conditions)

    def none_is_live(self) -> bool:
        """Every camera has said that it is not live: no frame is to be expected."""
        with self._lock:
            states = [status.state for status in self._statuses.values()]
        return bool(states) and CameraState.LIVE not in states
