"""A recalibration as the running service sees it: going on, paused, how the last one ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from edge.app.notes import Progress, read_progress, write_frame_age
from edge.app.worries import Worry
from edge.core.readings import Metric, Reading
from edge.core.service import Conditions, ServiceState
from edge.engine import publish

RUNNING = Metric("edge_recalibration_running", "1 while a new bundle is being built")
PAUSED = Metric("edge_recalibration_paused", "1 while that stands still for the sake of the line")
PASSED = Metric("edge_recalibration_last_passed", "1 if the last one published a bundle, 0 if not")
METRICS = (RUNNING, PAUSED, PASSED)


class Recalibration:
    """Looks whether one goes on, and tells it how the line is doing."""

    def __init__(
        self, models: Path, conditions: Conditions, frame_age_s: Callable[[], float | None]
    ) -> None:
        """Know nothing yet.

        Args:
            models: folder of builds.
            conditions: where it is told.
            frame_age_s: 99th percentile of frame ages lately; None while no camera is live.
        """
        self._models = models
        self._conditions = conditions
        self._frame_age_s = frame_age_s
        self._running = False
        self._last: Progress | None = None

    def look(self) -> None:
        """Look once; a few system calls, unless one goes on."""
        self._running = publish.recalibrating(self._models)
        if self._running or self._last is None or not self._last.ended:
            self._last = read_progress(self._models)
        if self._running:
            write_frame_age(self._models, self._frame_age_s())
            doing = str(self._last) if self._last else "starting"
            self._conditions.begin(ServiceState.RECALIBRATING, f"a new model is built: {doing}")
        else:
            self._conditions.end(ServiceState.RECALIBRATING)

    def worries(self) -> Iterator[Worry]:
        """The last one came to nothing."""
        last = self._last
        if self._running or last is None or last.passed:
            return
        why = last.doing if last.ended else f"it died while {last}"
        yield "recalibration", f"the last recalibration published nothing: {why}"

    def readings(self) -> Iterator[Reading]:
        """What is known, in figures."""
        running, last = self._running, self._last  # another thread is looking
        yield RUNNING.at(running)
        yield PAUSED.at(running and bool(last and last.paused))
        if last is not None and not running:
            yield PASSED.at(last.passed)
