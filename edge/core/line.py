"""What makes a frame NG: the rules of one camera, as strict types that are usable or refused."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from edge.core.config import Fraction, Strict
from edge.core.polygon import Point, area, crosses_itself

LEAST_AREA = 1e-4
"""Of a region, as a share of the picture: a hundredth of its width by a hundredth of its height.
Our choice; what is smaller was drawn by mistake."""

Text = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
Pixels = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]


def _drawable(polygon: tuple[Point, ...]) -> tuple[Point, ...]:
    if crosses_itself(polygon):
        raise ValueError("the polygon crosses or touches itself; draw it without")
    if area(polygon) < LEAST_AREA:
        raise ValueError(
            f"the polygon covers {area(polygon):.4%} of the picture, less than {LEAST_AREA:.2%}; "
            "draw it larger"
        )
    return polygon


class Region(Strict):
    """A part of the picture that counts."""

    name: Text
    """Shown on the page; no two regions of a camera have the same."""
    polygon: Annotated[
        tuple[tuple[Fraction, Fraction], ...],
        Field(min_length=3, max_length=64),
        AfterValidator(_drawable),
    ]
    """Corners x, y in order, as shares of the picture's width and height, 0..1."""


class ClassRule(Strict):
    """What a detection of one class means. A limit of None is no limit."""

    ng: bool = True
    """One such detection makes the frame NG; false: it is shown, and means nothing."""
    min_score: Fraction | None = None
    """Detections with a lower score mean nothing, 0..1."""
    min_width_px: Pixels | None = None
    """Narrower boxes mean nothing; pixels of the camera's picture."""
    min_height_px: Pixels | None = None
    """Lower boxes mean nothing; pixels of the camera's picture."""


def _names_differ(regions: tuple[Region, ...]) -> tuple[Region, ...]:
    names = [region.name for region in regions]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two regions are named {twice[0]!r}; give each a name of its own")
    return regions


class LineRules(Strict):
    """The rules of one camera.

    A frame is NG when the centre of a box of a listed class, large and sure enough, lies in any
    region; UNKNOWN when its result came too late; else OK.
    """

    regions: Annotated[tuple[Region, ...], Field(max_length=32), AfterValidator(_names_differ)] = ()
    """None: the whole picture counts."""
    classes: Annotated[dict[Text, ClassRule], Field(max_length=1000)] = Field(default_factory=dict)
    """By label; a class that is not listed means nothing."""
    max_age_ms: Annotated[float, Field(gt=0, le=600_000, allow_inf_nan=False)] = 1000.0
    """A result that is there later than this after the frame's capture is UNKNOWN. Milliseconds."""

    @property
    def ng_labels(self) -> tuple[str, ...]:
        """The classes that make a frame NG."""
        return tuple(label for label, rule in self.classes.items() if rule.ng)
