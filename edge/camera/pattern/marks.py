"""What is on a good part and must not be taken for a defect: engraving, code, sticker."""

from __future__ import annotations

import cv2
import numpy as np

from edge.camera.pattern.layout import Field, Layout
from edge.camera.pattern.surface import Surface, band
from edge.core.types import Image

FONT = cv2.FONT_HERSHEY_SIMPLEX


def mark(surface: Surface, layout: Layout, number: int, rng: np.random.Generator) -> Field:
    """Engrave the part's number, a code or a sticker; returns where, 0..1."""
    where = np.zeros_like(surface.x)
    wide = layout.label_width
    kind = float(rng.random())
    if kind < 0.55:
        text = _text(f"{rng.choice(list('ABCDEFGH'))}{rng.integers(10, 99)}-{number % 10000:04d}")
        where = surface.stamp(text, layout.label_at, wide * 0.92)
        surface.tone *= 1 - 0.5 * where
        surface.height -= where
    elif kind < 0.8:
        code = surface.stamp(_code(rng), layout.label_at, min(wide * 0.4, 30))
        surface.tone *= 1 - 0.52 * code
        where = code
    elif kind < 0.92:
        where = _sticker(surface, layout.label_at, rng)
    return where


def _text(text: str) -> Image:
    (width, height), _ = cv2.getTextSize(text, FONT, 1.0, 2)
    image = np.zeros((height + 12, width + 8), np.uint8)
    cv2.putText(image, text, (4, height + 5), FONT, 1.0, 255, 3, cv2.LINE_AA)
    return image


def _code(rng: np.random.Generator) -> Image:
    """Something like a Data Matrix code, with its solid and its dashed edges."""
    cells = rng.integers(0, 2, (12, 12)).astype(np.uint8)
    cells[:, 0] = cells[-1, :] = 1
    cells[0, :] = np.arange(12) % 2 == 0
    cells[:, -1] = np.arange(12) % 2 == 1
    return np.kron(cells, np.full((6, 6), 255, np.uint8))


def _sticker(surface: Surface, at: tuple[float, float], rng: np.random.Generator) -> Field:
    radius = float(rng.uniform(13, 16))
    distance = np.hypot(surface.u - np.float32(at[0]), surface.v - np.float32(at[1]))
    disc = band(distance - np.float32(radius), 1.2)
    colour = ((0.30, 0.78, 0.36), (0.85, 0.55, 0.18), (1.0, 1.0, 1.0))[int(rng.integers(3))]
    surface.tone += disc * (1.08 - surface.tone)
    surface.tint += disc[..., None] * (np.array(colour, np.float32) - surface.tint)
    surface.height += disc * np.float32(0.5)
    word = surface.stamp(_text("OK"), at, radius * 1.2)
    surface.tone *= 1 - 0.75 * word
    return disc
