"""A few sizes and qualities of picture, so that viewers share what is encoded for them."""

from __future__ import annotations

from enum import IntEnum

WIDEST_PX = 1280
"""Wider pictures are scaled down for viewers; boxes stay in pixels of the frame's own image."""

_QUALITY_STEP = 10
_LEAST_QUALITY = 10


class Grade(IntEnum):
    """How big and how good; each about a quarter of the bytes of the one before."""

    FULL = 0
    HALF = 1
    QUARTER = 2

    @property
    def width_px(self) -> int:
        """The widest that a picture of this grade is."""
        return WIDEST_PX >> self

    def quality(self, best: int) -> int:
        """JPEG quality, where ``best`` is that of full size."""
        return max(_LEAST_QUALITY, best - _QUALITY_STEP * self)


def grade_of_width(width_px: int | None) -> Grade:
    """The smallest that fills this width; None: full size."""
    if width_px is None:
        return Grade.FULL
    return max((grade for grade in Grade if grade.width_px >= width_px), default=Grade.FULL)


def grade_of_quality(quality: int, best: int) -> Grade:
    """The one whose quality is nearest, the better of two."""
    return min(Grade, key=lambda grade: abs(grade.quality(best) - quality))
