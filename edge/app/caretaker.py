"""Small chores beside the line, each in its own rhythm, on one thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from edge.core.beside import beside
from edge.core.clock import Clock
from edge.core.service import Conditions

TICK_S = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to be done now and then; it may wait for a disk, not for a person.

    Attributes:
        name: for the log.
        every_s: how often, seconds.
        do: once.
    """

    name: str
    every_s: float
    do: Callable[[], None]


class Caretaker:
    """Does the chores. One that fails is told, once, and takes no other with it."""

    def __init__(self, chores: Sequence[Chore], conditions: Conditions, clock: Clock) -> None:
        """Do nothing yet; every chore is done on the first step."""
        self._chores = chores
        self._conditions = conditions
        self._clock = clock
        self._done: dict[str, float] = {}
        self._stop = threading.Event()

    def caring(self) -> AbstractContextManager[None]:
        """Work on a thread of its own until the block ends."""
        return beside(self._run, "caretaker", self._stop)

    def step(self) -> None:
        """Whatever is due."""
        now = self._clock.now()
        for chore in self._chores:
            if now - self._done.get(chore.name, float("-inf")) >= chore.every_s:
                self._done[chore.name] = now
                self._attempt(chore)

    def _run(self) -> None:
        self.step()
        while not self._clock.wait(self._stop, TICK_S):
            self.step()

    def _attempt(self, chore: Chore) -> None:
        about = f"chore {chore.name}"
        try:
            chore.do()
        except Exception as error:
            if self._conditions.warn(about, f"{chore.name}: {error!r}"):
                _log.exception("%s: failing; the line goes on", about)
        else:
            if self._conditions.calm(about):
                _log.warning("%s: works again", about)
