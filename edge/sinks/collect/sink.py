"""The sink: takes what may be worth keeping off the loop's hands, and never makes it wait."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from edge.core.config import CollectConfig
from edge.core.errors import UnavailableError
from edge.core.types import CameraStatus, Detections, Frame
from edge.sinks.collect.collection import Collection, CollectReport
from edge.sinks.collect.folder import Folder
from edge.sinks.collect.variety import Why

UNCERTAIN_MARGIN = 0.15
"""A detection that passed the threshold by less than this is uncertain."""
UNCERTAIN_OFTENER = 4
"""Uncertain frames are considered this many times as often as others."""
_MOST_WAITING = 2


@dataclass(frozen=True, slots=True, eq=False)
class _Offer:
    """A frame with pixels of its own."""

    frame: Frame
    why: Why
    at: float


class Collect:
    """Keeps a bounded, varied set of live frames in a folder.

    The loop copies a frame now and then, at most two wait, further ones are dropped and counted.
    A thread judges, encodes and writes. What the disk cannot take is counted and logged once.
    """

    def __init__(
        self,
        settings: CollectConfig,
        folder: Path,
        confidence: float,
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Start; what earlier runs collected is found in the thread.

        Args:
            settings: budget and pace.
            folder: where images go; made when it is missing.
            confidence: the service's threshold, 0..1.
            wall: seconds since 1970 in UTC, for file names.
        """
        self._every_s = {
            Why.ROUTINE: settings.every_s,
            Why.UNCERTAIN: settings.every_s / UNCERTAIN_OFTENER,
        }
        self._uncertain_below = confidence + UNCERTAIN_MARGIN
        self._wall = wall
        self._considered: dict[tuple[str, Why], float] = {}
        self._changed = threading.Condition()
        self._waiting: deque[_Offer] = deque()
        self._closed = False
        self._dropped = 0
        self._error: Exception | None = None
        self._collection = Collection(Folder(folder), settings)
        self._report = self._collection.report()
        self._thread = threading.Thread(target=self._work, name="collect")
        self._thread.start()

    def emit(self, frame: Frame, detections: Detections) -> None:
        """Offer one inspected frame, when it is time for one like it.

        Raises:
            UnavailableError: the thread has ended by an error, which is attached.
        """
        uncertain = bool((detections.scores < self._uncertain_below).any())
        why = Why.UNCERTAIN if uncertain else Why.ROUTINE
        last = self._considered.get((frame.camera, why), float("-inf"))
        if frame.captured_at - last >= self._every_s[why]:
            self._considered[frame.camera, why] = frame.captured_at
            self.keep(frame, why)

    def keep(self, frame: Frame, why: Why = Why.DISAGREEMENT) -> None:
        """Offer a frame for this reason, at any pace.

        Raises:
            UnavailableError: the thread has ended by an error, which is attached.
        """
        if self._error is not None:
            raise UnavailableError(
                f"no frames are collected any more: {self._error!r}. Restart the service"
            ) from self._error
        with self._changed:
            if len(self._waiting) >= _MOST_WAITING or self._closed:
                self._dropped += 1
                return
            own = replace(frame, image=frame.image.copy())
            self._waiting.append(_Offer(own, why, self._wall()))
            self._changed.notify()

    def camera_changed(self, status: CameraStatus) -> None:
        """Only frames of live cameras are offered; nothing to do."""

    def report(self) -> CollectReport:
        """Everything up to now; from any thread."""
        return replace(self._report, dropped=self._dropped)

    def close(self) -> None:
        """Finish what is waiting and end the thread. Safe to call twice."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        try:
            self._collection.resume(stopped=lambda: self._closed)
            self._report = self._collection.report()
            while (offer := self._take()) is not None:
                self._collection.offer(offer.frame, offer.why, offer.at)
                self._report = self._collection.report()
        except Exception as error:
            self._error = error

    def _take(self) -> _Offer | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return self._waiting.popleft() if self._waiting else None
