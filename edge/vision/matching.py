"""Which box of one set is which box of another: greedy, class-aware, one to one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.core.types import Detections
from edge.vision.nms import iou


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """K pairs of boxes, in the order in which the candidate's boxes chose.

    Attributes:
        pairs: int64 (K, 2), index into the reference and index into the candidate; no index
            occurs twice in its column.
        ious: float32 (K,), overlap of each pair.
    """

    pairs: NDArray[np.int64]
    ious: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ious)


def match(reference: Detections, candidate: Detections, iou_threshold: float) -> Matches:
    """Pair the boxes of two sets found in one image.

    The candidate's boxes choose, best score first; each takes the free reference box of its class
    that it overlaps most, if their IoU reaches the threshold. Of equal scores the earlier box
    chooses first; of equal overlaps the earlier reference box is taken. A box without area
    overlaps nothing and stays alone.

    Args:
        reference: boxes to be found.
        candidate: boxes that should be the same.
        iou_threshold: least overlap of a pair, above 0, up to 1.
    """
    if not 0 < iou_threshold <= 1:
        raise ValueError(f"iou_threshold must be above 0 and at most 1, got {iou_threshold}")
    overlap = iou(candidate.boxes, reference.boxes)
    same_class = candidate.class_ids[:, None] == reference.class_ids
    eligible = np.where(same_class & (overlap >= iou_threshold), overlap, np.float32(0))
    pairs = _greedy(eligible, np.argsort(-candidate.scores, kind="stable"))
    return Matches(pairs, overlap[pairs[:, 1], pairs[:, 0]])


def _greedy(eligible: NDArray[np.float32], order: NDArray[np.intp]) -> NDArray[np.int64]:
    """Pairs (K, 2) from overlaps (candidates, references), 0 where a pair is ruled out."""
    eligible = eligible.copy()
    pairs = []
    for candidate in order[eligible[order].any(axis=1)]:
        reference = int(eligible[candidate].argmax())
        if eligible[candidate, reference] > 0:
            pairs.append((reference, int(candidate)))
            eligible[:, reference] = 0
    return np.array(pairs, np.int64).reshape(-1, 2)
