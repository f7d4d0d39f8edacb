"""What an image is like, cheaply: enough to leave out the useless and to choose the varied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.core.types import Image

LONG_SIDE = 640
"""Pixels that larger images are reduced to before anything is measured: what YOLOv8 sees of them.
A blur that the model cannot see is none, and cameras of different sizes can be compared."""
THUMBNAIL = 32
"""Cells a side of the thumbnail."""
BLACK_LUMA = 8.0
"""Mean luma under which an image without contrast is black, 0..255."""
BLACK_CONTRAST = 6.0
"""Luma deviation under which a dark image has no contrast. Both are a live camera's limits too."""
BLANK_CONTRAST = 3.0
"""Luma deviation under which an image shows nothing: sensor noise alone has 1 to 3."""
BLURRED_SHARE = 0.5
"""Share of the set's median sharpness that a blurred image does not reach. A Gaussian blur of one
pixel of the model's input, seen on the shipped set and on DeepPCB, leaves 0.2 and less; of
sharp images the softest had 0.7."""
BLURRED_Z = 5.0
"""Robust deviations below the median that it must lie at as well: a set may vary by nature."""
LEAST_FOR_BLUR = 8
"""Images under which a set has no normal sharpness."""
NEAR_DUPLICATE = 4
"""Luma levels by which no cell of a near-duplicate's thumbnail differs. A second exposure of the
same scene (noise of 4 levels, JPEG at 60) stays within it; a defect of a cell's size does not."""

_REBLUR = 1.5  # pixels: well above a lens's own softness, well below the parts' structures
_FLAT = 0.01  # Laplacian variance that counts as nothing; keeps blank images finite
_KEYS = 8  # directions along which duplicates are sought
_WINDOW = 16  # neighbours looked at along each
_BLOCK = 4096  # images handled at once: 16 MiB of float32 thumbnails


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """One image in a few numbers.

    Attributes:
        brightness: mean luma, 0..255.
        contrast: standard deviation of the luma.
        sharpness: how many times a known blur weakens the finest structures; see ``features``.
        saturation: mean difference of strongest and weakest colour, 0..255.
        colour: mean blue, green, red, 0..255.
        thumbnail: uint8 (32, 32), luma: what is where.
    """

    brightness: float
    contrast: float
    sharpness: float
    saturation: float
    colour: tuple[float, float, float]
    thumbnail: NDArray[np.uint8]


def features(image: Image) -> Features:
    """Measure one image.

    Sharpness is the variance of the Laplacian over its value after a further, known blur: what is
    blurred already loses little (the idea of Crete et al. 2007, doi 10.1117/12.702790). Unlike
    the plain variance it hardly depends on how much there is to see: over 150 different circuit
    boards the variance spreads 48-fold, the quotient 2-fold.

    Args:
        image: uint8 (H, W, 3), BGR, of any size.
    """
    small = _reduced(image)
    luma = _luma(small)
    brightness, contrast = (float(value[0, 0]) for value in cv2.meanStdDev(luma))
    coarse = np.asarray(cv2.resize(small, (THUMBNAIL,) * 2, interpolation=cv2.INTER_AREA), np.uint8)
    blue, green, red = (float(mean) for mean in cv2.mean(coarse)[:3])
    return Features(
        brightness=brightness,
        contrast=contrast,
        sharpness=_sharpness(luma),
        saturation=float(np.ptp(coarse, axis=2).mean()),
        colour=(blue, green, red),
        thumbnail=_luma(coarse),
    )


def is_black(image: Features) -> bool:
    """Whether the image is dark all over: lens cap, no light. Holds for any set."""
    return image.brightness < BLACK_LUMA and image.contrast < BLACK_CONTRAST


def is_blank(image: Features) -> bool:
    """Whether the image shows nothing at all, of whatever colour. Holds for any set."""
    return image.contrast < BLANK_CONTRAST


