"""Parts that play scripts, in place of devices and of time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import numpy as np

from edge.core.clock import Clock
from edge.core.ports import Camera
from edge.core.types import Frame, Image


class FakeClock:
    """Time that passes only when somebody waits, or ``pass_by`` is called."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self.seconds

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        self.pass_by(max(0.0, seconds))
        return stop.is_set()

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds


Step = Frame | Exception | Callable[[], None] | None


class FakeCamera:
    """Plays steps: delivers a frame, raises an error, calls a function, or ends with None."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self._steps = iter(steps)
        self.closed = 0

    def read(self) -> Frame | None:
        for step in self._steps:
            if isinstance(step, Exception):
                raise step
            if step is None or isinstance(step, Frame):
                return step
            step()
        return None

    def close(self) -> None:
        self.closed += 1


def noisy_picture(seed: int, width: int = 64, height: int = 48) -> Image:
    """A picture with sensor noise, as a live camera gives: uint8 (height, width, 3)."""
    return np.random.default_rng(seed).integers(90, 160, (height, width, 3), dtype=np.uint8)


def frame(index: int, image: Image | None = None) -> Frame:
    """A live frame; every index has noise of its own."""
    return Frame(noisy_picture(index) if image is None else image, index, 0.0, "press-3")


_clock: Clock = FakeClock()
_camera: Camera = FakeCamera([])
