"""What the page shows beside a build's numbers: curves, pairs of scores, histograms, pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from numpy.typing import NDArray

from edge.core.types import Detections, Image

Role = Literal["calibration", "held_out", "left_out"]


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision over recall at IoU 0.50, mean over the classes that the set shows.

    Attributes:
        candidate: name of the candidate, or ``FP32``.
        recall: 0..1, rising.
        precision: 0..1, as many.
    """

    candidate: str
    recall: Sequence[float]
    precision: Sequence[float]


@dataclass(frozen=True, slots=True)
class ScorePairs:
    """Scores of the boxes that both models found, 0..1.

    Attributes:
        candidate: name of the candidate.
        reference: score that FP32 gave.
        scores: score that the candidate gave to the same box, as many.
    """

    candidate: str
    reference: Sequence[float]
    scores: Sequence[float]


@dataclass(frozen=True, slots=True, eq=False)
class TensorHistogram:
    """How large a tensor's values are, and where each range method would cut them off.

    Attributes:
        tensor: its name.
        counts: (bins,), how many values had a magnitude in each bin; the first begins at 0.
        bin_width: in the tensor's own unit.
        ranges: the absolute maximum that each method chose.
    """

    tensor: str
    counts: NDArray[Any]
    bin_width: float
    ranges: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Disagreement:
    """One image in which a candidate and FP32 do not find the same.

    Attributes:
        image: uint8 (H, W, 3), BGR, as the camera saw it.
        reference: what FP32 found in it.
        found: what the candidate found.
        candidate: name of the candidate.
        caption: name of the image.
    """

    image: Image
    reference: Detections
    found: Detections
    candidate: str
    caption: str


@dataclass(frozen=True, slots=True, eq=False)
class Thumbnail:
    """One picture of the contact sheet; ``pictures.thumbnail`` makes it small.

    Attributes:
        name: of the image.
        image: uint8 (H, W, 3), BGR.
        role: what the build used it for.
        reason: why it was left out; empty otherwise.
    """

    name: str
    image: Image
    role: Role
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PageExtras:
    """All of it; whatever is missing, its part of the page is left out.

    Attributes:
        curves: FP32 first.
        scores: one entry for each candidate worth a plot.
        histograms: of a few tensors.
        disagreements: worst first.
        contact_sheet: in any order. The page shows a bounded number of them and counts the rest.
    """

    curves: Sequence[Curve] = ()
    scores: Sequence[ScorePairs] = ()
    histograms: Sequence[TensorHistogram] = ()
    disagreements: Sequence[Disagreement] = ()
    contact_sheet: Sequence[Thumbnail] = field(default=(), repr=False)
