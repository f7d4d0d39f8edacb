"""Everything beside the loop that looks after the service: what it tells, and the chores for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge.app import machine, readings, recalibration, storage
from edge.app.caretaker import Caretaker, Chore
from edge.app.keeping import Kept, Start, state_folder
from edge.app.worries import Worries
from edge.core.clock import Clock
from edge.core.config import EdgeConfig
from edge.core.readings import Reading, Readings
from edge.sinks.overview import Overview

LOOK_S = 10.0
"""How often machine and disk are looked at, seconds."""
METRICS = (
    *readings.SERVICE,
    *readings.MODEL,
    *machine.METRICS,
    *storage.METRICS,
    *recalibration.METRICS,
)
"""All that it can tell, besides what is counted frame by frame."""


class Tending:
    """Machine, disk, recalibration and model, looked at in turn and told in figures.

    Attributes:
        storage: of what is kept; it wants to know of the sinks as soon as there are some.
        caretaker: does the chores.
        readings: for whoever shows figures.
    """

    def __init__(
        self,
        config: EdgeConfig,
        start: Start,
        kept: Kept,
        overview: Overview,
        clock: Clock,
        root: Path = Path("/"),
    ) -> None:
        """Look at everything once.

        Args:
            config: of the service.
            start: what it runs.
            kept: who keeps that right.
            overview: how the service is.
            clock: for rhythms.
            root: of the file system whose ``sys`` and ``proc`` are read.
        """
        self._start = start
        self._kept = kept
        self._overview = overview
        self._machine = machine.Machine(state_folder(), start.serving.power_mode, root)
        self.storage = storage.Storage(config, start.builds, start.guard, start.store)
        self.storage.collect, self.storage.evidence = kept.collect, kept.evidence
        self._recalibration = start.builds and recalibration.Recalibration(
            start.builds, overview.conditions, overview.frame_age_s
        )
        self.caretaker = Caretaker(list(self._chores(clock)), overview.conditions, clock)
        self.readings = Readings(METRICS, self._read)

    def _chores(self, clock: Clock) -> Iterator[Chore]:
        sources = [self._machine.worries, self.storage.worries]
        if self._recalibration:
            yield Chore("recalibration", 1.0, self._recalibration.look)
            sources.append(self._recalibration.worries)
        if self._start.guard is not None:
            yield Chore("crash guard", LOOK_S, self._start.guard.alive)
        yield Chore("machine", LOOK_S, self._machine.look)
        yield Chore("disk", 3 * LOOK_S, self.storage.look)
        yield Chore("worries", LOOK_S, Worries(sources, self._overview.conditions, clock).look)

    def _read(self) -> Iterator[Reading]:
        keeper = self._kept.keeper
        serving = keeper.serving if keeper else self._start.serving
        yield from readings.of_service(self._overview.health()["state"], self._overview.conditions)
        yield from readings.of_model(serving, keeper.figures if keeper else None)
        yield from self._machine.readings()
        yield from self.storage.readings()
        if self._recalibration:
            yield from self._recalibration.readings()
