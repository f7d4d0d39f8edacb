"""Time as a part that tests can own. Ages and deadlines never use the wall clock."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Monotonic seconds, and waiting that can be cut short."""

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait until ``stop`` is set or ``seconds`` have passed; True if it was set."""
        ...


class MonotonicClock:
    """The machine's own clock, ``time.monotonic()``."""

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait until ``stop`` is set or ``seconds`` have passed; True if it was set."""
        return stop.wait(max(0.0, seconds))
