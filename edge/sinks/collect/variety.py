"""Which of many images stay: never two alike, and the one most like the others goes first.

Every reason for keeping images is granted a share of the room; what is left over goes to whoever
needs it. Who has more than that share gives way.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from edge.vision.features import NEAR_DUPLICATE, THUMBNAIL, Features


class Why(str, Enum):
    """Why a frame is worth keeping."""

    ROUTINE = "routine"
    UNCERTAIN = "uncertain"
    DISAGREEMENT = "disagreement"


RANKS = tuple(Why)
"""Lowest first: of two near-duplicates the one of higher rank stays."""
SHARES = {Why.ROUTINE: 0.5, Why.UNCERTAIN: 0.25, Why.DISAGREEMENT: 0.25}
"""Of the images, granted to each reason; they add up to 1, so that somebody is over when it is
full. Routine frames have the most: ranges that know only trouble would fit the normal case badly.
"""
NEIGHBOURS = 3
"""Nearest images by whose mean distance it is told how much an image adds."""

_NOISE = float(NEAR_DUPLICATE)  # luma levels; a set that differs by less differs by noise only
_LIGHT = 5  # numbers that say how an image is lit: brightness, contrast, colour


@dataclass(frozen=True, slots=True)
class Place:
    """One kept image.

    Attributes:
        number: counts every image that was ever considered; orders them in time.
        why: it is kept.
        size: of its file, bytes.
        stays: somebody wants it: it goes last, and no other takes its place.
    """

    number: int
    why: Why
    size: int
    stays: bool = False


class Variety:
    """The kept images: what each is like and how far apart they lie.

    An image takes a thumbnail of 1 KiB and a row of bytes for its distances to the others.
    """

    def __init__(self, images: int, limit_bytes: int) -> None:
        """Keep at most so many images, and so many bytes in all."""
        self._most = images
        self._limit_bytes = limit_bytes
        self._places: list[Place] = []
        self._thumbnails = np.zeros((0, THUMBNAIL, THUMBNAIL), np.uint8)
        self._light = np.zeros((0, _LIGHT), np.float32)
        self._content = np.zeros((0, 0), np.uint8)

    @property
    def places(self) -> tuple[Place, ...]:
        """Every kept image, in the order they came."""
        return tuple(self._places)

    @property
    def total_bytes(self) -> int:
        """Size of all of them."""
        return sum(place.size for place in self._places)

    def repeats(self, image: Features, why: Why) -> bool:
        """Whether an image like this is there already, for as good a reason."""
        return any(twin.stays or _rank(twin.why) >= _rank(why) for twin in self.twins(image))

    def twins(self, image: Features) -> tuple[Place, ...]:
        """The kept images that this one is a near-duplicate of."""
        alike = self._differences(image) <= NEAR_DUPLICATE
        return tuple(self._places[k] for k in np.flatnonzero(alike))

    def add(self, image: Features, place: Place) -> None:
        """Take in one image."""
        row = self._differences(image)[None]
        self._content = np.block([[self._content, row.T], [row, np.zeros((1, 1), np.uint8)]])
        self._thumbnails = np.concatenate([self._thumbnails, image.thumbnail[None]])
        light = (image.brightness, image.contrast, *image.colour)
        self._light = np.concatenate([self._light, np.array([light], np.float32)])
        self._places.append(place)

    def forget(self, numbers: Collection[int]) -> None:
        """These images are not there any more."""
        stay = self._without(numbers)
        self._content = self._content[np.ix_(stay, stay)]
        self._thumbnails, self._light = self._thumbnails[stay], self._light[stay]
        self._places = [self._places[k] for k in stay]

    def keep(self, number: int, stays: bool) -> None:
        """Somebody wants an image, or does not any more."""
        self._places = [
            replace(place, stays=stays) if place.number == number else place
            for place in self._places
        ]

    def surplus(self, leaving: Collection[int] = ()) -> tuple[int, ...]:
        """Numbers of the images that have to go for the budget to hold, one after the other.

        Args:
            leaving: images that go anyway.
        """
        gone: list[int] = []
        while self._over_budget(stay := self._without([*leaving, *gone])):
            gone.append(self._places[self._least_worth(stay)].number)
        return tuple(gone)

    def _without(self, numbers: Collection[int]) -> NDArray[np.intp]:
        return np.array(
            [k for k, place in enumerate(self._places) if place.number not in numbers], np.intp
        )

    def _over_budget(self, stay: NDArray[np.intp]) -> bool:
        size = sum(self._places[k].size for k in stay)
        return len(stay) > self._most or size > self._limit_bytes

    def _least_worth(self, stay: NDArray[np.intp]) -> int:
        """Index of the image that adds least, among those whose reason is beyond its share.

        One that somebody wants is taken only when there is no other.
        """
        ranks = np.array([_rank(self._places[k].why) for k in stay])
        granted = np.array([SHARES[why] for why in RANKS]) * len(stay)
        over = np.bincount(ranks, minlength=len(RANKS)) > granted
        free = np.array([not self._places[k].stays for k in stay])
        if not free.any():
            free[:] = True
        asked = free & over[ranks] if (free & over[ranks]).any() else free
        return int(stay[np.where(asked, self._worth(stay), np.inf).argmin()])

    def _worth(self, stay: NDArray[np.intp]) -> NDArray[np.float32]:
        """How much each of these adds (N,): its mean distance from its nearest neighbours."""
        distances = self._distances(stay)
        np.fill_diagonal(distances, np.inf)
        count = min(NEIGHBOURS, len(stay) - 1)
        if not count:
            return np.zeros(len(stay), np.float32)
        nearest = np.partition(distances, count - 1, axis=1)[:, :count]
        return np.asarray(nearest.mean(axis=1), np.float32)

    def _distances(self, stay: NDArray[np.intp]) -> NDArray[np.float32]:
        """Between these images (N, N): content, light and time, each against its own spread."""
        numbers = np.array([self._places[k].number for k in stay], np.float32)
        content = self._content[np.ix_(stay, stay)].astype(np.float32)
        light = _between(self._light[stay])
        time = np.abs(numbers[:, None] - numbers)
        return (
            _against_spread(content, _NOISE)
            + _against_spread(light, _NOISE)
            + _against_spread(time, 1.0)
        )

    def _differences(self, image: Features) -> NDArray[np.uint8]:
        """Largest difference in any cell to each kept image (N,), luma levels."""
        both = (self._thumbnails, image.thumbnail)
        return np.asarray((np.maximum(*both) - np.minimum(*both)).max(axis=(1, 2)))


def _rank(why: Why) -> int:
    return RANKS.index(why)


def _between(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Euclidean distances (N, N) between points (N, D)."""
    lengths = np.einsum("nd,nd->n", points, points)
    squared = lengths[:, None] + lengths - 2 * points @ points.T
    return np.sqrt(np.maximum(squared, np.float32(0)))


def _against_spread(distances: NDArray[np.float32], least: float) -> NDArray[np.float32]:
    return distances / np.float32(max(float(distances.mean()), least))
