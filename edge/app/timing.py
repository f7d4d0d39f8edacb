"""How long a frame takes when the model has the board to itself, without a build beside it.

A build is timed while the line and the build itself are at work, so its figures are upper bounds,
and TensorRT may even have chosen its kernels by such figures. So the model is timed again when it
is in service, and compared with the one before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from edge.core.ports import Detector
from edge.core.service import Conditions
from edge.watch import Canary

SLOWER = 1.3
"""A new model that takes so many times as long as the one before is told. Our choice: among eight
canaries between the frames of a busy loop the quickest waits for a ninth of a frame."""
ABOUT = "speed of the model"
"""What the warning is about."""


class AloneTimes:
    """Times of the models that were in service, each by its canaries."""

    def __init__(
        self,
        conditions: Conditions,
        tell: Callable[[str, str], None],
        seconds: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Know none yet.

        Args:
            conditions: where a slow model is warned about.
            tell: ``tell(kind, text)`` for the history.
            seconds: a clock of high resolution.
        """
        self._conditions = conditions
        self._tell = tell
        self._seconds = seconds
        self._last: tuple[str, float] | None = None

    @property
    def alone_s(self) -> float | None:
        """Of the model in service; None while it has shown no canary."""
        last = self._last
        return last and last[1]

    def take(self, name: str, detect: Detector, canaries: Sequence[Canary]) -> None:
        """Time a model that is new in service; compare it with the one before.

        The quickest canary counts: whatever else is at work, such as live frames in between, only
        adds.

        Args:
            name: of the bundle.
            detect: what the loop uses too: nothing else runs on it meanwhile.
            canaries: of the bundle; without any it stays unknown.
        """
        if not canaries:
            return
        taken = min(self._timed(detect, canary) for canary in canaries)
        before, self._last = self._last, (name, taken)
        if before is None or before[0] == name:
            return
        if taken > SLOWER * before[1]:
            text = (
                f"a frame takes {taken * 1e3:.1f} ms in {name}, {before[1] * 1e3:.1f} ms in "
                f"{before[0]}: build it again while the line rests (edge recalibrate)"
            )
            if self._conditions.warn(ABOUT, text):
                self._tell("slower", text)
        else:
            self._conditions.calm(ABOUT)

    def _timed(self, detect: Detector, canary: Canary) -> float:
        began = self._seconds()
        detect(canary.frame)
        return self._seconds() - began
