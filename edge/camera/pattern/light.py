"""The line light over the belt, the lens and the sensor."""

from __future__ import annotations

import math

import cv2
import numpy as np

from edge.camera.pattern.layout import Field
from edge.camera.pattern.settings import LineSettings
from edge.core.types import Image

COVERED = np.uint8(7)
"""How much of the black level is missing when no light at all comes in."""
BLACK_LEVEL = 9.0
"""Mean of the sensor noise: no pixel of a lit picture is exactly black."""
NOISE = 2.3
"""Standard deviation of the sensor noise, in grey levels."""
SLACK = 64
"""The noise is larger than the picture by this, so that it can lie differently in every frame."""


class Light:
    """Brightness over the picture, drifting slowly, and noise; both made once.

    Every picture of one line shares the field; the seed chooses lamp, colour and position.
    """

    def __init__(self, settings: LineSettings) -> None:
        rng = np.random.default_rng([settings.seed, 4])
        self._settings = settings
        self._gain = float(rng.uniform(0.94, 1.12))
        self._phase = float(rng.uniform(0, 2 * math.pi))
        self._field = _field(settings, rng)
        self._noise = _noise(settings, rng)

    def expose(self, image: Image, index: int) -> None:
        """Light the picture and add the noise of frame ``index``, in place."""
        seconds = index / self._settings.fps
        drift = 1 + 0.018 * math.sin(2 * math.pi * 0.11 * seconds + self._phase)
        flicker = 1 + 0.006 * math.sin(2 * math.pi * 1.7 * seconds)
        cv2.multiply(image, self._field, dst=image, scale=self._gain * drift * flicker / 255)
        cv2.add(image, self._noise_of(index), dst=image)

    def cover(self, image: Image, index: int) -> None:
        """What the sensor sees with the lens covered: noise close to black, in place."""
        np.subtract(np.maximum(self._noise_of(index), COVERED), COVERED, out=image)

    def _noise_of(self, index: int) -> Image:
        rng = np.random.default_rng([self._settings.seed, 5, index])
        top, left = (int(v) for v in rng.integers(0, SLACK, 2))
        size = self._settings.size
        return self._noise[top : top + size.height, left : left + size.width]


def _field(settings: LineSettings, rng: np.random.Generator) -> Image:
    """Factors, 255 is full light: bright along the lamp, darker to the corners."""
    height, width = settings.size.height, settings.size.width
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    lamp = np.float32(rng.uniform(-0.3, 0.1))
    along = np.float32(rng.uniform(-0.25, 0.25))
    line = 0.72 + 0.28 * np.exp(-(((y - lamp) / 0.72) ** 2))
    ends = 1 - 0.16 * (x - along) ** 2
    vignette = 1 - 0.11 * (x * x + y * y)
    warm = float(rng.uniform(-0.03, 0.03))
    tint = np.array((1 - max(warm, 0), 1 - abs(warm) / 2, 1 + min(warm, 0)), np.float32)
    return np.clip((line * ends * vignette)[..., None] * tint * 255, 0, 255).astype(np.uint8)


def _noise(settings: LineSettings, rng: np.random.Generator) -> Image:
    shape = (settings.size.height + SLACK, settings.size.width + SLACK)
    grey = rng.standard_normal((*shape, 1), dtype=np.float32)
    colour = rng.standard_normal((*shape, 3), dtype=np.float32)
    noise = BLACK_LEVEL + NOISE * (0.8 * grey + 0.6 * colour)
    return np.clip(np.round(noise), 0, 255).astype(np.uint8)


def soften(image: Field, settings: LineSettings) -> Field:
    """Blur of the lens, and of the belt's motion while the shutter is open."""
    soft = cv2.GaussianBlur(image, (0, 0), max(0.35, 0.62 * settings.scale))
    return np.asarray(cv2.blur(soft, (max(1, round(settings.motion_blur_px)), 1)), np.float32)
