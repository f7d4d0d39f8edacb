"""The sink: takes a frame now and then off the loop's hands, and never makes it wait."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from edge.core.clock import Clock, MonotonicClock
from edge.core.config import RecordConfig
from edge.core.errors import UnavailableError
from edge.core.types import CameraStatus, Detections, Frame, Image, Verdict
from edge.sinks.record.entry import Entry, Wanted
from edge.sinks.record.shelf import Shelf
from edge.sinks.rows import rows_from_detections

THUMBNAIL_PX = 240
"""Width of a thumbnail."""
_THUMBNAIL_QUALITY = 70
_MOST_WAITING = 3
_PAGE = 200

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecordReport:
    """What there is, and what became of the frames offered since the start.

    Attributes:
        entries: on the disk.
        megabytes: they take.
        kept: frames written.
        evicted: entries removed because the budget was used up.
        dropped: frames that were due and not kept, because others were waiting.
        failures: frames not written, because of the disk.
        failing: what the disk said last; empty while it works.
    """

    entries: int
    megabytes: float
    kept: int
    evicted: int
    dropped: int
    failures: int
    failing: str


@dataclass(frozen=True, slots=True, eq=False)
class _Offer:
    """A frame with pixels of its own, and its entry without id and size."""

    frame: Frame
    entry: Entry


class Record:
    """Keeps the newest frames: those with detections, those that are NG, a few of the others.

    The loop copies a frame now and then; at most three wait, further ones are dropped and counted.
    A thread encodes and writes. What the disk cannot take is counted, and told when that starts and
    when it ends. Any thread may look at what was kept.
    """

    def __init__(
        self,
        settings: RecordConfig,
        folder: Path,
        labels: Sequence[str],
        *,
        clock: Clock | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Start; what earlier runs kept is found in the thread.

        Args:
            settings: budget and pace.
            folder: where it goes; made when it is missing, and shared with nobody else.
            labels: class names, by class id.
            clock: for ages.
            wall: seconds since 1970 in UTC.
        """
        self._settings = settings
        self._labels = labels
        self._clock = clock or MonotonicClock()
        self._wall = wall
        self._kept_at: dict[tuple[str, str], float] = {}
        self._changed = threading.Condition()
        self._waiting: deque[_Offer] = deque()
        self._closed = False
        self._dropped = self._kept = self._failures = 0
        self._failing = ""
        self._error: Exception | None = None
        self._shelf = Shelf(folder, settings)
        self._thread = threading.Thread(target=self._work, name="record")
        self._thread.start()

    def emit(self, frame: Frame, detections: Detections) -> None:
        """Keep this frame, when it is time for one like it.

        Raises:
            UnavailableError: the thread has ended by an error, which is attached.
        """
        if self._error is not None:
            raise UnavailableError(
                f"no detections are recorded any more: {self._error!r}. Restart the service"
            ) from self._error
        if not self._is_due(frame, detections):
            return
        with self._changed:
            if len(self._waiting) >= _MOST_WAITING or self._closed:
                self._dropped += 1
                return
            self._waiting.append(self._offer(frame, detections))
            self._changed.notify()

    def camera_changed(self, status: CameraStatus) -> None:
        """Only inspected frames are recorded; nothing to do."""

    def close(self) -> None:
        """Finish what is waiting and end the thread. Safe to call twice."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        self._shelf.index.close()

    def report(self) -> RecordReport:
        """Everything up to now."""
        return RecordReport(
            entries=self._shelf.entries,
            megabytes=round(self._shelf.total_bytes / 1e6, 3),
            kept=self._kept,
            evicted=self._shelf.evicted,
            dropped=self._dropped,
            failures=self._failures,
            failing=self._failing,
        )

    def page(self, wanted: Wanted, before: int | None = None, limit: int = _PAGE) -> list[Entry]:
        """The newest entries that are wanted and older than ``before``, at most ``limit``.

        Raises:
            UnavailableError: the disk cannot be read.
        """
        return self._shelf.index.page(wanted, before, limit)

    def pages(self, wanted: Wanted) -> Iterator[list[Entry]]:
        """All that are wanted, newest first, a page at a time; raises as ``page``."""
        before: int | None = None
        while entries := self.page(wanted, before):
            yield entries
            before = entries[-1].id

    def entry(self, number: int) -> Entry | None:
        """One entry; None when it is gone. Raises as ``page``."""
        return self._shelf.index.entry(number)

    def picture(self, number: int) -> bytes | None:
        """An entry's whole frame as JPEG; None when it is gone.

        Raises:
            UnavailableError: the disk cannot be read.
        """
        try:
            return self._shelf.picture(number).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UnavailableError(f"picture {number} cannot be read: {error.strerror}") from error

    def thumbnail(self, number: int) -> bytes | None:
        """The same, small. Raises as ``page``."""
        return self._shelf.index.thumbnail(number)

    def _is_due(self, frame: Frame, detections: Detections) -> bool:
        kind = "found" if len(detections) else "empty"
        kind = "ng" if detections.verdict is Verdict.NG else kind
        pace_s = self._settings.empty_s if kind == "empty" else self._settings.every_s
        last = self._kept_at.get((frame.camera, kind))
        if last is not None and frame.captured_at - last < pace_s:
            return False
        self._kept_at[frame.camera, kind] = frame.captured_at
        return True

    def _offer(self, frame: Frame, detections: Detections) -> _Offer:
        age_s = self._clock.now() - frame.captured_at
        boxes = rows_from_detections(detections, self._labels)
        entry = Entry(
            id=0,
            camera=frame.camera,
            frame=frame.index,
            at=round(self._wall() - age_s, 3),
            age_ms=round(age_s * 1000, 1),
            verdict=detections.verdict,
            width=frame.size.width,
            height=frame.size.height,
            boxes=tuple({key: row[key] for key in ("box", "score", "label")} for row in boxes),
            size=0,
        )
        return _Offer(replace(frame, image=frame.image.copy()), entry)

    def _work(self) -> None:
        try:
            self._attempt(self._shelf.resume)
            while (offer := self._take()) is not None:
                self._keep(offer)
                del offer
        except Exception as error:
            self._error = error

    def _take(self) -> _Offer | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return self._waiting.popleft() if self._waiting else None

    def _keep(self, offer: _Offer) -> None:
        image = offer.frame.bgr()
        picture = _encoded(image, self._settings.quality)
        thumbnail = _encoded(_small(image), _THUMBNAIL_QUALITY)
        if self._attempt(lambda: self._shelf.put(offer.entry, picture, thumbnail)):
            self._kept += 1
        else:
            self._failures += 1

    def _attempt(self, write: Callable[[], None]) -> bool:
        """Whether the disk took it; a fault is told when it starts and when it ends."""
        try:
            write()
        except (UnavailableError, OSError) as error:
            if not self._failing:
                _log.error(
                    "%s: no detections are recorded: %s. Make room, or give this user the right to "
                    "write; the line goes on without",
                    self._shelf.folder,
                    error,
                )
            self._failing = str(error)
            return False
        if self._failing:
            _log.warning("%s: detections are recorded again", self._shelf.folder)
            self._failing = ""
        return True


def _encoded(image: Image, quality: int) -> bytes:
    return simplejpeg.encode_jpeg(
        np.ascontiguousarray(image), quality=quality, colorspace="BGR", colorsubsampling="420"
    )


def _small(image: Image) -> Image:
    height, width = image.shape[:2]
    scale = min(1.0, THUMBNAIL_PX / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
