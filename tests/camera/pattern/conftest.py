from __future__ import annotations

import threading

import pytest


class FakeClock:
    """Waiting takes no time: it moves the clock."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        if stop.is_set():
            return True
        self.time += max(0.0, seconds)
        return False


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
