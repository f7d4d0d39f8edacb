"""Copies of still images with the boxes drawn in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2

from edge.core.errors import UnavailableError
from edge.core.types import Detections, Frame
from edge.vision.draw import draw


class AnnotatedImages:
    """A folder of annotated JPEG files, one for each image; never writes one name twice."""

    def __init__(self, folder: Path, labels: Sequence[str]) -> None:
        """Make ``folder`` if it is missing.

        Raises:
            UnavailableError: it cannot be made.
        """
        self._folder = folder
        self._labels = labels
        self._names: set[str] = set()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnavailableError(f"{folder}: cannot be made: {error.strerror}") from error

    def save(self, image: Path, frame: Frame, detections: Detections) -> Path:
        """Write the annotated copy of ``image`` and say where.

        Raises:
            UnavailableError: it cannot be written.
        """
        path = self._folder / self._free_name(image.stem)
        encoded = cv2.imencode(".jpg", draw(frame.bgr(), detections, self._labels))[1]
        try:
            path.write_bytes(encoded.tobytes())
        except OSError as error:
            raise UnavailableError(f"{path}: cannot be written: {error.strerror}") from error
        return path

    def _free_name(self, stem: str) -> str:
        """``a.jpg``, then ``a-2.jpg`` for an image of the same name from another folder."""
        name, number = f"{stem}.jpg", 1
        while name in self._names:
            number += 1
            name = f"{stem}-{number}.jpg"
        self._names.add(name)
        return name
