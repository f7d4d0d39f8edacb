"""What two engines found in the same frames, and whether they differ by more than chance."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from edge.core.config import WatchConfig
from edge.core.types import Detections
from edge.vision.agreement import FOUND_IOU, IN_PLACE_IOU
from edge.vision.matching import match

Z = 3.0
"""Standard deviations granted to chance. Judged after every frame for weeks, two would cry wolf."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Boxes of two engines, in one frame or added up over several.

    Attributes:
        boxes: of both engines together; a box that both found counts twice.
        found: pairs of them at IoU 0.50.
        in_place: pairs at IoU 0.85.
        frames: in which at least one of the two found something.
    """

    boxes: int = 0
    found: int = 0
    in_place: int = 0
    frames: int = 0

    def __add__(self, other: Comparison) -> Comparison:
        return Comparison(
            self.boxes + other.boxes,
            self.found + other.found,
            self.in_place + other.in_place,
            self.frames + other.frames,
        )

    def __sub__(self, other: Comparison) -> Comparison:
        return self + Comparison(-other.boxes, -other.found, -other.in_place, -other.frames)

    @property
    def f1_50(self) -> float | None:
        """F1 at IoU 0.50; None where there is no box: silence is no evidence."""
        return 2 * self.found / self.boxes if self.boxes else None

    @property
    def f1_85(self) -> float | None:
        """F1 at IoU 0.85; None where there is no box."""
        return 2 * self.in_place / self.boxes if self.boxes else None

    def __str__(self) -> str:
        return f"{_counted(self.boxes, 'box', 'boxes')} in {_counted(self.frames, 'frame')}"


def compare(engine: Detections, fallback: Detections) -> Comparison:
    """What two engines found in one frame, both at the service's thresholds."""
    boxes = len(engine) + len(fallback)
    return Comparison(
        boxes=boxes,
        found=len(match(fallback, engine, FOUND_IOU)),
        in_place=len(match(fallback, engine, IN_PLACE_IOU)),
        frames=1 if boxes else 0,
    )


def shortfall(seen: Comparison, settings: WatchConfig) -> str:
    """Why the engine has lost the agreement it owes; empty while chance can explain what is seen.

    The upper end of F1's confidence interval lies below the limit of the gate: few boxes prove a
    collapse, many prove a small loss, and an engine that keeps the limit is left alone.

    Args:
        seen: the comparisons to judge by.
        settings: the limits.
    """
    f1_50, f1_85 = seen.f1_50, seen.f1_85
    if f1_50 is None or f1_85 is None or seen.frames < settings.least_frames:
        return ""
    return "; ".join(
        f"agreement with the fallback engine at IoU {iou} is {f1:.3f} over {seen} (owed: {owed:g})"
        for iou, f1, owed in (("0.50", f1_50, settings.f1_50), ("0.85", f1_85, settings.f1_85))
        if upper_end(f1, seen.boxes / 2) < owed
    )


def upper_end(share: float, count: float) -> float:
    """Upper end of the score interval of a share among ``count`` independent trials.

    Wilson 1927, doi 10.1080/01621459.1927.10502953, at ``Z`` standard deviations. For F1 the count
    is half of the boxes, for both boxes of a pair stand or fall together.

    Args:
        share: 0..1.
        count: above 0.
    """
    spread = Z * Z / count
    deviation = Z * sqrt(share * (1 - share) / count + spread / (4 * count))
    return (share + spread / 2 + deviation) / (1 + spread)


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
