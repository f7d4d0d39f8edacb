"""The recorded frames on the disk, pictures and rows in step, never more than the budget."""

from __future__ import annotations

import errno
import os
import shutil
from collections import OrderedDict
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from edge.core.config import RecordConfig
from edge.sinks.record.entry import Entry
from edge.sinks.record.index import Index

_PICTURES = "pictures"
_INDEX = "index.db"


class Shelf:
    """Puts frames on the disk and takes the oldest away. For one thread, but for the figures.

    A picture is on the disk before its row, and a row is gone before its picture: after a power
    cut there may be a picture too many, which is swept at the next start, and never one too few.

    Attributes:
        folder: with pictures and rows.
        index: the rows; for any thread.
        total_bytes: size of all entries.
        evicted: entries that were removed since the start.
    """

    def __init__(self, folder: Path, settings: RecordConfig) -> None:
        """Name the folder; nothing is read or written yet."""
        self.folder = folder
        self.index = Index(folder / _INDEX)
        self._settings = settings
        self._sizes: OrderedDict[int, int] = OrderedDict()
        self._next: int | None = None
        self.total_bytes = 0
        self.evicted = 0

    @property
    def entries(self) -> int:
        """How many there are."""
        return len(self._sizes)

    def resume(self) -> None:
        """Find what earlier runs left, and sweep what a power cut did.

        Raises:
            UnavailableError: the rows cannot be read.
            OSError: the pictures cannot.
        """
        self._sizes = OrderedDict(self.index.sizes())
        self.total_bytes = sum(self._sizes.values())
        pictures = self._pictures()
        pictures.mkdir(mode=0o750, exist_ok=True)
        found = [each for each in pictures.iterdir() if each.suffix == ".jpg"]
        for each in found:
            if not each.stem.isdecimal() or int(each.stem) not in self._sizes:
                each.unlink(missing_ok=True)
        self._next = self.index.last_id() + 1
        self._evict()

    def put(self, entry: Entry, picture: bytes, thumbnail: bytes) -> None:
        """Keep a frame; the shelf gives it its ``id``.

        Raises:
            UnavailableError: the row was not written.
            OSError: the picture was not, or the disk has too little left.
        """
        if self._next is None:
            self.resume()
        assert self._next is not None
        self._refuse_full_disk()
        number, size = self._next, len(picture) + len(thumbnail)
        path = self.picture(number)
        try:
            _write(path, picture)
            self.index.add(replace(entry, id=number, size=size), thumbnail)
        except BaseException:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            raise
        self._next = number + 1
        self._sizes[number] = size
        self.total_bytes += size
        self._evict()

    def picture(self, number: int) -> Path:
        """Where an entry's picture is."""
        return self._pictures() / f"{number:08d}.jpg"

    def _evict(self) -> None:
        most, room = self._settings.images, self._settings.megabytes * 1e6
        total = self.total_bytes
        gone: list[int] = []
        for number, size in self._sizes.items():
            if len(self._sizes) - len(gone) <= most and total <= room:
                break
            total -= size
            gone.append(number)
        if gone:
            self.index.remove(gone)
        for number in gone:
            self.total_bytes -= self._sizes.pop(number)
            self.picture(number).unlink(missing_ok=True)
        self.evicted += len(gone)

    def _refuse_full_disk(self) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < self._settings.least_free_mb * 1e6:
            raise OSError(
                errno.ENOSPC,
                f"only {free / 1e6:.0f} MB free, less than sinks.record.least_free_mb",
            )

    def _pictures(self) -> Path:
        return self.folder / _PICTURES


def _write(path: Path, content: bytes) -> None:
    """A file and its name, both on the disk when this returns."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
