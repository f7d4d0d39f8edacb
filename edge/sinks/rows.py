"""Detections as plain rows, for everything that writes JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edge.core.types import Detections


def rows_from_detections(
    detections: Detections, labels: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """One dict a detection, best score first.

    Args:
        detections: of one frame, boxes in pixels of its image.
        labels: class names by class id; none leaves ``label`` out.

    Returns:
        ``box`` as [x1, y1, x2, y2] to a tenth of a pixel, ``score`` to four digits, ``class_id``,
        and ``label``. A class the model does not name is labelled by its number.
    """
    rows = [
        {"box": [round(x, 1) for x in box], "score": round(score, 4), "class_id": class_id}
        for box, score, class_id in zip(
            detections.boxes.tolist(),
            detections.scores.tolist(),
            detections.class_ids.tolist(),
            strict=True,
        )
    ]
    if labels is not None:
        for row in rows:
            row["label"] = label_of(row["class_id"], labels)
    return rows


def label_of(class_id: int, labels: Sequence[str]) -> str:
    """The class's name, or its number when the model does not name it."""
    return labels[class_id] if 0 <= class_id < len(labels) else f"class {class_id}"
