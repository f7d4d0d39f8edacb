"""Recorded detections for other programs: CSV, and COCO's JSON. Made page by page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from typing import Any

from edge.sinks.record.entry import Entry

Pages = Iterable[Sequence[Entry]]

_HEADER = (
    *("id", "at", "camera", "frame", "age_ms", "verdict", "width", "height"),
    *("label", "score", "x1", "y1", "x2", "y2"),
)


def utc(at: float) -> str:
    """Seconds since 1970 as ISO 8601 with ``Z``, to a millisecond."""
    moment = datetime.fromtimestamp(at, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def csv_lines(pages: Pages) -> Iterator[str]:
    """A line a box, newest frame first; a frame without a box has one line without a label.

    Yields:
        The header, then the lines of one page at a time, each ended by CR LF (RFC 4180).
    """
    yield _csv([_HEADER])
    for entries in pages:
        yield _csv(row for entry in entries for row in _rows(entry))


def coco_lines(pages: Pages, labels: Sequence[str]) -> Iterator[str]:
    """The annotation format of COCO: ``annotations``, ``images``, ``categories``.

    A box is x, y, width, height in pixels; ``category_id`` counts the labels from 1. An image is
    named by its id; ``coco_url`` is where the page has its picture.

    Args:
        pages: of entries; what is listed of them is kept in memory until the end.
        labels: class names, by class id; labels that occur besides follow them.

    Yields:
        The document, in pieces.
    """
    categories = {label: number for number, label in enumerate(labels, 1)}
    images: list[str] = []
    count = 0
    yield '{"info": {"description": "Edge, recent detections"}, "annotations": ['
    for entries in pages:
        pieces = []
        for entry in entries:
            images.append(json.dumps(_image(entry)))
            for box in entry.boxes:
                count += 1
                category = categories.setdefault(box["label"], len(categories) + 1)
                annotation = json.dumps(_annotation(count, entry.id, category, box))
                pieces.append(annotation if count == 1 else f",\n{annotation}")
        yield "".join(pieces)
    named = [{"id": number, "name": label} for label, number in categories.items()]
    yield '], "images": [' + ",\n".join(images) + '], "categories": ' + json.dumps(named) + "}\n"


def _rows(entry: Entry) -> Iterator[tuple[Any, ...]]:
    verdict = entry.verdict.value if entry.verdict else ""
    about = (
        *(entry.id, utc(entry.at), entry.camera, entry.frame, entry.age_ms),
        *(verdict, entry.width, entry.height),
    )
    for box in entry.boxes:
        yield (*about, _plain(box["label"]), box["score"], *box["box"])
    if not entry.boxes:
        yield (*about, *[""] * 6)


def _plain(label: str) -> str:
    """A label that no spreadsheet takes for a formula."""
    return f"'{label}" if label.startswith(("=", "+", "-", "@", "\t", "\r")) else label


def _image(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "file_name": f"{entry.id:08d}.jpg",
        "width": entry.width,
        "height": entry.height,
        "date_captured": utc(entry.at),
        "coco_url": f"/api/detections/{entry.id}/picture.jpg",
        "camera": entry.camera,
        "verdict": entry.verdict and entry.verdict.value,
    }


def _annotation(number: int, image: int, category: int, found: dict[str, Any]) -> dict[str, Any]:
    x1, y1, x2, y2 = found["box"]
    width, height = round(x2 - x1, 1), round(y2 - y1, 1)
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": [x1, y1, width, height],
        "area": round(width * height, 2),
        "score": found["score"],
        "iscrowd": 0,
    }


def _csv(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()
