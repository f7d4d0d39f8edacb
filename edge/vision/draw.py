"""Detections drawn on a picture, for still images and reports."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import cv2
import numpy as np

from edge.core.types import Detections, Image

Colour = tuple[int, int, int]

PALETTE: tuple[Colour, ...] = (
    (0, 94, 213),  # vermilion
    (233, 180, 86),  # sky blue
    (66, 228, 240),  # yellow
    (167, 121, 204),  # reddish purple
    (115, 158, 0),  # bluish green
    (0, 159, 230),  # orange
    (178, 114, 0),  # blue
)
"""Blue, green, red, by class id: Okabe and Ito's set, told apart with any colour vision
(https://jfly.uni-koeln.de/color/). Further classes begin again; the label is always written."""

_INK: Colour = (0, 0, 0)
_PAPER: Colour = (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def colour_of(class_id: int) -> Colour:
    """The colour of a class, as blue, green, red, 0..255."""
    return PALETTE[class_id % len(PALETTE)]


def draw(image: Image, detections: Detections, labels: Sequence[str]) -> Image:
    """A copy of the picture with every box, its label and its score.

    Lines and letters grow with the picture. The best boxes are drawn last, over the weaker.

    Args:
        image: uint8 (H, W, 3), BGR; it is not changed.
        detections: boxes in this image's pixels.
        labels: class names, by class id.
    """
    canvas = np.ascontiguousarray(image).copy()
    unit = min(image.shape[:2]) / 360  # 2 for a picture of 1280 x 720
    found = zip(detections.boxes, detections.scores, detections.class_ids, strict=True)
    for box, score, class_id in reversed(list(found)):
        corners = tuple(int(side) for side in np.rint(box))
        colour = colour_of(int(class_id))
        _outline(canvas, corners, colour, max(2, round(unit)))
        _caption(canvas, corners, f"{labels[class_id]} {score:.2f}", colour, unit)
    return canvas


def _outline(canvas: Image, corners: tuple[int, ...], colour: Colour, line: int) -> None:
    left, top, right, bottom = corners
    for shade, width in ((_INK, line + 2), (colour, line)):  # a dark rim shows on any ground
        cv2.rectangle(canvas, (left, top), (right, bottom), shade, width, cv2.LINE_AA)


def _caption(
    canvas: Image, corners: tuple[int, ...], text: str, colour: Colour, unit: float
) -> None:
    """The label on a plate above the box, or below its upper edge where there is no room."""
    text = _ascii(text)
    scale, line, pad = max(0.4, 0.32 * unit), max(1, round(unit)), 1 + round(2 * unit)
    (width, height), under = cv2.getTextSize(text, _FONT, scale, line)
    plate_width, plate_height = width + 2 * pad, height + under + 2 * pad
    left = max(0, min(corners[0], canvas.shape[1] - plate_width))
    top = corners[1] - plate_height if corners[1] >= plate_height else max(0, corners[1])
    plate = (left, top), (left + plate_width, top + plate_height)
    cv2.rectangle(canvas, *plate, colour, cv2.FILLED)
    start = (left + pad, top + pad + height)
    cv2.putText(canvas, text, start, _FONT, scale, _readable_on(colour), line, cv2.LINE_AA)


def _ascii(text: str) -> str:
    # OpenCV's built-in letters are ASCII; accents are dropped, other signs become a question mark.
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return plain.encode("ascii", "replace").decode()


def _readable_on(colour: Colour) -> Colour:
    blue, green, red = colour
    luma = 0.114 * blue + 0.587 * green + 0.299 * red  # ITU-R BT.601
    return _INK if luma > 110 else _PAPER
