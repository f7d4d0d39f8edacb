"""Pictures inside the page: side by side with what differs marked, and the contact sheet.

However large the images and however many: the page carries a bounded number of bounded JPEGs.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import cv2
import numpy as np

from edge.core.types import Image
from edge.report.differences import Differences, differences
from edge.report.extras import Disagreement, Role, Thumbnail
from edge.report.figures import counted
from edge.report.markup import Html, el, join
from edge.report.panels import Part, candidate_side, reference_side

MOST_DISAGREEMENTS = 8
MOST_THUMBNAILS: dict[Role, int] = {"left_out": 24, "held_out": 32, "calibration": 56}
_COMPARISON_BYTES, _COMPARISON_WIDTH = 120_000, 880
_THUMBNAIL_BYTES, _THUMBNAIL_WIDTH = 6_000, 168
_ROLES: dict[Role, str] = {
    "calibration": "Used for calibration",
    "held_out": "Held out for the gate",
    "left_out": "Left out",
}


def thumbnail(image: Image) -> Image:
    """A small copy for the contact sheet, so that the large picture can be let go."""
    return _at_most(image, _THUMBNAIL_WIDTH)


def data_uri(image: Image, most_bytes: int) -> str:
    """The picture as a JPEG of at most so many bytes: first quality goes, then size."""
    for quality in (82, 65, 45, 30):
        encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        if len(encoded) <= most_bytes:
            return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()
    return data_uri(_at_most(image, image.shape[1] // 2), most_bytes)


def comparison(case: Disagreement, labels: Sequence[str], number: int) -> Html:
    """One image twice, FP32's boxes beside the candidate's, cut to where they differ.

    Args:
        case: image and boxes.
        labels: class names, by class id.
        number: of this picture in the page; both panels show the very same pixels.
    """
    found = differences(case.reference, case.found)
    left, top, right, bottom = _region(case, found)
    part = Part(left, top, right - left, bottom - top, labels)
    pixels = el(
        "image",
        id=f"p{number}",
        width=part.width,
        height=part.height,
        href=data_uri(
            _at_most(case.image[top:bottom, left:right], _COMPARISON_WIDTH), _COMPARISON_BYTES
        ),
    )
    again = el("use", href=f"#p{number}")
    boxes = found, case.reference, case.found
    return el(
        "figure",
        el(
            "figcaption",
            el("bdi", case.caption),
            el("span", _what_differs(found), class_="differs"),
            el("small", _cut(case.image, part)),
        ),
        el(
            "div",
            _side("FP32", reference_side(part, pixels, *boxes)),
            _side(case.candidate, candidate_side(part, again, *boxes)),
            class_="sides",
        ),
        class_="comparison",
    )


def contact_sheet(thumbnails: Sequence[Thumbnail]) -> Html:
    """What the images look like, by what they were used for."""
    return join(_group(role, [t for t in thumbnails if t.role == role]) for role in _ROLES)


def _group(role: Role, members: Sequence[Thumbnail]) -> Html | None:
    if not members:
        return None
    shown = _spread(members, MOST_THUMBNAILS[role])
    count = f"{len(shown)} of {len(members)} shown" if len(shown) < len(members) else len(members)
    return join(
        [
            el("h3", _ROLES[role], " ", el("small", count)),
            el("div", [_small_picture(t) for t in shown], class_=f"sheet {role}"),
        ]
    )


def _spread(members: Sequence[Thumbnail], most: int) -> list[Thumbnail]:
    """At most so many, evenly over the set: the first N would all be of one morning."""
    places = np.linspace(0, len(members) - 1, min(most, len(members))).round().astype(int)
    return [members[place] for place in places]


def _small_picture(picture: Thumbnail) -> Html:
    small = thumbnail(picture.image)
    return el(
        "figure",
        el(
            "img",
            src=data_uri(small, _THUMBNAIL_BYTES),
            width=small.shape[1],
            height=small.shape[0],
            alt=picture.name,
        ),
        el(
            "figcaption",
            el("bdi", picture.name),
            el("em", picture.reason) if picture.reason else None,
        ),
        title=f"{picture.name} {picture.reason}".strip(),
    )


def _at_most(image: Image, width: int) -> Image:
    if image.shape[1] <= width:
        return np.ascontiguousarray(image)
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    return np.asarray(cv2.resize(image, (max(1, width), height), interpolation=cv2.INTER_AREA))


def _region(case: Disagreement, found: Differences) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the part to show: all that differs, with what is around it."""
    rows, columns = case.image.shape[:2]
    boxes = np.concatenate(
        [
            case.reference.boxes[found.missed],
            case.reference.boxes[found.moved[:, 0]],
            case.found.boxes[found.moved[:, 1]],
            case.found.boxes[found.extra],
        ]
    )
    if not len(boxes):
        return 0, 0, columns, rows
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    share = float(((high - low) / (columns, rows)).max()) * 1.6
    share = min(1.0, max(share, 0.4, min(1.0, 320 / columns)))
    width, height = max(1, round(columns * share)), max(1, round(rows * share))
    middle = (low + high) / 2
    left = int(np.clip(middle[0] - width / 2, 0, columns - width))
    top = int(np.clip(middle[1] - height / 2, 0, rows - height))
    return left, top, left + width, top + height


def _what_differs(found: Differences) -> str:
    kinds = {"missed": len(found.missed), "extra": len(found.extra), "moved": len(found.moved)}
    words = [f"{count} {kind}" for kind, count in kinds.items() if count]
    return ", ".join([*words, f"{len(found.agreed)} agreed"])


def _cut(image: Image, part: Part) -> str:
    whole = f"{image.shape[1]} x {image.shape[0]}"
    if (part.height, part.width) == image.shape[:2]:
        return f"whole picture, {whole} pixels"
    return f"{part.width} x {part.height} pixels at {part.left}, {part.top} of {whole}"


def _side(name: str, picture: Html) -> Html:
    return el("div", el("h4", name), picture)


def not_shown(count: int) -> str:
    """How many more images differ than the page shows."""
    more = count - MOST_DISAGREEMENTS
    return f"{counted(more, 'more image')} not shown." if more > 0 else ""
