"""The book of the line: camera changes and figures are entered beside the loop, acts before it."""

from __future__ import annotations

import heapq
import itertools
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from edge.app.caretaker import Caretaker, Chore
from edge.app.rooms.health import HealthRoom
from edge.app.rooms.service import Service
from edge.core.types import CameraStatus, Detections, Frame
from edge.host.ledger import Happening, Ledger
from edge.host.state import Event
from edge.sinks.record.export import utc
from edge.sinks.series import EVERY_S, Series
from edge.sinks.tally import HOUR_S, Tally
from edge.sinks.web.rooms import Act

COUNT_S = 60.0
"""Figures of the hour are saved this often: a power cut costs no more than that. Seconds."""
_MOST_WAITING = 500


class Book:
    """A sink that notes, and what the rooms read in. One thread writes for the loop."""

    def __init__(
        self, ledger: Ledger, tally: Tally, series: Series, health: HealthRoom, service: Service
    ) -> None:
        """Nothing is written yet.

        Args:
            ledger: where everything goes.
            tally: what was counted.
            series: gets a point every ``EVERY_S``.
            health: of the service.
            service: whose bundles' history is told as well.
        """
        self._ledger = ledger
        self._tally = tally
        self._series = series
        self._health = health
        self._store = service.start.store
        self._clock = service.clock
        self._conditions = service.overview.conditions
        self._noted: deque[str] = deque(maxlen=_MOST_WAITING)
        self._last_state = ""
        self._counted_at = self._clock.now()

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Write on a thread of its own until the block ends, and then what is left."""
        with Caretaker([Chore("book", EVERY_S, self.step)], self._conditions, self._clock).caring():
            yield
        self._note_changes()
        self._count()

    def emit(self, frame: Frame, detections: Detections) -> None:
        """Count a frame."""
        self._tally.emit(frame, detections)
        self._series.emit(frame, detections)

    def camera_changed(self, status: CameraStatus) -> None:
        """Note it, to be written down beside the loop."""
        self._tally.camera_changed(status)
        reason = f": {status.reason}" if status.reason else ""
        self._noted.append(f"{status.camera} is {status.state.value}{reason}")

    def close(self) -> None:
        """What is left is written when ``keeping`` ends."""

    def step(self) -> None:
        """Make a point, and write down what is to be written."""
        self._series.point(self._health.temperature())
        self._note_changes()
        if self._clock.now() - self._counted_at >= COUNT_S:
            self._count()

    def act(self, what: str, act: Act) -> None:
        """See :class:`edge.sinks.web.rooms.asked.Book`."""
        self._ledger.act(what, act.who, act.why)

    def note(self, what: str) -> None:
        """Something has happened; waits for the disk."""
        self._ledger.note(what)

    def history(self, limit: int) -> list[dict[str, Any]]:
        """See :class:`edge.sinks.web.rooms.asked.Book`."""
        ours = self._ledger.history(limit)
        models = [
            _happening(event) for event in (self._store.history(limit) if self._store else ())
        ]
        both = heapq.merge(ours, models, key=lambda each: each.at, reverse=True)
        return [asdict(each) | {"at": utc(each.at)} for each in itertools.islice(both, limit)]

    def counts(self, hours: int) -> list[dict[str, Any]]:
        """See :class:`edge.sinks.web.rooms.asked.Book`."""
        self._count()
        since = int(time.time() // HOUR_S - hours + 1) * HOUR_S
        return [asdict(each) | {"hour": utc(each.hour)} for each in self._ledger.hours(since)]

    def _note_changes(self) -> None:
        state, reason = self._health.state()
        if state != self._last_state:
            self._last_state = state
            self._noted.append(f"the service is {state}{': ' if reason else ''}{reason}")
        noted = [self._noted.popleft() for _ in range(len(self._noted))]
        self._ledger.note(*noted)

    def _count(self) -> None:
        self._counted_at = self._clock.now()
        self._ledger.count(self._tally.take())


def _happening(event: Event) -> Happening:
    return Happening(datetime.fromisoformat(event.utc).timestamp(), f"{event.kind}: {event.text}")