def blurred(sharpness: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which images of a set are blurred, bool (N,), judged by the rest of that set.

    What is normal depends on lens and scene, so no absolute limit would hold. A blurred image has
    less than half of the median sharpness, and lies far outside the set's own spread (median
    absolute deviation of the logarithms). In a set of fewer than 8 none is blurred.

    Args:
        sharpness: float64 (N,), of each image of the set.
    """
    values = np.log(np.maximum(sharpness, _FLAT))
    if len(values) < LEAST_FOR_BLUR:
        return np.zeros(len(values), np.bool_)
    below = np.median(values) - values
    spread = 1.4826 * np.median(np.abs(below))  # a normal distribution's standard deviation
    return (below > -np.log(BLURRED_SHARE)) & (below > BLURRED_Z * spread)


def difference(image: Features, other: Features) -> int:
    """Largest difference of two thumbnails in any cell, luma levels 0..255.

    The largest, not the mean: on a production line all images are alike but for the one spot that
    matters.
    """
    return int(cv2.absdiff(image.thumbnail, other.thumbnail).max())


def near_duplicates(thumbnails: NDArray[np.uint8]) -> dict[int, int]:
    """Which images repeat an earlier one: index of each repetition -> index of the one to keep.

    Memory grows with N, not with its square: images are sorted along a few fixed directions, and
    each is compared with its next neighbours there, until a pass finds nothing new. Repetitions
    differ little in every direction, so they stand close together in at least one; in sets of
    tens of thousands of nearly equal images a few may be missed. What is named is always within
    ``NEAR_DUPLICATE`` of the image it was compared with.

    Args:
        thumbnails: uint8 (N, 32, 32).
    """
    flat = thumbnails.reshape(len(thumbnails), THUMBNAIL**2)
    keys = _keys(flat)
    twin_of: dict[int, int] = {}
    kept, before = np.arange(len(flat)), -1
    while before != len(kept):
        before = len(kept)
        for column in range(_KEYS):
            order = kept[np.argsort(keys[column, kept], kind="stable")]
            twin_of.update(_repetitions(flat, keys, order))
            kept = kept[[index not in twin_of for index in kept.tolist()]]
    return {index: _root(twin_of, index) for index in sorted(twin_of)}


def _reduced(image: Image) -> Image:
    scale = LONG_SIDE / max(image.shape[:2])
    if scale >= 1:
        return image
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _luma(image: Image) -> Image:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def _sharpness(luma: Image) -> float:
    softer = cv2.GaussianBlur(luma, (0, 0), _REBLUR)
    fine, left = (cv2.meanStdDev(cv2.Laplacian(each, cv2.CV_16S))[1] for each in (luma, softer))
    return float((fine[0, 0] ** 2 + _FLAT) / (left[0, 0] ** 2 + _FLAT))


def _keys(flat: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Places (``_KEYS``, N) of thumbnails along fixed, random directions of length 1."""
    directions = np.random.default_rng(0).normal(size=(flat.shape[1], _KEYS)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    parts = [flat[rows].astype(np.float32) @ directions for rows in _blocks(len(flat))]
    return np.ascontiguousarray(np.concatenate([*parts, np.zeros((0, _KEYS), np.float32)]).T)


def _repetitions(
    flat: NDArray[np.uint8], keys: NDArray[np.float32], order: NDArray[np.intp]
) -> dict[int, int]:
    """Repetitions among images that stand near each other in this order."""
    pairs: list[tuple[int, int]] = []
    for step in range(1, min(_WINDOW, len(order) - 1) + 1):
        for first, second in _close(keys, order[:-step], order[step:]):
            same = cv2.absdiff(flat[first], flat[second]).max(axis=1) <= NEAR_DUPLICATE
            both = np.stack([first[same], second[same]])
            pairs += zip(both.max(axis=0).tolist(), both.min(axis=0).tolist(), strict=True)
    twin_of: dict[int, int] = {}
    for later, earlier in sorted(pairs):  # so that what is earlier has been decided
        if earlier not in twin_of:
            twin_of.setdefault(later, earlier)
    return twin_of


def _close(
    keys: NDArray[np.float32], first: NDArray[np.intp], second: NDArray[np.intp]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """The pairs whose keys allow a near-duplicate, a block at a time."""
    # Were every cell off by the most allowed, a random direction would see a normal distribution of
    # just that deviation; three of them.
    reach = 3 * NEAR_DUPLICATE
    for key in keys:
        close = np.abs(key[first] - key[second]) <= reach
        first, second = first[close], second[close]
    for rows in _blocks(len(first)):
        yield first[rows], second[rows]


def _root(twin_of: dict[int, int], index: int) -> int:
    while index in twin_of:
        index = twin_of[index]
    return index


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, count, _BLOCK))
