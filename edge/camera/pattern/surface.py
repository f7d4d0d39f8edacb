"""The face of a metal part as a relief: marks change height and colour, light does the rest."""

from __future__ import annotations

import math

import cv2
import numpy as np

from edge.camera.pattern.layout import Field
from edge.core.types import Image

LIGHT = (-0.42, -0.91)
"""Where the line light stands, seen from the part: above, a little to the left."""
MARGIN = 34.0
"""Room for the soft shadow around a part, in design pixels."""

Points = list[tuple[float, float]]


class Surface:
    """A square of pixels around one part, rotated as the part lies on the belt.

    Attributes:
        scale: picture pixels per design pixel.
        half: the centre's pixel; the square has ``2 * half + 1`` pixels a side.
        x: float32 (n, n), design pixels right of the centre, in the picture.
        y: float32 (n, n), design pixels below the centre, in the picture.
        u: float32 (n, n), design pixels along the part's own horizontal axis.
        v: float32 (n, n), design pixels along the part's own vertical axis.
        height: float32 (n, n), relief in design pixels, 0 is the flat face.
        tone: float32 (n, n), factor on the metal's brightness.
        tint: float32 (n, n, 3), factor on blue, green and red.
    """

    def __init__(self, radius: float, scale: float, angle: float) -> None:
        self.scale, self.angle = scale, angle
        self.half = math.ceil((radius + MARGIN) * scale)
        axis = (np.arange(2 * self.half + 1, dtype=np.float32) - self.half) / np.float32(scale)
        self.x, self.y = np.meshgrid(axis, axis)
        cos, sin = np.float32(math.cos(angle)), np.float32(math.sin(angle))
        self.u, self.v = self.x * cos + self.y * sin, self.y * cos - self.x * sin
        self.height = np.zeros_like(self.x)
        self.tone = np.ones_like(self.x)
        self.tint = np.ones((*self.x.shape, 3), np.float32)

    def pixels(self, points: Points) -> list[tuple[float, float]]:
        """Places on the part (u, v) as pixels (column, row) of the square."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return [
            (
                self.half + (u * cos - v * sin) * self.scale,
                self.half + (u * sin + v * cos) * self.scale,
            )
            for u, v in points
        ]

    def place(self, column: int, row: int) -> tuple[float, float]:
        """The (u, v) of one pixel."""
        return float(self.u[row, column]), float(self.v[row, column])

    def around(self, u: float, v: float, radius: float) -> tuple[slice, slice]:
        """Rows and columns of a window on the arrays, ``radius`` design pixels to each side."""
        ((column, row),) = self.pixels([(u, v)])
        reach = radius * self.scale + 2
        return (
            slice(max(0, math.floor(row - reach)), math.ceil(row + reach)),
            slice(max(0, math.floor(column - reach)), math.ceil(column + reach)),
        )

    def line(self, points: Points, width: float) -> Field:
        """A smooth line through places on the part, 0..1; never thinner than one pixel."""
        mask = np.zeros(self.x.shape, np.uint8)
        path = np.round(np.array(self.pixels(points)) * 16).astype(np.int32)
        cv2.polylines(mask, [path], False, 255, max(1, round(width * self.scale)), cv2.LINE_AA, 4)
        return np.divide(mask, 255, dtype=np.float32)

    def stamp(self, image: Image, at: tuple[float, float], width: float) -> Field:
        """A small grey picture laid onto the part, ``width`` design pixels wide, as 0..1."""
        rows, columns = image.shape
        zoom = width / columns
        corners: Points = [
            (at[0] + zoom * (i - columns / 2), at[1] + zoom * (j - rows / 2))
            for i, j in ((0, 0), (columns, 0), (0, rows))
        ]
        source = np.array([(0, 0), (columns, 0), (0, rows)], np.float32)
        matrix = cv2.getAffineTransform(source, np.array(self.pixels(corners), np.float32))
        side = 2 * self.half + 1
        laid = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_AREA)
        return np.divide(laid, 255, dtype=np.float32)

    def lit(self) -> Field:
        """Brightness of the relief under the line light; 1 for the flat face."""
        slope = self.scale / 8  # a 3x3 Sobel kernel sums to eight times the difference
        across = cv2.Sobel(self.height, cv2.CV_32F, 1, 0, scale=slope)
        down = cv2.Sobel(self.height, cv2.CV_32F, 0, 1, scale=slope)
        towards = -(across * np.float32(LIGHT[0]) + down * np.float32(LIGHT[1]))
        return 1 + np.clip(towards, -0.9, 0.75) * np.float32(0.85)


def band(distance: Field, width: float) -> Field:
    """1 where ``distance`` is below 0, 0 where it is above ``width``, smooth between."""
    t = np.clip(1 - distance / np.float32(width), 0, 1)
    return t * t * (3 - 2 * t)
