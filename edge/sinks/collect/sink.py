"""The sink: takes what may be worth keeping off the loop's hands, and never makes it wait."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from edge.core.config import CollectConfig
from edge.core.errors import InputMissingError, UnavailableError
from edge.core.types import CameraStatus, Detections, Frame
from edge.sinks.collect.collection import Collection, CollectReport
from edge.sinks.collect.folder import Folder, Name
from edge.sinks.collect.variety import Why

UNCERTAIN_MARGIN = 0.15
"""A detection that passed the threshold by less than this is uncertain."""
UNCERTAIN_OFTENER = 4
"""Uncertain frames are considered this many times as often as others."""
_MOST_WAITING = 2
_SORT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class _Offer:
    """A frame with pixels of its own."""

    frame: Frame
    why: Why
    at: float


@dataclass(frozen=True, slots=True, eq=False)
class _Word:
    """A person's word on a collected image, and who waits for it to be done."""

    name: Name
    stays: bool | None
    done: Future[None]


@dataclass(frozen=True, slots=True)
class Collected:
    """One collected image.

    Attributes:
        name: of its file.
        stays: somebody wants it to stay.
        size: of its file, bytes.
    """

    name: Name
    stays: bool
    size: int


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
        self._words: deque[_Word] = deque()
        self._closed = False
        self._dropped = 0
        self._error: Exception | None = None
        self._folder = Folder(folder)
        self._collection = Collection(self._folder, settings)
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

    def images(self) -> list[Collected]:
        """What is there now, newest first.

        Raises:
            UnavailableError: the folder cannot be read.
        """
        try:
            names = self._folder.names()
        except OSError as error:
            raise UnavailableError(
                f"{self._folder.path}: cannot be read: {error.strerror}"
            ) from error
        found = []
        for name in reversed(names):
            with suppress(OSError):  # it went meanwhile
                found.append(Collected(name, self._folder.kept(name), self._folder.size(name)))
        return found

    def image(self, name: Name) -> bytes:
        """One image's file.

        Raises:
            InputMissingError: it is not there any more.
            UnavailableError: it cannot be read.
        """
        try:
            return self._folder.read(name)
        except FileNotFoundError as error:
            raise InputMissingError(f"{name}: is not in the collection any more") from error
        except OSError as error:
            raise UnavailableError(f"{name}: cannot be read: {error.strerror}") from error

    def sort(self, name: Name, stays: bool | None) -> None:
        """A person's word: it stays (True), goes (False), or is as any other (None). Waits for it.

        Raises:
            InputMissingError: it is not there any more.
            UnavailableError: the disk does not take it, or does not answer.
        """
        word = _Word(name, stays, Future())
        with self._changed:
            if self._closed or self._error is not None:
                raise UnavailableError("no frames are collected any more. Restart the service")
            self._words.append(word)
            self._changed.notify()
        try:
            word.done.result(_SORT_TIMEOUT_S)
        except (OSError, FutureTimeoutError) as error:
            raise UnavailableError(f"{name}: the disk does not take it: {error}") from error

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
            while (task := self._take()) is not None:
                if isinstance(task, _Word):
                    self._heed(task)
                else:
                    self._collection.offer(task.frame, task.why, task.at)
                del task
                self._report = self._collection.report()
        except Exception as error:
            self._error = error

    def _heed(self, word: _Word) -> None:
        try:
            self._collection.sort(word.name, word.stays)
        except (InputMissingError, OSError) as error:
            word.done.set_exception(error)
        else:
            word.done.set_result(None)

    def _take(self) -> _Offer | _Word | None:
        with self._changed:
            self._changed.wait_for(lambda: self._words or self._waiting or self._closed)
            if self._words:
                return self._words.popleft()
            return self._waiting.popleft() if self._waiting else None
