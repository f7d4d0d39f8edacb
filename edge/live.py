"""The live loop: newest frame -> detections -> every sink.

Live cameras go through :func:`newest`: each is read by a thread of its own, and the loop always
gets the newest frame. Recordings go through :class:`Lockstep`: the loop asks for the next frame,
so nothing is dropped. :func:`run` is the same for both, and keeps a detector busy that works on
several frames at once. :class:`ModelSwitch` lets another thread exchange the model between frames.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from edge.core.mailbox import Mailbox
from edge.core.ports import CameraFeed, Detector, Pipeline, Sink
from edge.core.types import CameraEvent, CameraStatus, Detections, Frame, LoopEvent


def run(
    events: Iterable[LoopEvent],
    detect: Detector,
    sinks: Sequence[Sink],
    alive: Callable[[], None] = lambda: None,
    more: Callable[[], bool] = lambda: True,
) -> None:
    """Show every frame's detections and every change of a camera to every sink.

    Only frames of a live camera arrive here, so no detections means: inspected, nothing found.

    Args:
        events: of all cameras, in order; the next is taken when the detector has room for it.
        detect: the model; a ``Pipeline`` works on several frames at once.
        sinks: where results go; the frames of a pulse go nowhere.
        alive: called after every completed inference; a watchdog lives on it.
        more: whether another event is there already; if not, no result waits for it.
    """
    pipeline = pipelined(detect)
    in_flight: deque[Frame] = deque()

    def finish(until: Callable[[], bool]) -> None:
        while in_flight and not until():
            detections, frame = pipeline.collect(), in_flight.popleft()
            for sink in sinks:
                sink.emit(frame, detections)
            alive()

    for event in events:
        if isinstance(event, Frame):
            in_flight.append(event)
            pipeline.submit(event)
            finish(until=lambda: more() and pipeline.free > 0)
        else:
            finish(until=lambda: False)  # all in order
            if isinstance(event, CameraStatus):
                for sink in sinks:
                    sink.camera_changed(event)
            else:
                pipeline(event.frame)
                alive()
        del event  # its buffer is free while the loop waits
    finish(until=lambda: False)


def together(detect: Detector, frames: Iterable[Frame]) -> Iterator[Detections]:
    """What is in these frames, in their order, with as many in flight as the detector takes."""
    pipeline, in_flight = pipelined(detect), 0
    for frame in frames:
        pipeline.submit(frame)
        in_flight += 1
        if not pipeline.free:
            yield pipeline.collect()
            in_flight -= 1
    for _ in range(in_flight):
        yield pipeline.collect()


class OneByOne:
    """A ``Pipeline`` of one frame, from any ``Detector``."""

    def __init__(self, detector: Detector) -> None:
        self.description = detector.description
        self.labels = detector.labels
        self._detector = detector
        self._found: Detections | None = None

    def __call__(self, frame: Frame) -> Detections:
        """What the detector finds."""
        return self._detector(frame)

    @property
    def free(self) -> int:
        """One, until a frame is submitted."""
        return int(self._found is None)

    def submit(self, frame: Frame) -> None:
        """Do the work."""
        self._found = self._detector(frame)

    def collect(self) -> Detections:
        """What was found in the frame; it must have been submitted."""
        found, self._found = self._found, None
        assert found is not None
        return found


def pipelined(detector: Detector) -> Pipeline:
    """The detector itself, if it works on several frames at once; else one by one."""
    return detector if isinstance(detector, Pipeline) else OneByOne(detector)


class ModelSwitch:
    """A ``Pipeline`` whose model is exchanged between two frames, while the loop runs.

    Any thread may call it and exchange the model; frames are submitted by one, the loop's.
    """

    def __init__(self, first: Detector) -> None:
        self._detector = first
        self._pipeline = pipelined(first)
        self._in_use = threading.Lock()
        self._turn = threading.Lock()
        self._in_flight = 0

    @property
    def description(self) -> str:
        """Of the model in use."""
        return self._detector.description

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names; the same for every model that it ever uses."""
        return self._detector.labels

    def __call__(self, frame: Frame) -> Detections:
        """What the model in use finds; waits for the loop's frames in flight."""
        self._wait_for_turn()
        try:
            return self._detector(frame)
        finally:
            self._in_use.release()

    @property
    def free(self) -> int:
        """As the model has; none, until all are collected, while another thread waits for it."""
        return 0 if self._in_flight and self._turn.locked() else self._pipeline.free

    def submit(self, frame: Frame) -> None:
        """Start the work on a frame with the model in use."""
        if not self._in_flight:
            self._wait_for_turn()
        self._in_flight += 1
        try:
            self._pipeline.submit(frame)
        except BaseException:
            self._one_less()
            raise

    def collect(self) -> Detections:
        """What was found in the oldest frame in flight."""
        try:
            return self._pipeline.collect()
        finally:
            self._one_less()

    def exchange(self, detector: Detector) -> Detector:
        """Use another model from the next frame on; waits for the frames in flight.

        Returns:
            The model that was in use. Nobody uses it any more.

        Raises:
            ValueError: it finds other classes, which the sinks do not know.
        """
        if detector.labels != self.labels:
            raise ValueError(f"the new model finds {detector.labels}, the old one {self.labels}")
        fresh = pipelined(detector)
        with self._turn, self._in_use:
            self._detector, before = detector, self._detector
            self._pipeline = fresh
        return before

    def _wait_for_turn(self) -> None:
        with self._turn:  # whoever waits for the model holds it: a busy loop cannot starve him
            self._in_use.acquire()

    def _one_less(self) -> None:
        self._in_flight -= 1
        if not self._in_flight:
            self._in_use.release()


@contextmanager
def newest(feeds: Sequence[CameraFeed]) -> Iterator[Mailbox]:
    """Read every camera on a thread of its own; leaving the block stops and joins them.

    Iterating the mailbox ends when all cameras have ended or ``close`` was called, and raises
    what a camera's thread died of.
    """
    mailbox = Mailbox()
    reading = {feed.name for feed in feeds}

    def capture(feed: CameraFeed) -> None:
        try:
            for event in feed:
                mailbox.put(event)
        except BaseException as error:
            mailbox.close(error)
        reading.discard(feed.name)
        if not reading:
            mailbox.close()

    threads = [
        threading.Thread(target=capture, args=(feed,), name=f"capture {feed.name}")
        for feed in feeds
    ]
    for thread in threads:
        thread.start()
    try:
        yield mailbox
    finally:
        for feed in feeds:
            feed.close()
        for thread in threads:
            thread.join()


class Lockstep:
    """Recordings in turn, a frame of each, as fast as the loop asks; nothing is dropped."""

    def __init__(self, feeds: Sequence[CameraFeed]) -> None:
        self._feeds = feeds
        self._closed = False

    def __iter__(self) -> Iterator[CameraEvent]:
        waiting = [iter(feed) for feed in self._feeds]
        while waiting and not self._closed:
            for events in tuple(waiting):
                event = next(events, None)
                if event is None:
                    waiting.remove(events)
                else:
                    yield event
                del event

    @property
    def waiting(self) -> bool:
        """There is always a next frame, or an end."""
        return True

    def close(self) -> None:
        """End the iteration after the frame in hand."""
        self._closed = True
