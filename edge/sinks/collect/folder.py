"""The collected images on the disk: each whole or not there, whenever the power goes."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from edge.sinks.collect.variety import Why

_NAME = re.compile(r"(\d{8,})-(\d{8}T\d{6}Z)-(\w+)-([A-Za-z0-9_.-]+)\.jpg", re.ASCII)
_NO_NAME = re.compile(r"[^A-Za-z0-9_.-]")
_UNFINISHED = ".part"
_KEPT = ".kept"


@dataclass(frozen=True, slots=True)
class Name:
    """A collected image's file name, which says all that is known of it.

    Attributes:
        number: counts the images that were considered; orders them whatever the clock says.
        time: UTC as the machine had it, for people: ``20261123T124728Z``.
        why: it was kept.
        camera: that saw it.
    """

    number: int
    time: str
    why: Why
    camera: str

    @classmethod
    def of(cls, number: int, at: float, why: Why, camera: str) -> Name:
        """Name an image seen at ``at``, seconds since 1970 in UTC."""
        time = datetime.fromtimestamp(at, timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        return cls(number, time, why, _NO_NAME.sub("_", camera))

    @classmethod
    def parsed(cls, text: str) -> Name | None:
        """The name of a file of ours; None of any other file."""
        match = _NAME.fullmatch(text)
        if match is None or match[3] not in set(Why):
            return None
        return cls(int(match[1]), match[2], Why(match[3]), match[4])

    def __str__(self) -> str:
        return f"{self.number:08d}-{self.time}-{self.why.value}-{self.camera}.jpg"


class Folder:
    """The files of a collection. Files of other names are left alone."""

    def __init__(self, path: Path) -> None:
        """Name the folder; it is made when something is written."""
        self.path = path

    def names(self) -> list[Name]:
        """What is there, oldest first; nothing where there is no folder.

        Raises:
            OSError: the folder cannot be read.
        """
        with suppress(FileNotFoundError):
            names = [name for each in self.path.iterdir() if (name := Name.parsed(each.name))]
            return sorted(names, key=lambda name: name.number)
        return []

    def sweep(self) -> None:
        """Remove what a power cut left unfinished, and marks of images that are gone.

        Raises:
            OSError: it cannot be removed.
        """
        gone = (
            mark for mark in self._marks() if not (self.path / mark.name[1 : -len(_KEPT)]).exists()
        )
        for each in (*self._unfinished(), *gone):
            each.unlink(missing_ok=True)

    def kept(self, name: Name) -> bool:
        """Whether somebody wants this image to stay."""
        return self._mark(name).exists()

    def keep(self, name: Name, stays: bool) -> None:
        """Remember, beyond a power cut, whether somebody wants this image to stay.

        Raises:
            OSError: it cannot be written down.
        """
        if stays:
            self._mark(name).touch()
        else:
            self._mark(name).unlink(missing_ok=True)
        self._sync()

    def read(self, name: Name) -> bytes:
        """One file's content; raises ``OSError``."""
        return (self.path / str(name)).read_bytes()

    def size(self, name: Name) -> int:
        """Of one file, bytes; raises ``OSError``."""
        return (self.path / str(name)).stat().st_size

    def write(self, name: Name, content: bytes) -> None:
        """A new file, on the disk when this returns.

        Raises:
            OSError: it was not written, and no part of it is left.
        """
        final = self.path / str(name)
        unfinished = final.with_name(f".{final.name}{_UNFINISHED}")
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with unfinished.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(final)
            self._sync()
        except OSError:
            for each in (unfinished, final):
                with suppress(OSError):
                    each.unlink(missing_ok=True)
            raise

    def remove(self, name: Name) -> None:
        """A file is gone; raises ``OSError`` when it is still there."""
        (self.path / str(name)).unlink(missing_ok=True)
        if self.kept(name):
            self._mark(name).unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """Room on its disk.

        Raises:
            OSError: that cannot be told.
        """
        existing = next(each for each in (self.path, *self.path.parents) if each.exists())
        return shutil.disk_usage(existing).free

    def _unfinished(self) -> Iterator[Path]:
        return self.path.glob(f".*{_UNFINISHED}")

    def _marks(self) -> Iterator[Path]:
        return self.path.glob(f".*{_KEPT}")

    def _mark(self, name: Name) -> Path:
        """An empty file beside the image; hidden, so that no build takes it for one."""
        return self.path / f".{name}{_KEPT}"

    def _sync(self) -> None:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
