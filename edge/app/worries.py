"""What somebody should look after: told when it begins and when it has been over for a while."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from edge.core.clock import Clock
from edge.core.service import Conditions

QUIET_S = 60.0
"""A worry that was gone for so long is over: one that comes and goes is told once. Seconds."""

Worry = tuple[str, str]
"""What it is about, and the reason."""

_log = logging.getLogger(__name__)


class Worries:
    """Warnings from whoever has some."""

    def __init__(
        self,
        sources: Sequence[Callable[[], Iterable[Worry]]],
        conditions: Conditions,
        clock: Clock,
    ) -> None:
        """Ask ``sources`` for all that worries them now."""
        self._sources = sources
        self._conditions = conditions
        self._clock = clock
        self._seen: dict[str, float] = {}

    def look(self) -> None:
        """Ask once."""
        now = self._clock.now()
        for source in self._sources:
            for about, reason in source():
                self._seen[about] = now
                if self._conditions.warn(about, reason):
                    _log.warning("%s: %s", about, reason)
        for about in [about for about, at in self._seen.items() if now - at >= QUIET_S]:
            del self._seen[about]
            self._conditions.calm(about)
            _log.warning("%s: all is well again", about)
