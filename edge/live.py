"""The live loop: newest frame -> detections -> every sink.

Live cameras go through :func:`newest`: each is read by a thread of its own, and the loop always
gets the newest frame. Recordings go through :class:`Lockstep`: the loop asks for the next frame,
so nothing is dropped. :func:`run` is the same for both.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from edge.core.mailbox import Mailbox
from edge.core.ports import CameraFeed, Detector, Sink
from edge.core.types import CameraEvent, CameraStatus


def run(events: Iterable[CameraEvent], detect: Detector, sinks: Sequence[Sink]) -> None:
    """Show every frame's detections and every change of a camera to every sink.

    Only frames of a live camera arrive here, so no detections means: inspected, nothing found.
    """
    for event in events:
        if isinstance(event, CameraStatus):
            for sink in sinks:
                sink.camera_changed(event)
        else:
            detections = detect(event)
            for sink in sinks:
                sink.emit(event, detections)
        del event  # its buffer is free while the loop waits


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
