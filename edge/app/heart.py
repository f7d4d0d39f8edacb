"""The service's heartbeat: a loop that hangs is restarted, a line without cameras is not."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import numpy as np

from edge.core.beside import beside
from edge.core.clock import Clock
from edge.core.ports import CameraFeed, Heartbeat
from edge.core.service import INSPECTING, ServiceState
from edge.core.types import Frame, Pulse
from edge.sinks.overview import Overview

EVERY_S = 1.0
"""How often it looks; far below any watchdog's interval."""
STUCK_S = 120.0
"""Cameras that are not live and do nothing at all for this long hang in a driver. Seconds."""

_log = logging.getLogger(__name__)


class Heart:
    """Feeds the watchdog from completed inferences; tells its manager the state and all reasons.

    The log hears of changes of the state only.

    While no camera is live the engine is asked by a :class:`Pulse`, as long as somebody still
    tries to open the cameras. So lost cameras never restart the service; a stuck engine, loop or
    driver does.
    """

    def __init__(
        self,
        heartbeat: Heartbeat,
        overview: Overview,
        feeds: Sequence[CameraFeed],
        ask: Callable[[Pulse], None],
        clock: Clock,
    ) -> None:
        """Prepare.

        Args:
            heartbeat: who restarts this process.
            overview: how the service is.
            feeds: of all cameras.
            ask: hands a pulse to the loop, without waiting.
            clock: for tests.
        """
        self._heartbeat = heartbeat
        self._overview = overview
        self._feeds = feeds
        self._ask = ask
        self._clock = clock
        self._inferences = 0
        self._told = 0
        self._turns = -1
        self._turned_at = clock.now()
        self._state: ServiceState | None = None
        self._text = ""
        self._stop = threading.Event()

    def alive(self) -> None:
        """The loop completed an inference."""
        self._inferences += 1

    def beating(self) -> AbstractContextManager[None]:
        """Look about every second, on a thread of its own, until the block ends."""
        return beside(self._run, "heart", self._stop)

    def beat(self) -> None:
        """Look about once."""
        inferences = self._inferences
        if inferences != self._told:
            self._told = inferences
            self._heartbeat.watchdog()
        elif self._overview.none_is_live() and self._cameras_are_tended():
            self._ask(Pulse(_blank()))
        self._tell_state()

    def _run(self) -> None:
        while not self._clock.wait(self._stop, EVERY_S):
            self.beat()

    def _cameras_are_tended(self) -> bool:
        turns, now = sum(feed.turns for feed in self._feeds), self._clock.now()
        if turns != self._turns:
            self._turns, self._turned_at = turns, now
        return now - self._turned_at < STUCK_S

    def _tell_state(self) -> None:
        health = self._overview.health()
        state = ServiceState(health["state"])
        text = ": ".join([state.value, *health["reasons"][:3]])
        if state is not self._state:
            self._state = state
            good = state in INSPECTING and state is not ServiceState.DEGRADED
            _log.log(logging.INFO if good else logging.WARNING, "service is %s", text)
        if text != self._text:
            self._text = text
            self._heartbeat.status(text)


def _blank() -> Frame:
    return Frame(np.full((640, 640, 3), 114, np.uint8), 0, 0.0, camera="pulse")
