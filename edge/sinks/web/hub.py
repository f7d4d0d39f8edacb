"""From the loop to every viewer: newest frame only, encoded once, and nobody is waited for.

Three kinds of thread meet here. The loop calls ``offer`` and ``camera_changed``, which only swap a
reference. One encoder thread turns the newest frame of each camera into a picture. The server's
event loop owns the viewers and hands pictures to them.

While somebody watches, at most two frames of a camera are held: the newest and the one being
encoded. So at most two slots of its frame pool stay leased; with nobody watching none does.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum

from edge.core.types import CameraState, CameraStatus, Detections, Frame
from edge.sinks.web.picture import Picture

_log = logging.getLogger(__name__)


class Nothing(Enum):
    """There was nothing to send for a while."""

    NOTHING = "nothing"


NOTHING = Nothing.NOTHING

Encode = Callable[[Frame, Detections], Picture]


class Viewer:
    """What one viewer has yet to be sent: the newest picture and state of each camera, no more.

    Lives in the server's event loop.
    """

    def __init__(self) -> None:
        self._statuses: dict[str, CameraStatus] = {}
        self._pictures: OrderedDict[str, Picture] = OrderedDict()
        self._pending = asyncio.Event()
        self._ended = False

    def show(self, item: Picture | CameraStatus) -> None:
        """Put a newer picture or state in the place of an unsent one."""
        if isinstance(item, Picture):
            self._pictures[item.camera] = item
        else:
            self._statuses[item.camera] = item
            if item.state is not CameraState.LIVE:
                self._pictures.pop(item.camera, None)
        self._pending.set()

    def end(self) -> None:
        """No more will come."""
        self._ended = True
        self._pending.set()

    async def next(self, timeout_s: float) -> Picture | CameraStatus | Nothing | None:
        """Wait for what is to be sent next, states first; None when the view closes.

        Returns ``NOTHING`` when there was nothing for ``timeout_s`` seconds.
        """
        while not self._ended:
            if self._statuses:
                return self._statuses.pop(next(iter(self._statuses)))
            if self._pictures:
                return self._pictures.popitem(last=False)[1]
            self._pending.clear()
            try:
                await asyncio.wait_for(self._pending.wait(), timeout_s)
            except asyncio.TimeoutError:
                return NOTHING
        return None


class Hub:
    """Holds the newest frame of each camera while anyone watches, and the state of each.

    Attributes:
        encoded: pictures encoded since the start.
    """

    def __init__(self, encode: Encode) -> None:
        """Encode by ``encode``, in a thread of its own once started."""
        self._encode = encode
        self._changed = threading.Condition()
        self._newest: OrderedDict[str, tuple[Frame, Detections]] = OrderedDict()
        self._statuses: dict[str, CameraStatus] = {}
        self._viewers: set[Viewer] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._encode_all, name="edge-jpeg")
        self._closed = False
        self._failing = False
        self.encoded = 0

    @property
    def viewers(self) -> int:
        """How many watch now."""
        return len(self._viewers)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to encode, for viewers that live in ``loop``."""
        self._loop = loop
        self._thread.start()

    def close(self) -> None:
        """Stop encoding; the thread has ended when this returns. Safe to call twice."""
        with self._changed:
            self._closed = True
            self._newest.clear()
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def offer(self, frame: Frame, detections: Detections) -> None:
        """Take a frame if anyone watches; replaces one that was not encoded yet. Never waits."""
        with self._changed:
            if self._viewers and not self._closed:
                self._newest[frame.camera] = (frame, detections)
                self._changed.notify()

    def camera_changed(self, status: CameraStatus) -> None:
        """Tell every viewer at once; a frame from before is not shown any more."""
        with self._changed:
            self._statuses[status.camera] = status
            if status.state is not CameraState.LIVE:
                self._newest.pop(status.camera, None)
        self._hand_over(status)

    def statuses(self) -> dict[str, CameraStatus]:
        """The last known state of each camera, by name."""
        with self._changed:
            return dict(self._statuses)

    def join(self, viewer: Viewer) -> None:
        """Start to serve a viewer. Call in the server's event loop."""
        with self._changed:
            self._viewers.add(viewer)

    def leave(self, viewer: Viewer) -> None:
        """Forget a viewer. Call in the server's event loop."""
        with self._changed:
            self._viewers.discard(viewer)
            if not self._viewers:
                self._newest.clear()

    def end_viewers(self) -> None:
        """Say good-bye to all. Call in the server's event loop."""
        for viewer in tuple(self._viewers):
            viewer.end()

    def _encode_all(self) -> None:
        while (inspected := self._take()) is not None:
            picture = self._attempt(*inspected)
            del inspected  # the frame's slot goes back before the next wait
            if picture is not None:
                self._hand_over(picture)
                del picture

    def _take(self) -> tuple[Frame, Detections] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._newest or self._closed)
            return None if self._closed else self._newest.popitem(last=False)[1]

    def _attempt(self, frame: Frame, detections: Detections) -> Picture | None:
        try:
            picture = self._encode(frame, detections)
        except Exception:
            if not self._failing:
                _log.exception("%s: cannot encode pictures for viewers", frame.camera)
            self._failing = True
            return None
        if self._failing:
            _log.warning("%s: pictures for viewers can be encoded again", frame.camera)
        self._failing = False
        self.encoded += 1
        return picture

    def _hand_over(self, item: Picture | CameraStatus) -> None:
        with self._changed:
            if self._loop is not None and not self._closed:
                self._loop.call_soon_threadsafe(self._spread, item)

    def _spread(self, item: Picture | CameraStatus) -> None:
        if isinstance(item, Picture) and not self._is_live(item.camera):
            return  # it was being encoded when the camera went
        for viewer in self._viewers:
            viewer.show(item)

    def _is_live(self, camera: str) -> bool:
        status = self._statuses.get(camera)
        return status is None or status.state is CameraState.LIVE
