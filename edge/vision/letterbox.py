"""Fitting an image into the model's input without distorting it: the geometry and the pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.core.types import Image, Size

BORDER = 114
"""Grey level around the image, 0..255: what YOLOv8 is trained with."""


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where an image lies on the model's canvas. Only this moves boxes between the two spaces.

    Attributes:
        image: size of the original image, pixels.
        model: size of the model's input, pixels.
        scale: model pixels per image pixel.
        left: padding left of the image, model pixels.
        top: padding above the image, model pixels.
    """

    image: Size
    model: Size
    scale: float
    left: int
    top: int

    @classmethod
    def fit(cls, image: Size, model: Size) -> Letterbox:
        """The largest centred placement of ``image`` inside ``model``; small images grow.

        Rounding follows the letterbox that YOLOv8 models are trained and validated with: the
        odd pixel of padding goes to the right and to the bottom.
        """
        scale = min(model.height / image.height, model.width / image.width)
        inner = _scaled(image, scale)
        left = round((model.width - inner.width) / 2 - 0.1)
        top = round((model.height - inner.height) / 2 - 0.1)
        return cls(image, model, scale, left, top)

    @property
    def inner(self) -> Size:
        """Size of the scaled image on the canvas, model pixels."""
        return _scaled(self.image, self.scale)

    def model_from_image(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes float32 (N, 4) x1 y1 x2 y2 in image pixels, moved to model pixels."""
        return boxes * np.float32(self.scale) + self._offset

    def image_from_model(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes float32 (N, 4) x1 y1 x2 y2 in model pixels, in image pixels, clipped to the image.

        A box that lies outside the image is left with no area, on the image's edge.
        """
        limit = np.array([self.image.width, self.image.height] * 2, np.float32)
        return np.clip((boxes - self._offset) / np.float32(self.scale), np.float32(0), limit)

    @property
    def _offset(self) -> NDArray[np.float32]:
        return np.array([self.left, self.top] * 2, np.float32)


class Preprocessor:
    """Images to tensors for one model, through one reused buffer; not thread-safe."""

    def __init__(self, model: Size) -> None:
        """Prepare the buffers of a model whose input has this size, in pixels."""
        self._tensor = np.empty((1, 3, model.height, model.width), np.float32)
        self._model = model
        self._letterbox: Letterbox | None = None
        self._resized: Image = np.empty((0, 0, 3), np.uint8)

    def __call__(self, image: Image) -> tuple[NDArray[np.float32], Letterbox]:
        """Turn one picture into the model's input.

        Args:
            image: uint8 (H, W, 3), BGR.

        Returns:
            float32 (1, 3, H, W), RGB, 0..1, C-contiguous, valid until the next call; and where
            the picture lies in it.
        """
        letterbox = self._placed(Size(image.shape[1], image.shape[0]))
        inner = letterbox.inner
        if inner != letterbox.image:
            wanted = (inner.width, inner.height)
            cv2.resize(image, wanted, self._resized, interpolation=cv2.INTER_LINEAR)
            image = self._resized
        rows = slice(letterbox.top, letterbox.top + inner.height)
        columns = slice(letterbox.left, letterbox.left + inner.width)
        # Planes first: whole rows of one colour divide nearly twice as fast as every third byte.
        for channel, plane in zip((2, 1, 0), cv2.split(image), strict=True):
            target = self._tensor[0, channel, rows, columns]
            np.divide(plane, 255, out=target, dtype=np.float32)
        return self._tensor, letterbox

    def _placed(self, image: Size) -> Letterbox:
        """The image's placement; the border is written only when it changes."""
        if self._letterbox is None or self._letterbox.image != image:
            self._letterbox = Letterbox.fit(image, self._model)
            inner = self._letterbox.inner
            self._resized = np.empty((inner.height, inner.width, 3), np.uint8)
            self._tensor.fill(np.float32(BORDER) / np.float32(255))
        return self._letterbox


def _scaled(image: Size, scale: float) -> Size:
    # A line of pixels, thinner than one model pixel, still gets one.
    return Size(max(1, round(image.width * scale)), max(1, round(image.height * scale)))
