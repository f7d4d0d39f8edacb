"""Reading the YOLOv8 head: from the network's raw numbers to candidate boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.core.errors import DataError

_FAR = np.float32(1e6)  # model pixels; keeps areas of absurd boxes finite in float32


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Boxes before suppression, N of them as parallel arrays, in no order.

    Attributes:
        boxes: float32 (N, 4), x1 y1 x2 y2, in model pixels.
        scores: float32 (N,), 0..1.
        class_ids: int32 (N,).
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int32]


def decode(head: NDArray[np.float32], confidence: float) -> Candidates:
    """The anchors whose best class scores at least ``confidence``.

    Args:
        head: float32 (4 + C, A): cx cy w h in model pixels, then C class scores.
        confidence: least score, 0..1.

    Raises:
        DataError: the head holds NaN, infinities or scores above 1. Such a frame was not
            inspected, so it must never pass for one without detections.
    """
    scores = head[4:].max(axis=0)
    _check(head, scores)
    chosen = np.flatnonzero(scores >= confidence)
    columns = head[:, chosen]
    class_ids = columns[4:].argmax(axis=0).astype(np.int32)
    return Candidates(corners_from_centres(columns[:4].T), scores[chosen], class_ids)


def corners_from_centres(cxcywh: NDArray[np.float32]) -> NDArray[np.float32]:
    """Boxes float32 (N, 4) as cx cy w h, turned into x1 y1 x2 y2."""
    centre, half = cxcywh[:, :2], cxcywh[:, 2:] / np.float32(2)
    return np.clip(np.hstack([centre - half, centre + half]), -_FAR, _FAR)


def _check(head: NDArray[np.float32], scores: NDArray[np.float32]) -> None:
    if not np.isfinite(head).all():
        bad = int(np.count_nonzero(~np.isfinite(head)))
        raise DataError(
            f"the model's output holds {bad} values that are NaN or infinite (of {head.size}); "
            "the frame counts as not inspected. Check the engine against the ONNX on the CPU"
        )
    if scores.size and scores.max() > 1.001:  # FP16 engines may round a little above 1
        raise DataError(
            f"the model's output holds a class score of {scores.max():g}, above 1; the frame "
            "counts as not inspected. Export the model with its sigmoid: edge export"
        )
