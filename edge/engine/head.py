"""Is this the head of YOLOv8? Told from its shape, in words that name the head it is instead."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge.core.errors import DataError

_REMEDY = "Export it as YOLOv8 gives it: edge export best.pt -o m.onnx"


def class_count(
    path: Path, shape: Sequence[int | None], labels: Sequence[str] | None
) -> int | None:
    """Number of classes in a head (N, 4 + classes, anchors), or None while the shape is open.

    Args:
        path: the model, for messages.
        shape: of the head; None where a size is known only when it runs.
        labels: class names the model carries, or None.

    Raises:
        DataError: the shape is another head's, or does not fit the labels.
    """
    text = "(" + ", ".join("?" if side is None else str(side) for side in shape) + ")"
    if len(shape) != 3:
        raise DataError(f"{path}: output {text} is not a head (1, 4 + classes, anchors). {_REMEDY}")
    rows, columns = shape[1:]
    classes = None if rows is None else rows - 4
    if classes and classes == len(labels or ()):
        return classes
    if other := _other_head(rows, columns, labels):
        raise DataError(f"{path}: output {text} is {other}. {_REMEDY}")
    if classes is not None and (classes < 1 or labels is not None):
        raise DataError(
            f"{path}: output {text} has {max(classes, 0)} classes after 4 box numbers, but the "
            f"model names {len(labels or ())}: {_shortened(labels or ())}. "
            "Correct 'names' in the ONNX metadata, or export again"
        )
    return classes


def _other_head(rows: int | None, columns: int | None, labels: Sequence[str] | None) -> str | None:
    """What a known head of the family is called, unless it may be YOLOv8's."""
    if columns == 6:
        return "that of an export with NMS inside (x1 y1 x2 y2 score class); export without it"
    if rows is None or columns is None or rows <= columns:
        return None
    if rows % 3 == 0 and (labels is None or columns == 5 + len(labels)):
        return "that of YOLOv5 (anchors, 5 + classes), which Edge does not decode"
    return "transposed: (1, anchors, 4 + classes)"


def _shortened(labels: Sequence[str]) -> str:
    return ", ".join(labels[:4]) + (", …" if len(labels) > 4 else "")
