"""Frames on which two engines disagreed, kept when that had consequences: what a person looks at.

A case is a folder: pictures, what each engine found in them, and why. The oldest goes when the
budget is spent; the newest always stays, and so does one with a file ``keep`` in it.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg

from edge.core.types import Detections, Frame

FRAMES = 16
"""Frames that a case holds at most: the newest before it."""
KEEP = "keep"
"""A case with a file of this name is never removed."""
_QUALITY = 95
_UNFINISHED = ".part-"
_CASE = re.compile(r"(\d{6,})-([a-z-]+)")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EvidenceReport:
    """What there is.

    Attributes:
        cases: folders.
        bytes: that they take.
        failing: what the disk said last; empty while it works.
    """

    cases: int
    bytes: int
    failing: str


class Evidence:
    """Remembers the last frames of disagreement, and writes them down when asked.

    For one thread; any may ask for the report. A disk that is full, read-only or gone is logged
    once, when it starts and when it ends.
    """

    def __init__(self, folder: Path, budget_mb: float, labels: tuple[str, ...]) -> None:
        """Keep cases in ``folder``, of ``budget_mb`` megabytes (10**6 bytes) in all."""
        self._folder = folder
        self._budget = round(budget_mb * 1e6)
        self._labels = labels
        self._seen: deque[tuple[bytes, dict[str, Any]]] = deque(maxlen=FRAMES)
        self._failing = ""
        self._used: dict[Path, int] = {}
        with suppress(OSError):
            self._look()
        self._note()

    def saw(self, frame: Frame, engine: Detections, fallback: Detections) -> None:
        """Remember a frame, as a JPEG, and what both found; takes a few milliseconds."""
        picture = simplejpeg.encode_jpeg(
            np.ascontiguousarray(frame.bgr()), quality=_QUALITY, colorspace="BGR"
        )
        found = {"engine": self._rows(engine), "fallback": self._rows(fallback)}
        self._seen.append((picture, {"camera": frame.camera, "index": frame.index, **found}))

    def keep(self, kind: str, reason: str) -> None:
        """Write what is remembered down as a case; without a frame there is none."""
        if not self._seen:
            return
        try:
            self._write(kind, reason)
            self._evict()
        except OSError as error:
            self._failed(error)
        else:
            self._worked()
            self._seen.clear()
        self._note()

    def report(self) -> EvidenceReport:
        """What there is now."""
        return self._report

    def _note(self) -> None:
        self._report = EvidenceReport(len(self._used), sum(self._used.values()), self._failing)

    def _rows(self, found: Detections) -> list[dict[str, Any]]:
        rows = zip(found.boxes.tolist(), found.scores.tolist(), found.class_ids, strict=True)
        return [
            {"box": box, "score": round(score, 4), "label": self._label(class_id)}
            for box, score, class_id in rows
        ]

    def _label(self, class_id: int) -> str:
        return self._labels[class_id] if class_id < len(self._labels) else str(class_id)

    def _look(self) -> None:
        """Find the cases of earlier runs; remove what a power cut left unfinished."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(self._folder.iterdir()):
            if path.name.startswith(_UNFINISHED):
                shutil.rmtree(path)
            elif _CASE.fullmatch(path.name):
                self._used[path] = _size_of(path)

    def _write(self, kind: str, reason: str) -> None:
        """A folder appears whole, or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        numbers = [int(path.name.partition("-")[0]) for path in self._used]
        name = f"{max(numbers, default=0) + 1:06d}-{kind.replace(' ', '-')}"
        fresh, case = self._folder / f"{_UNFINISHED}{name}", self._folder / name
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            fresh.mkdir()
            rows = [
                {"file": f"{place:02d}.jpg", **row} for place, (_, row) in enumerate(self._seen)
            ]
            for row, (picture, _) in zip(rows, self._seen, strict=True):
                (fresh / row["file"]).write_bytes(picture)
            about = {"kind": kind, "reason": reason, "frames": rows}
            (fresh / "case.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
            for path in (*fresh.iterdir(), fresh):  # all together: the first wait is the long one
                _wait_for_the_disk(path)
            fresh.rename(case)
            _wait_for_the_disk(self._folder)
        except OSError:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        self._used[case] = _size_of(case)

    def _evict(self) -> None:
        """Oldest first, by number: no clock has a say."""
        *older, _newest = sorted(self._used)
        for case in older:
            if sum(self._used.values()) <= self._budget:
                return
            if not (case / KEEP).exists():
                shutil.rmtree(case)
                del self._used[case]

    def _failed(self, error: OSError) -> None:
        if not self._failing:
            _log.error(
                "%s: no evidence can be kept: %s. Make room, or give this user the right to write",
                self._folder,
                error.strerror or error,
            )
        self._failing = error.strerror or str(error)

    def _worked(self) -> None:
        if self._failing:
            _log.warning("%s: evidence is kept again", self._folder)
            self._failing = ""


def _size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _wait_for_the_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
