"""Where two models do not find the same in one image: missed, extra, moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.core.types import Detections
from edge.report.extras import ScorePairs
from edge.vision.matching import match

FOUND_IOU = 0.50
"""From here on two boxes of a class are the same find."""
IN_PLACE_IOU = 0.85
"""Below this a found box has moved."""

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """The boxes of one image by what became of them.

    Attributes:
        agreed: (K, 2), indices of reference and candidate: found, and in place.
        moved: (M, 2), found, but not in place.
        missed: indices of the reference's boxes that the candidate has not.
        extra: indices of the candidate's boxes that the reference has not.
    """

    agreed: Indices
    moved: Indices
    missed: Indices
    extra: Indices

    @property
    def weight(self) -> float:
        """How bad it is: a box too many or too few counts twice as much as a moved one."""
        return len(self.missed) + len(self.extra) + len(self.moved) / 2


def differences(reference: Detections, candidate: Detections) -> Differences:
    """Compare what two models found in one image."""
    matches = match(reference, candidate, FOUND_IOU)
    in_place = matches.ious >= IN_PLACE_IOU
    return Differences(
        agreed=matches.pairs[in_place],
        moved=matches.pairs[~in_place],
        missed=np.setdiff1d(np.arange(len(reference)), matches.pairs[:, 0]),
        extra=np.setdiff1d(np.arange(len(candidate)), matches.pairs[:, 1]),
    )


def worst_images(
    reference: Mapping[str, Detections], candidate: Mapping[str, Detections], most: int
) -> list[str]:
    """Names of the images that differ, worst first, at most so many; none if all agree."""
    weights = {name: differences(reference[name], candidate[name]).weight for name in reference}
    return sorted((name for name in weights if weights[name]), key=lambda n: (-weights[n], n))[
        :most
    ]


def score_pairs(
    name: str, reference: Mapping[str, Detections], candidate: Mapping[str, Detections]
) -> ScorePairs:
    """The scores that both models gave to the boxes that both found, over all images."""
    before: list[float] = []
    after: list[float] = []
    for image, expected in reference.items():
        pairs = match(expected, candidate[image], FOUND_IOU).pairs
        before += expected.scores[pairs[:, 0]].tolist()
        after += candidate[image].scores[pairs[:, 1]].tolist()
    return ScorePairs(name, before, after)
