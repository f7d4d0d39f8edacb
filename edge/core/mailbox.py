"""The one hand-over between threads: newest frame wins, and failures travel too."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from itertools import count

from edge.core.types import CameraStatus, Frame, LoopEvent, Pulse


class Mailbox:
    """Holds at most one frame a camera; a newer one replaces an unread one.

    Writers never wait. A replaced frame keeps its camera's place in the queue, so a fast camera
    cannot starve a slow one. Status changes are never replaced and are read before frames, but for
    the frame that their own camera delivered before: what comes behind "lost" was taken later.
    The reader iterates; after ``close`` it gets what is still there, then iteration ends and
    raises the error the mailbox was closed with, so no failure stays behind in a thread.

    Attributes:
        replaced: frames that were never read because a newer one came, by camera.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frames: OrderedDict[str, tuple[int, Frame]] = OrderedDict()
        self._notices: deque[tuple[int, CameraStatus | Pulse]] = deque()
        self._puts = count()
        self._closed = False
        self._error: BaseException | None = None
        self.replaced: dict[str, int] = {}

    def put(self, event: LoopEvent) -> None:
        """Offer a frame, a status change or a pulse; never blocks. Ignored once closed."""
        with self._changed:
            if self._closed:
                return
            if isinstance(event, Frame):
                if event.camera in self._frames:
                    self.replaced[event.camera] = self.replaced.get(event.camera, 0) + 1
                self._frames[event.camera] = next(self._puts), event
            # A pulse is for a loop that has nothing to do.
            elif not (isinstance(event, Pulse) and (self._notices or self._frames)):
                self._notices.append((next(self._puts), event))
            self._changed.notify()

    @property
    def waiting(self) -> bool:
        """Whether the reader would get something at once."""
        with self._changed:
            return bool(self._notices or self._frames)

    def close(self, error: BaseException | None = None) -> None:
        """End the reader's iteration, with ``error`` if there was one. The first call wins."""
        with self._changed:
            if not self._closed:
                self._closed, self._error = True, error
            self._changed.notify_all()

    def __iter__(self) -> Iterator[LoopEvent]:
        while (event := self._take()) is not None:
            yield event
            del event  # a reader that waits must not keep the last frame's buffer

    def _take(self) -> LoopEvent | None:
        with self._changed:
            self._changed.wait_for(lambda: self._notices or self._frames or self._closed)
            if self._notices:
                return self._older_frame() or self._notices.popleft()[1]
            if self._frames:
                return self._frames.popitem(last=False)[1][1]
            if self._error is not None:
                raise self._error
            return None

    def _older_frame(self) -> Frame | None:
        """The unread frame that the camera of the next status change delivered before it."""
        number, notice = self._notices[0]
        if not isinstance(notice, CameraStatus) or notice.camera not in self._frames:
            return None
        if self._frames[notice.camera][0] > number:
            return None
        return self._frames.pop(notice.camera)[1]
