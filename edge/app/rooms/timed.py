"""How long the detector takes for a frame, from giving it the frame to having its detections."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from edge.core.clock import Clock
from edge.core.ports import Pipeline
from edge.core.types import Detections, Frame


class Timed:
    """A ``Pipeline`` that is another one, and tells how long each frame took."""

    def __init__(self, pipeline: Pipeline, took: Callable[[float], None], clock: Clock) -> None:
        """Tell ``took`` the seconds of every frame that was submitted and collected."""
        self._pipeline = pipeline
        self._took = took
        self._clock = clock
        self._since: deque[float] = deque()

    @property
    def description(self) -> str:
        """Of the other."""
        return self._pipeline.description

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the other."""
        return self._pipeline.labels

    @property
    def free(self) -> int:
        """Of the other."""
        return self._pipeline.free

    def __call__(self, frame: Frame) -> Detections:
        """What the other finds; a pulse, which is not timed."""
        return self._pipeline(frame)

    def submit(self, frame: Frame) -> None:
        """Pass a frame on."""
        self._since.append(self._clock.now())
        try:
            self._pipeline.submit(frame)
        except BaseException:
            self._since.pop()
            raise

    def collect(self) -> Detections:
        """What was found in the oldest frame in flight."""
        since = self._since.popleft()
        found = self._pipeline.collect()
        self._took(self._clock.now() - since)
        return found
