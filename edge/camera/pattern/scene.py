"""The production line: any frame of it, and what is truly wrong in that frame."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.camera.pattern.belt import render_belt, render_rails
from edge.camera.pattern.layout import MAX_RADIUS
from edge.camera.pattern.light import Light
from edge.camera.pattern.part import Defect, Part, render_part
from edge.camera.pattern.settings import LineSettings
from edge.core.types import Detections, Image, require

PITCH = 392.0
"""Distance from part to part along the belt, in design pixels."""
LEAST_VISIBLE = 0.4
"""A defect of which less than this share of its area is in the picture is not in the truth."""
LEAST_SIDE = 11.0
"""Nor is one whose visible box is narrower than this, in design pixels."""


class ProductionLine:
    """A camera picture of metal parts on a belt, computed, with the truth about every defect.

    ``render`` and ``truth`` depend on the settings and the index alone, so any frame can be had
    again, in any order, in any process.
    """

    def __init__(self, settings: LineSettings | None = None) -> None:
        self.settings = LineSettings() if settings is None else settings
        self._belt = render_belt(self.settings)
        self._rails = render_rails(self.settings)
        self._light = Light(self.settings)
        held = math.ceil(self.settings.size.width / (PITCH * self.settings.scale)) + 4
        self._part = functools.lru_cache(maxsize=held)(
            functools.partial(render_part, self.settings)
        )

    def render(self, index: int, out: Image | None = None) -> Image:
        """Frame ``index``, uint8 (H, W, 3) BGR, written into ``out`` if that is given."""
        size = self.settings.size
        image = np.empty((size.height, size.width, 3), np.uint8) if out is None else out
        require(image, "out", np.uint8, (size.height, size.width, 3))
        self._lay_belt(image, self.settings.travel_px(index))
        for part, left, top in self._parts(index):
            _lay(image, part, left, top)
        upper, lower = self._rails
        image[: len(upper)], image[-len(lower) :] = upper, lower
        self._light.expose(image, index)
        return image

    def render_covered(self, index: int, out: Image) -> Image:
        """Frame ``index`` with the lens covered, likewise."""
        self._light.cover(out, index)
        return out

    def truth(self, index: int) -> Detections:
        """Every defect to be found in frame ``index``, scores 1, in a fixed order.

        Defects that are mostly outside the picture are left out: nobody could tell.
        """
        found = [
            (box, defect.class_id)
            for part, left, top in self._parts(index)
            for defect in part.defects
            if (box := self._visible_box(defect, left, top)) is not None
        ]
        if not found:
            return Detections.none()
        boxes, class_ids = zip(*found, strict=True)
        return Detections(
            np.array(boxes, np.float32),
            np.ones(len(boxes), np.float32),
            np.array(class_ids, np.int32),
        )

    def _lay_belt(self, image: Image, travel: int) -> None:
        width, length = image.shape[1], self._belt.shape[1]
        start = -travel % length
        first = min(width, length - start)
        image[:, :first] = self._belt[:, start : start + first]
        image[:, first:] = self._belt[:, : width - first]

    def _parts(self, index: int) -> Iterator[tuple[Part, int, int]]:
        """The parts in this frame with the left and top pixel of their sprites."""
        scale, travel = self.settings.scale, self.settings.travel_px(index)
        reach, width = (MAX_RADIUS + 60) * scale, self.settings.size.width
        pitch = PITCH * scale
        newest = math.floor((travel + width + reach) / pitch) + 1
        oldest = math.ceil((travel - reach) / pitch) - 1
        for number in range(max(0, oldest), newest + 1):
            x, y = self._position(number)
            column = round(width - number * pitch + x * scale) + travel
            if -reach < column < width + reach:
                part = self._part(number)
                half = part.color.shape[0] // 2
                yield part, column - half, round(y * scale) - half

    def _position(self, number: int) -> tuple[float, float]:
        """How far part ``number`` lies from its place in line, and its row; design pixels."""
        rng = np.random.default_rng([self.settings.seed, number, 6])
        return float(rng.uniform(-16, 16)), 360 + float(rng.uniform(-118, 118))

    def _visible_box(
        self, defect: Defect, left: int, top: int
    ) -> tuple[float, float, float, float] | None:
        width, scale = self.settings.size.width, self.settings.scale
        start = left + defect.left
        visible = defect.mask[:, max(0, -start) : max(0, width - start)]
        if visible.sum() <= LEAST_VISIBLE * defect.mask.sum():
            return None
        x, y, columns, rows = cv2.boundingRect(visible.astype(np.uint8))
        if min(columns, rows) < LEAST_SIDE * scale:
            return None
        x1, y1 = max(0, start) + x, top + defect.top + y
        return float(x1), float(y1), float(x1 + columns), float(y1 + rows)


def _lay(image: Image, part: Part, left: int, top: int) -> None:
    """Blend a sprite into the picture, in place, as far as it lies inside."""
    rows, columns = part.color.shape[:2]
    y1, y2 = max(0, top), min(image.shape[0], top + rows)
    x1, x2 = max(0, left), min(image.shape[1], left + columns)
    if y1 >= y2 or x1 >= x2:
        return
    sprite: tuple[NDArray[np.uint8], ...] = (part.keep, part.color)
    keep, color = (layer[y1 - top : y2 - top, x1 - left : x2 - left] for layer in sprite)
    under = image[y1:y2, x1:x2]
    cv2.multiply(under, keep, dst=under, scale=1 / 255)
    cv2.add(under, color, dst=under)
