"""Precision over recall, from the very table that mAP is the mean of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edge.core.types import Detections
from edge.report.extras import Curve
from edge.report.labels import Truth
from edge.report.map import precision_table

RECALLS = np.linspace(0, 1, 101)
"""Where COCO reads the curve."""


def precision_recall(
    candidate: str,
    detections: Mapping[str, Detections],
    truths: Mapping[str, Truth],
    labels: Sequence[str],
) -> Curve:
    """The curve at IoU 0.50, mean over the classes that the set shows; its mean is mAP50.

    At each recall stands the best precision at that recall or a higher one, as COCO has it.

    Args:
        candidate: whose curve it is.
        detections: by image, made with ``map.CONFIDENCE``, ``map.NMS_IOU``, ``map.MOST_BOXES``.
        truths: by image, the very same images, with at least one object.
        labels: class names, by class id.
    """
    at50 = precision_table(detections, truths, labels)[0]
    shown = (at50 >= 0).all(axis=0)
    return Curve(candidate, RECALLS.tolist(), at50[:, shown].mean(axis=1).tolist())
