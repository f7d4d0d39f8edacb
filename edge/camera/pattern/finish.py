"""Machined metal: tool marks, sheen and colour of an unspoilt face."""

from __future__ import annotations

import math

import cv2
import numpy as np

from edge.camera.pattern.layout import Field
from edge.camera.pattern.surface import Surface

ALLOYS: tuple[tuple[float, float, float], ...] = (
    (1.0, 0.985, 0.965),  # aluminium
    (1.0, 1.0, 1.0),  # stainless steel
    (0.98, 0.965, 0.95),  # mild steel
    (0.70, 0.90, 1.0),  # brass
)
"""Factors on blue, green and red."""


def machine(surface: Surface, finish: str, rng: np.random.Generator) -> None:
    """Give the bare face its tool marks and its colour."""
    base = float(rng.uniform(0.86, 1.06))
    grain = {"turned": _turned, "brushed": _brushed, "milled": _milled}[finish](surface, rng)
    direction = float(rng.uniform(0, 2 * math.pi))
    ramp = surface.x * np.float32(math.cos(direction)) + surface.y * np.float32(math.sin(direction))
    surface.tone *= base * grain * (1 + ramp * np.float32(rng.uniform(0.0002, 0.0009)))
    surface.tint[...] = np.array(ALLOYS[int(rng.choice(4, p=(0.4, 0.25, 0.2, 0.15)))], np.float32)


def _turned(surface: Surface, rng: np.random.Generator) -> Field:
    radius = cv2.magnitude(surface.u, surface.v)
    x, y = surface.x, surface.y
    phase = float(rng.uniform(-0.5, 0.5)) + math.pi / 2
    # Grooves run around the centre: a light glints where it shines across them, on both sides.
    twice = (x * x - y * y) * np.float32(math.cos(2 * phase)) + 2 * x * y * np.float32(
        math.sin(2 * phase)
    )
    glint = np.clip(twice / np.maximum(radius * radius, 1), -1, 1)
    return _grooves(radius, rng, 0.05) * (0.93 + 0.13 * glint + 0.12 * np.maximum(glint, 0) ** 4)


def _milled(surface: Surface, rng: np.random.Generator) -> Field:
    far = float(rng.uniform(90, 220))
    side = float(rng.choice([-1, 1]))
    radius = cv2.magnitude(surface.u - np.float32(side * far), surface.v + np.float32(far / 3))
    feed = 0.025 * np.sin(radius * np.float32(2 * math.pi / rng.uniform(9, 14)))
    return _grooves(radius, rng, 0.045) + feed


def _brushed(surface: Surface, rng: np.random.Generator) -> Field:
    side = surface.x.shape[0]
    lines = rng.standard_normal((side, side // 4 + 1), dtype=np.float32)
    streaks = cv2.blur(lines, (max(3, side // 12), 1))
    streaks = cv2.resize(streaks, (side, side), interpolation=cv2.INTER_LINEAR)
    matrix = cv2.getRotationMatrix2D((surface.half, surface.half), -math.degrees(surface.angle), 1)
    turned = cv2.warpAffine(streaks, matrix, (side, side), borderMode=cv2.BORDER_REFLECT)
    spread = float(streaks.std()) or 1.0
    wide = _grooves(surface.v + np.float32(400), rng, 0.02)
    return wide + turned * np.float32(0.055 / spread)


def _grooves(distance: Field, rng: np.random.Generator, depth: float) -> Field:
    fine = rng.standard_normal(4096, dtype=np.float32)
    coarse = cv2.blur(rng.standard_normal((1, 4096), dtype=np.float32), (15, 1))[0] * 3
    profile = 1 + np.float32(depth) * np.clip(fine * 0.6 + coarse * 0.8, -2.5, 2.5)
    return profile[np.minimum((distance * 2).astype(np.int32), 4095)].astype(np.float32)
