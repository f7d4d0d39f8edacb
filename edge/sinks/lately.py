"""How old frames were when their results came, lately: is the line being slowed down?"""

from __future__ import annotations

import threading
from collections import deque

import numpy as np

WINDOW_S = 10.0
"""How far back it looks, seconds."""
_MOST = 8192  # of 16 cameras at 50 frames a second


class Lately:
    """Ages of the newest frames, for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ages: deque[tuple[float, float]] = deque(maxlen=_MOST)

    def add(self, now: float, age_s: float) -> None:
        """A frame of this age has its result, at ``now`` monotonic seconds."""
        with self._lock:
            self._ages.append((now, age_s))

    def p99_s(self, now: float, waiting_s: tuple[float, ...] = ()) -> float | None:
        """The 99th percentile of the ages over the last ``WINDOW_S``; None of nothing.

        Args:
            now: monotonic seconds.
            waiting_s: how long live cameras have been waiting for a result by now, each of which
                counts as an age: a line that gets no results at all is no quick line.
        """
        with self._lock:
            ages = [age for at, age in self._ages if now - at <= WINDOW_S]
        if not ages and not waiting_s:
            return None
        return max(float(np.percentile(ages, 99)) if ages else 0.0, *waiting_s, 0.0)
