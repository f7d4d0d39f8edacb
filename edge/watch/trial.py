"""A new bundle's first comparisons with its fallback engine: does it stay?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from edge.core.config import WatchConfig
from edge.core.types import Detections
from edge.watch.comparison import Comparison, compare, shortfall


class Outcome(str, Enum):
    """How a trial stands."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TrialVerdict:
    """How a trial stands, and by what.

    Attributes:
        outcome: final unless pending.
        reason: one line for a person.
        f1_50: agreement so far; None without a box.
        f1_85: the same at IoU 0.85.
        boxes: seen so far, of both engines together.
        frames: seen so far with a box.
    """

    outcome: Outcome
    reason: str
    f1_50: float | None
    f1_85: float | None
    boxes: int
    frames: int


class Trial:
    """Judges a bundle that has just been swapped in.

    It fails as soon as chance cannot explain the disagreement, and is confirmed once enough boxes
    were seen. Frames without a box decide nothing: a line at rest leaves the trial pending, for as
    long as it takes.
    """

    def __init__(self, settings: WatchConfig) -> None:
        """Start without evidence."""
        self._settings = settings
        self._seen = Comparison()
        self._outcome = Outcome.PENDING
        self._failure = ""

    def add(self, engine: Detections, fallback: Detections) -> TrialVerdict:
        """Judge anew by one more frame that both engines have seen; a decision is not changed.

        Args:
            engine: what the new bundle's engine found.
            fallback: what its fallback engine found.
        """
        if self._outcome is Outcome.PENDING:
            self._seen += compare(engine, fallback)
            self._failure = shortfall(self._seen, self._settings)
            if self._failure:
                self._outcome = Outcome.FAILED
            elif self._enough():
                self._outcome = Outcome.CONFIRMED
        return self.verdict()

    def verdict(self) -> TrialVerdict:
        """How it stands now."""
        seen = self._seen
        return TrialVerdict(
            self._outcome, self._reason(), seen.f1_50, seen.f1_85, seen.boxes, seen.frames
        )

    def _enough(self) -> bool:
        wanted = self._settings
        return self._seen.boxes >= wanted.trial_boxes and self._seen.frames >= wanted.trial_frames

    def _reason(self) -> str:
        seen, wanted = self._seen, self._settings
        if self._outcome is Outcome.FAILED:
            return self._failure
        if self._outcome is Outcome.PENDING:
            return f"on trial: {seen} (of {wanted.trial_boxes} in {wanted.trial_frames})"
        return f"agreement with the fallback engine {seen.f1_50:.3f} / {seen.f1_85:.3f} over {seen}"
