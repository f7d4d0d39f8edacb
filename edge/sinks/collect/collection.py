"""Decides on one frame at a time, and keeps folder and knowledge of it in step."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import simplejpeg

from edge.core.config import CollectConfig
from edge.core.errors import InputMissingError
from edge.core.types import Frame, Image
from edge.sinks.collect.folder import Folder, Name
from edge.sinks.collect.variety import Place, Variety, Why
from edge.vision.features import Features, features, is_black, is_blank

QUALITY = 95
"""Of the JPEG files, colour at full resolution: calibration should see what the camera saw."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CollectReport:
    """What there is, and what became of the frames offered since the start.

    Attributes:
        images: in the folder.
        megabytes: they take.
        by_why: images by reason.
        kept: frames written.
        repeated: refused as near-duplicates, black or blank.
        covered: refused because the others say it all.
        evicted: images removed in favour of others.
        dropped: not looked at, because two were waiting already.
        failures: not written, because of the disk.
        failing: what the disk said last; empty while it works.
    """

    images: int
    megabytes: float
    by_why: dict[str, int]
    kept: int
    repeated: int
    covered: int
    evicted: int
    dropped: int
    failures: int
    failing: str


class Collection:
    """A folder's images, and the judgement of what else belongs there. For one thread.

    A disk that is full, read-only or gone is counted and logged once, when it starts and when it
    ends; nothing else happens.
    """

    def __init__(self, folder: Folder, settings: CollectConfig) -> None:
        """Keep images in ``folder``; nothing is read or written yet."""
        self._folder = folder
        self._variety = Variety(settings.images, round(settings.megabytes * 1e6))
        self._least_free = settings.least_free_mb * 1e6
        self._names: dict[int, Name] = {}
        self._next = 0
        self._kept = self._repeated = self._covered = self._evicted = self._failures = 0
        self._failing = ""

    def resume(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Find what earlier runs collected. A file that cannot be decoded is removed.

        Args:
            stopped: asked between two files; True ends it early.
        """
        try:
            self._folder.sweep()
            names = self._folder.names()
        except OSError as error:
            self._failed(error)
            return
        self._next = max((name.number + 1 for name in names), default=0)
        for name in names:
            if stopped():
                return
            try:
                self._find(name)
            except OSError as error:
                self._failed(error)

    def offer(self, frame: Frame, why: Why, at: float) -> None:
        """Keep a frame, or do not.

        Args:
            frame: its pixels are not needed afterwards.
            why: it might be worth keeping.
            at: seconds since 1970, UTC, for people.
        """
        number, self._next = self._next, self._next + 1
        seen = features(frame.bgr())
        if is_black(seen) or is_blank(seen) or self._variety.repeats(seen, why):
            self._repeated += 1
            return
        try:
            self._remove(self._variety.surplus())  # of an earlier fault, or a larger budget
            self._refuse_full_disk()
            self._keep(seen, Name.of(number, at, why, frame.camera), _encoded(frame.bgr()))
        except OSError as error:
            self._failed(error)
        else:
            self._worked()

    def sort(self, name: Name, stays: bool | None) -> None:
        """A person's word on an image: it stays (True), goes (False), or is as any other (None).

        Raises:
            InputMissingError: it is not there any more.
            OSError: the disk does not take it; nothing has changed.
        """
        if self._names.get(name.number) != name:
            raise InputMissingError(f"{name}: is not in the collection any more")
        if stays is False:
            self._remove([name.number])
            return
        self._folder.keep(name, stays is True)
        self._variety.keep(name.number, stays is True)

    def report(self, dropped: int = 0) -> CollectReport:
        """Everything up to now."""
        places = self._variety.places
        return CollectReport(
            images=len(places),
            megabytes=round(self._variety.total_bytes / 1e6, 3),
            by_why={why.value: sum(place.why is why for place in places) for why in Why},
            kept=self._kept,
            repeated=self._repeated,
            covered=self._covered,
            evicted=self._evicted,
            dropped=dropped,
            failures=self._failures,
            failing=self._failing,
        )

    def _keep(self, seen: Features, name: Name, content: bytes) -> None:
        """Write what belongs there, then remove what it replaces: a fault loses nothing."""
        twins = self._twins(seen)
        self._variety.add(seen, Place(name.number, name.why, len(content)))
        surplus = self._variety.surplus(twins)
        if name.number in surplus:
            self._variety.forget([name.number])
            self._covered += 1
            return
        try:
            self._folder.write(name, content)
        except OSError:
            self._variety.forget([name.number])
            raise
        self._names[name.number] = name
        self._kept += 1
        self._remove([*twins, *surplus])

    def _find(self, name: Name) -> None:
        """Take in a file of an earlier run; the later of two near-duplicates has to be better."""
        content, stays = self._folder.read(name), self._folder.kept(name)
        seen = _features_of(content)
        self._names[name.number] = name
        if seen is None or (not stays and self._variety.repeats(seen, name.why)):
            self._remove([name.number])
            return
        self._remove(self._twins(seen))
        self._variety.add(seen, Place(name.number, name.why, len(content), stays))

    def _twins(self, seen: Features) -> list[int]:
        """Near-duplicates that may go."""
        return [twin.number for twin in self._variety.twins(seen) if not twin.stays]

    def _remove(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self._folder.remove(self._names[number])
            del self._names[number]
            self._variety.forget([number])
            self._evicted += 1

    def _refuse_full_disk(self) -> None:
        free = self._folder.free_bytes()
        if free < self._least_free:
            raise OSError(
                errno.ENOSPC,
                f"only {free / 1e6:.0f} MB free, less than sinks.collect.least_free_mb",
            )

    def _failed(self, error: OSError) -> None:
        self._failures += 1
        if not self._failing:
            _log.error(
                "%s: no frames are collected for recalibration: %s. Make room, or give this user "
                "the right to write; the line goes on without",
                self._folder.path,
                error.strerror or error,
            )
        self._failing = error.strerror or str(error)

    def _worked(self) -> None:
        if self._failing:
            _log.warning("%s: frames are collected again", self._folder.path)
            self._failing = ""


def _encoded(image: Image) -> bytes:
    return simplejpeg.encode_jpeg(
        np.ascontiguousarray(image), quality=QUALITY, colorspace="BGR", colorsubsampling="444"
    )


def _features_of(content: bytes) -> Features | None:
    """Of a JPEG; None when it is broken."""
    try:
        return features(simplejpeg.decode_jpeg(content, colorspace="BGR", strict=True))
    except ValueError:
        return None
