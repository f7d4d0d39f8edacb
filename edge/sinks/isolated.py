"""A sink that may fail without stopping the line."""

from __future__ import annotations

import logging
from collections.abc import Callable

from edge.core.ports import Sink
from edge.core.types import CameraStatus, Detections, Frame

_log = logging.getLogger(__name__)


class Isolated:
    """Passes everything on to one sink and survives whatever it raises.

    A failure is logged with its exception when it starts, and once more when the sink works
    again; what was lost in between is counted.

    Attributes:
        name: what the log calls it.
        failures: calls that failed since the start.
        failing: whether the last call failed.
    """

    def __init__(self, sink: Sink, name: str) -> None:
        """Isolate ``sink``; ``name`` is what the log calls it."""
        self._sink = sink
        self.name = name
        self._lost = 0
        self.failures = 0

    @property
    def failing(self) -> bool:
        """Whether the last call failed."""
        return self._lost > 0

    def emit(self, frame: Frame, detections: Detections) -> None:
        """Offer one inspected frame to the sink; never raises."""
        self._attempt(lambda: self._sink.emit(frame, detections))

    def camera_changed(self, status: CameraStatus) -> None:
        """Tell the sink about a camera's new state; never raises."""
        self._attempt(lambda: self._sink.camera_changed(status))

    def close(self) -> None:
        """Close the sink; a failure to do so is logged, never raised."""
        try:
            self._sink.close()
        except Exception:
            self.failures += 1
            _log.exception("sink %s: failed to close; its last results may be missing", self.name)

    def _attempt(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            self._failed()
        else:
            self._worked()

    def _failed(self) -> None:
        self.failures += 1
        self._lost += 1
        if self._lost == 1:
            _log.exception("sink %s: failing; the line goes on without it", self.name)

    def _worked(self) -> None:
        if self._lost:
            _log.warning("sink %s: works again; %d results were lost", self.name, self._lost)
            self._lost = 0
