"""The live loop: newest frame -> detections -> every sink.

Live cameras go through :func:`newest`: each is read by a thread of its own, and the loop always
gets the newest frame. Recordings go through :class:`Lockstep`: the loop asks for the next frame,
so nothing is dropped. :func:`run` is the same for both. :class:`ModelSwitch` lets another thread
exchange the model between two frames.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from edge.core.mailbox import Mailbox
from edge.core.ports import CameraFeed, Detector, Sink
from edge.core.types import CameraEvent, CameraStatus, Detections, Frame, LoopEvent, Pulse


def run(
    events: Iterable[LoopEvent],
    detect: Detector,
    sinks: Sequence[Sink],
    alive: Callable[[], None] = lambda: None,
) -> None:
    """Show every frame's detections and every change of a camera to every sink.

    Only frames of a live camera arrive here, so no detections means: inspected, nothing found.

    Args:
        events: of all cameras, in order.
        detect: the model.
        sinks: where results go; the frames of a pulse go nowhere.
        alive: called after every completed inference; a watchdog lives on it.
    """
    for event in events:
        if isinstance(event, CameraStatus):
            for sink in sinks:
                sink.camera_changed(event)
        elif isinstance(event, Pulse):
            detect(event.frame)
            alive()
        else:
            detections = detect(event)
            for sink in sinks:
                sink.emit(event, detections)
            alive()
        del event  # its buffer is free while the loop waits


class ModelSwitch:
    """A ``Detector`` whose model is exchanged between two frames, while the loop runs."""

    def __init__(self, first: Detector) -> None:
        self._detector = first
        self._in_use = threading.Lock()
        self._turn = threading.Lock()

    @property
    def description(self) -> str:
        """Of the model in use."""
        return self._detector.description

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names; the same for every model that it ever uses."""
        return self._detector.labels

    def __call__(self, frame: Frame) -> Detections:
        """What the model in use finds."""
        with self._turn:  # whoever exchanges the model holds it: a busy loop cannot starve him
            self._in_use.acquire()
        try:
            return self._detector(frame)
        finally:
            self._in_use.release()

    def exchange(self, detector: Detector) -> Detector:
        """Use another model from the next frame on; waits for the frame in hand.

        Returns:
            The model that was in use. Nobody uses it any more.

        Raises:
            ValueError: it finds other classes, which the sinks do not know.
        """
        if detector.labels != self.labels:
            raise ValueError(f"the new model finds {detector.labels}, the old one {self.labels}")
        with self._turn, self._in_use:
            self._detector, before = detector, self._detector
        return before


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

    def close(self) -> None:
        """End the iteration after the frame in hand."""
        self._closed = True
