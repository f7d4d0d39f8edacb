"""Images as points, and the points that cover the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.vision.features import Features

Points = NDArray[np.float32]

KINDS = 16
"""Kinds of image that a set is divided into: enough for parts, sides and lights of one line."""
_COMPONENTS = 8  # numbers that say what is where in an image


def points_of(images: Sequence[Features]) -> Points:
    """Images as points (N, D), so that unlike images lie far apart.

    Half of the distance is light, colour and sharpness, each standardised; half is content: the
    leading principal components of thumbnails without their brightness and contrast.
    """
    scalars = np.array(
        [
            (i.brightness, i.contrast, np.log1p(i.sharpness), i.saturation, *i.colour)
            for i in images
        ],
        np.float32,
    )
    scalars -= scalars.mean(axis=0)
    scalars /= np.maximum(scalars.std(axis=0), np.float32(0.05))
    content = np.array([_content(i.thumbnail) for i in images], np.float32)
    content -= content.mean(axis=0)
    _, directions = np.linalg.eigh(content.T @ content)  # by ascending variance
    content = content @ directions[:, -_COMPONENTS:]
    scale = np.sqrt(float(scalars.var(axis=0).sum()) / max(float(content.var(axis=0).sum()), 1e-12))
    return np.hstack([scalars, content * np.float32(scale)])


def farthest(points: Points, count: int, first: Sequence[int] = ()) -> Iterator[int]:
    """Indices of ``count`` points, each the farthest from all before it.

    Begins with those in ``first``; without any, with the point nearest to the mean.
    """
    length = np.einsum("nd,nd->n", points, points)
    middle = points.mean(axis=0)
    nearest = -(length - 2 * points @ middle)  # so that the first farthest is the most central
    for place in range(count):
        pick = first[place] if place < len(first) else int(nearest.argmax())
        distance = length - 2 * points @ points[pick] + length[pick]
        nearest = distance if place == 0 else np.minimum(nearest, distance)
        nearest[pick] = -np.inf
        yield pick


def kinds(points: Points) -> NDArray[np.intp]:
    """The kind of each image (N,): k-means (Lloyd 1982) from centres far apart."""
    centres = points[list(farthest(points, min(KINDS, len(points))))]
    kind_of = np.zeros(len(points), np.intp)
    for _ in range(10):  # enough to settle; exactness is not needed
        kind_of = (np.square(centres).sum(axis=1) - 2 * points @ centres.T).argmin(axis=1)
        for kind in np.unique(kind_of):
            centres[kind] = points[kind_of == kind].mean(axis=0)
    return kind_of


def _content(thumbnail: NDArray[np.uint8]) -> Points:
    """What is where, float32 (64,): a thumbnail as 8 x 8 cells without brightness and contrast."""
    side = len(thumbnail) // 8
    cells = thumbnail.reshape(8, side, 8, side).mean(axis=(1, 3), dtype=np.float32).reshape(-1)
    cells -= cells.mean()
    return cells / np.maximum(cells.std(), np.float32(1))
