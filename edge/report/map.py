"""Mean average precision by COCO's rules, computed by the field's own evaluator."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.core.errors import DataError
from edge.core.types import Detections
from edge.report.labels import Truth

MOST_BOXES = 300
"""Detections judged an image, best first. COCO's own 100 is meant for its sparser pictures; 300
is what YOLOv8 is validated with."""
CONFIDENCE = 0.001
"""Least score of a detection for scoring: a precision-recall curve needs the doubtful ones too."""
NMS_IOU = 0.7
"""IoU threshold of the suppression before scoring, as YOLOv8 is validated with."""

_NO_OBJECT = -1  # what COCO puts where there is no precision, for want of objects


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Average precision of one class, 0..1; None when the set shows no object of it."""

    label: str
    map: float | None
    map50: float | None
    objects: int


@dataclass(frozen=True, slots=True)
class MapReport:
    """How well the detections match the labels.

    Attributes:
        map: mean over IoU 0.50 to 0.95 and over the classes that the set shows, 0..1.
        map50: the same at IoU 0.50 alone.
        per_class: one entry a label of the model, in its order.
        images: how many were judged, those without objects included.
    """

    map: float
    map50: float
    per_class: tuple[ClassScore, ...]
    images: int


def mean_average_precision(
    detections: Mapping[str, Detections],
    truths: Mapping[str, Truth],
    labels: Sequence[str],
) -> MapReport:
    """Score detections against ground truth.

    Args:
        detections: by image, made with ``CONFIDENCE``, ``NMS_IOU`` and ``MOST_BOXES``.
        truths: by image, the very same images.
        labels: class names, by class id.

    Raises:
        DataError: there is no object to find, or the images differ.
    """
    if detections.keys() != truths.keys():
        odd = sorted(detections.keys() ^ truths.keys())
        raise DataError(f"{len(odd)} images have only detections or only labels, such as {odd[0]}")
    objects = np.zeros(len(labels), np.int64)
    for truth in truths.values():
        objects += np.bincount(truth.class_ids[~truth.crowd], minlength=len(labels))
    if not objects.any():
        raise DataError(f"the labels of {len(truths)} images hold no object: nothing to score")
    precision = precision_table(detections, truths, labels)
    at50 = precision[:1]
    return MapReport(
        map=_required(precision),
        map50=_required(at50),
        per_class=tuple(
            ClassScore(label, _mean(precision[..., k]), _mean(at50[..., k]), int(objects[k]))
            for k, label in enumerate(labels)
        ),
        images=len(truths),
    )


def precision_table(
    detections: Mapping[str, Detections], truths: Mapping[str, Truth], labels: Sequence[str]
) -> NDArray[np.float64]:
    """Precision (10 IoU thresholds, 101 recalls, classes); -1 where a class has no object."""
    from faster_coco_eval import COCO, COCOeval_faster  # slow to import, needed for scoring only

    with contextlib.redirect_stdout(io.StringIO()):  # the evaluator prints its progress
        truth = COCO(_dataset(truths, labels))
        found = truth.loadRes(_results(detections)) if any(map(len, detections.values())) else None
        if found is None:
            return _nothing_found(truths, labels)
        evaluator = COCOeval_faster(truth, found, iouType="bbox", print_function=lambda *_: None)
        evaluator.params.maxDets = [1, 10, MOST_BOXES]
        evaluator.evaluate()
        evaluator.accumulate()
    every_area, most_boxes = 0, -1
    return np.asarray(evaluator.eval["precision"])[..., every_area, most_boxes]


def _nothing_found(truths: Mapping[str, Truth], labels: Sequence[str]) -> NDArray[np.float64]:
    shown = np.zeros(len(labels), np.bool_)
    for truth in truths.values():
        shown[truth.class_ids[~truth.crowd]] = True
    return np.broadcast_to(np.where(shown, 0.0, _NO_OBJECT), (10, 101, len(labels)))


def _dataset(truths: Mapping[str, Truth], labels: Sequence[str]) -> dict[str, Any]:
    annotations = [
        {
            "image_id": image,
            "category_id": int(class_id),
            "bbox": _xywh(box),
            "area": float((box[2] - box[0]) * (box[3] - box[1])),
            "iscrowd": int(crowd),
        }
        for image, truth in enumerate(truths.values())
        for box, class_id, crowd in zip(truth.boxes, truth.class_ids, truth.crowd, strict=True)
    ]
    for number, annotation in enumerate(annotations, start=1):  # COCO takes id 0 for "no match"
        annotation["id"] = number
    return {
        "images": [{"id": image, "file_name": name} for image, name in enumerate(truths)],
        "categories": [{"id": k, "name": label} for k, label in enumerate(labels)],
        "annotations": annotations,
    }


def _results(detections: Mapping[str, Detections]) -> list[dict[str, Any]]:
    return [
        {
            "image_id": image,
            "category_id": int(class_id),
            "bbox": _xywh(box),
            "score": float(score),
        }
        for image, found in enumerate(detections.values())
        for box, score, class_id in zip(found.boxes, found.scores, found.class_ids, strict=True)
    ]


def _xywh(box: NDArray[np.float32]) -> list[float]:
    left, top, right, bottom = (float(side) for side in box)
    return [left, top, right - left, bottom - top]


def _mean(precision: NDArray[np.float64]) -> float | None:
    known = precision[precision > _NO_OBJECT]
    return float(known.mean()) if known.size else None


def _required(precision: NDArray[np.float64]) -> float:
    mean = _mean(precision)
    return 0.0 if mean is None else mean
