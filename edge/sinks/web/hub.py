"""From the loop to every viewer: newest frame only, encoded once a grade, and nobody is waited for.

Three kinds of thread meet here. The loop calls ``offer`` and ``camera_changed``, which only swap a
reference. One encoder thread turns the newest frame of each camera into pictures. The server's
event loop owns the viewers and hands pictures to them.

While somebody watches, at most two frames of a camera are held: the newest and the one being
encoded. So at most two slots of its frame pool stay leased; with nobody watching none does.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial

from edge.core.types import CameraState, CameraStatus, Detections, Frame, Size
from edge.sinks.web.grade import Grade
from edge.sinks.web.picture import Picture
from edge.sinks.web.viewer import Viewer

_log = logging.getLogger(__name__)


Encode = Callable[[Frame, Detections, Collection[Grade]], Iterable[Picture]]
"""Makes a picture of each grade, one after the other."""

Audience = Mapping[Grade, Collection[Viewer]]
"""Who watches a frame in which grade."""


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
        self._sizes: dict[str, Size] = {}
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
            self._sizes[frame.camera] = frame.size
            if self._is_watched(frame.camera) and not self._closed:
                self._newest[frame.camera] = (frame, detections)
                self._changed.notify()

    def camera_changed(self, status: CameraStatus) -> None:
        """Tell every viewer at once; a frame from before is not shown any more."""
        with self._changed:
            self._statuses[status.camera] = status
            if status.state is not CameraState.LIVE:
                self._newest.pop(status.camera, None)
        self._hand_over(partial(self._tell, status))

    def statuses(self) -> dict[str, CameraStatus]:
        """The last known state of each camera, by name."""
        with self._changed:
            return dict(self._statuses)

    def sizes(self) -> dict[str, Size]:
        """Of the last inspected frame of each camera, by name."""
        with self._changed:
            return dict(self._sizes)

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
            self._attempt(*inspected)
            del inspected  # the frame's slot goes back before the next wait

    def _take(self) -> tuple[Frame, Detections, Audience] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._newest or self._closed)
            if self._closed:
                return None
            camera, (frame, detections) = self._newest.popitem(last=False)
            return frame, detections, self._audience(camera)

    def _is_watched(self, camera: str) -> bool:
        return any(viewer.grade_for(camera) is not None for viewer in self._viewers)

    def _audience(self, camera: str) -> Audience:
        """Who gets which grade of the frame that is taken now; the lock is held."""
        audience: dict[Grade, list[Viewer]] = {}
        for viewer in self._viewers:
            if (grade := viewer.grade_for(camera)) is not None:
                audience.setdefault(grade, []).append(viewer)
        return audience

    def _attempt(self, frame: Frame, detections: Detections, audience: Audience) -> None:
        try:
            for picture in self._encode(frame, detections, audience.keys()):
                self.encoded += 1
                self._hand_over(partial(self._show, picture, audience[picture.grade]))
        except Exception:
            if not self._failing:
                _log.exception("%s: cannot encode pictures for viewers", frame.camera)
            self._failing = True
            return
        if self._failing:
            _log.warning("%s: pictures for viewers can be encoded again", frame.camera)
        self._failing = False

    def _hand_over(self, show: Callable[[], None]) -> None:
        with self._changed:
            if self._loop is not None and not self._closed:
                self._loop.call_soon_threadsafe(show)

    def _show(self, picture: Picture, viewers: Iterable[Viewer]) -> None:
        if self._is_live(picture.camera):  # it may have gone while the picture was encoded
            for viewer in viewers:
                viewer.show(picture)

    def _tell(self, status: CameraStatus) -> None:
        for viewer in self._viewers:
            viewer.show(status)

    def _is_live(self, camera: str) -> bool:
        status = self._statuses.get(camera)
        return status is None or status.state is CameraState.LIVE
