"""Results as JSON lines, in a file that is rotated or on standard output."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Protocol

from edge.core.clock import Clock, MonotonicClock
from edge.core.config import JsonlConfig
from edge.core.errors import UnavailableError
from edge.core.types import CameraStatus, Detections, Frame
from edge.sinks.rows import rows_from_detections

_STDOUT = 1


class Lines(Protocol):
    """Somewhere lines can be written."""

    def write(self, line: bytes) -> None:
        """Write one line at once; raises ``OSError``."""
        ...

    def close(self) -> None:
        """Make every line durable and let go. Safe to call twice."""
        ...


class RotatingFile:
    """Whole lines appended to a file; at a limit it becomes ``NAME.1`` and a new one is begun.

    A line that cannot be written completely is taken back, so the file never holds half a line.
    """

    def __init__(self, path: Path, limit_bytes: int, keep: int) -> None:
        """Open ``path`` for appending.

        Raises:
            UnavailableError: the file cannot be opened; names it and the remedy.
        """
        self._path = path
        self._limit_bytes = limit_bytes
        self._keep = keep
        self._fd = -1
        self._size = 0
        self._rotatable = False
        self._open()

    def write(self, line: bytes) -> None:
        """Append one line, without a buffer of ours.

        Raises:
            OSError: the line was not written; the file is as before.
        """
        if self._fd < 0:  # it could not be opened again after the last rotation
            self._open()
        if self._size and self._size + len(line) > self._limit_bytes and self._rotatable:
            self._rotate()
        try:
            _write_all(self._fd, line)
        except OSError:
            self._take_back()
            raise
        self._size += len(line)

    def close(self) -> None:
        """Make everything written durable and close the file. Safe to call twice."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            try:
                if self._rotatable:
                    os.fsync(fd)
            finally:
                os.close(fd)

    def _open(self) -> None:
        try:
            self._fd = os.open(
                self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640
            )
        except OSError as error:
            raise UnavailableError(
                f"{self._path}: cannot write results here: {error.strerror}. Create the folder, "
                f"give this user the right to write, or set another sinks.jsonl.path"
            ) from error
        about = os.fstat(self._fd)
        self._rotatable = stat.S_ISREG(about.st_mode)
        self._size = about.st_size if self._rotatable else 0
        if self._size and os.pread(self._fd, 1, self._size - 1) != b"\n":
            self.write(b"\n")  # a power cut left half a line: end it, so that it spoils no other

    def _rotate(self) -> None:
        oldest_first = range(self._keep - 1, 0, -1)
        for number in oldest_first:
            source = self._numbered(number)
            if source.exists():
                source.replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))
        self.close()
        self._open()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _take_back(self) -> None:
        if self._rotatable:
            os.ftruncate(self._fd, self._size)


class StandardOutput:
    """Lines on standard output, in the place of a file."""

    def write(self, line: bytes) -> None:
        """Write one line at once.

        Raises:
            OSError: nobody reads standard output any more.
        """
        _write_all(_STDOUT, line)

    def close(self) -> None:
        """Leave standard output open: it belongs to the process."""


class Jsonl:
    """One JSON line for each inspected frame and for each change of a camera's state.

    A frame's line: ``camera, index, time, age_ms, width, height, verdict, detections``, the latter
    a list of ``box, score, class_id, label``; ``verdict`` is ``ok``, ``ng``, ``unknown``, or null
    where the camera has no rules. A change's line: ``camera, time, state, reason`` and
    ``detections: null``, which is *unknown*; an empty list is *inspected, nothing found*.
    ``time`` is UTC for people and may jump; ages are measured by the monotonic clock.
    """

    def __init__(
        self,
        config: JsonlConfig,
        labels: Sequence[str],
        *,
        clock: Clock | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Open the file of these settings; ``wall`` gives UTC seconds since 1970.

        Raises:
            UnavailableError: the file cannot be opened; names it and the remedy.
        """
        self._lines = _open(config)
        self._labels = labels
        self._clock = clock or MonotonicClock()
        self._wall = wall

    def emit(self, frame: Frame, detections: Detections) -> None:
        """Write one frame's line.

        Raises:
            OSError: it could not be written; the file holds whole lines only.
        """
        age_s = self._clock.now() - frame.captured_at
        self._write(
            {
                "camera": frame.camera,
                "index": frame.index,
                "time": self._utc(age_s),
                "age_ms": round(age_s * 1000, 1),
                "width": frame.size.width,
                "height": frame.size.height,
                "verdict": detections.verdict and detections.verdict.value,
                "detections": rows_from_detections(detections, self._labels),
            }
        )

    def camera_changed(self, status: CameraStatus) -> None:
        """Write one line about the camera; its detections are unknown from here on.

        Raises:
            OSError: it could not be written.
        """
        self._write(
            {
                "camera": status.camera,
                "time": self._utc(self._clock.now() - status.at),
                "state": status.state.value,
                "reason": status.reason,
                "detections": None,
            }
        )

    def close(self) -> None:
        """Make the file durable and close it. Safe to call twice."""
        self._lines.close()

    def _utc(self, age_s: float) -> str:
        moment = datetime.fromtimestamp(self._wall() - age_s, timezone.utc)
        return moment.isoformat(timespec="milliseconds")

    def _write(self, record: dict[str, Any]) -> None:
        self._lines.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")


def _open(config: JsonlConfig) -> Lines:
    if str(config.path) == "-":
        return StandardOutput()
    return RotatingFile(config.path, round(config.rotate_mb * 1_000_000), config.keep)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
