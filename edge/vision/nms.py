"""Non-maximum suppression: of many boxes around one object, keep the best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]

MOST_CANDIDATES = 30_000
"""Only this many, best first, are looked at: what the field's tools take, and a bound on time."""
_BLOCK = 256  # boxes compared with each other at once: 256 KiB of IoU fits a core's cache


def keep_best(
    boxes: Boxes,
    scores: NDArray[np.float32],
    class_ids: NDArray[np.int32],
    iou_threshold: float,
    max_boxes: int,
) -> NDArray[np.intp]:
    """Indices of the boxes that survive, best first; classes never suppress each other.

    Greedy: a box goes when its IoU with a better, surviving box of its class exceeds the
    threshold. Of equal scores the earlier box is the better one.

    Args:
        boxes: float32 (N, 4), x1 y1 x2 y2, any one pixel space.
        scores: float32 (N,).
        class_ids: int32 (N,).
        iou_threshold: overlap above which the weaker box goes, 0..1.
        max_boxes: how many survive at most.

    Returns:
        Indices into the arguments, (K,), K <= ``max_boxes``.
    """
    order = np.argsort(-scores, kind="stable")[:MOST_CANDIDATES]
    kept = order[:0]
    for start in range(0, len(order), _BLOCK):
        block = order[start : start + _BLOCK]
        block = block[~_rivals(boxes, class_ids, block, kept, iou_threshold).any(axis=1)]
        block = block[_greedy(_rivals(boxes, class_ids, block, block, iou_threshold))]
        kept = np.concatenate([kept, block])
        if len(kept) >= max_boxes:
            break
    return kept[:max_boxes]


def iou(boxes: Boxes, others: Boxes) -> Boxes:
    """Intersection over union of every box with every other.

    Args:
        boxes: float32 (N, 4), x1 y1 x2 y2.
        others: float32 (M, 4), same pixel space.

    Returns:
        float32 (N, M), 0..1. A box without area (x2 <= x1 or y2 <= y1) overlaps nothing.
    """
    left, top, right, bottom = boxes.T[:, :, None]
    other_left, other_top, other_right, other_bottom = others.T[:, None, :]
    width = np.minimum(right, other_right) - np.maximum(left, other_left)
    height = np.minimum(bottom, other_bottom) - np.maximum(top, other_top)
    zero = np.float32(0)
    shared = np.maximum(width, zero) * np.maximum(height, zero)
    union = area(boxes)[:, None] + area(others) - shared
    return shared / np.maximum(union, np.finfo(np.float32).tiny)


def area(boxes: Boxes) -> Boxes:
    """Areas float32 (N,) of boxes (N, 4), square pixels; 0 for a box turned inside out."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], np.float32(0))
    return sides[:, 0] * sides[:, 1]


def _rivals(
    boxes: Boxes,
    class_ids: NDArray[np.int32],
    these: NDArray[np.intp],
    those: NDArray[np.intp],
    iou_threshold: float,
) -> NDArray[np.bool_]:
    """Bool (N, M): which of two index lists' boxes are of one class and overlap too much."""
    same_class = class_ids[these][:, None] == class_ids[those]
    return (iou(boxes[these], boxes[those]) > iou_threshold) & same_class


def _greedy(rivals: NDArray[np.bool_]) -> list[int]:
    """Positions that survive, given which positions (best first) rule each other out."""
    alive = np.ones(len(rivals), np.bool_)
    kept = []
    for position, row in enumerate(rivals):
        if alive[position]:
            kept.append(position)
            alive &= ~row
    return kept
