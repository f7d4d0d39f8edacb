"""One viewer: what it wishes to see, how fast it takes it, and what it has yet to be sent."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from edge.core.types import CameraState, CameraStatus
from edge.sinks.web.grade import Grade, grade_of_quality, grade_of_width
from edge.sinks.web.pace import Pace
from edge.sinks.web.picture import Picture


class Nothing(Enum):
    """There was nothing to send for a while."""

    NOTHING = "nothing"


NOTHING = Nothing.NOTHING


@dataclass(frozen=True, slots=True)
class Wish:
    """What a viewer wants to see.

    Attributes:
        cameras: by name; None: all.
        width_px: how wide it shows a picture; None: as wide as there is.
        quality: JPEG quality that it insists on, whatever its link takes; None: what suits it.
    """

    cameras: frozenset[str] | None = None
    width_px: int | None = None
    quality: int | None = None


_ALL = Wish()


class Viewer:
    """The newest picture and state of each camera that were not sent yet, no more.

    Lives in the server's event loop; only ``grade_for`` is for any thread.

    Attributes:
        wish: what it wants to see.
        why: it is ended by the server, for this reason; empty so far.
    """

    def __init__(self, now: Callable[[], float], best_quality: int, wish: Wish = _ALL) -> None:
        """Of a viewer that sees everything until it wishes otherwise.

        Args:
            now: monotonic seconds.
            best_quality: JPEG quality of pictures of full size.
            wish: what it wants to see.
        """
        self.wish = wish
        self.why = ""
        self._now = now
        self._best_quality = best_quality
        self._pace = Pace()
        self._statuses: dict[str, CameraStatus] = {}
        self._pictures: OrderedDict[str, Picture] = OrderedDict()
        self._pending = asyncio.Event()
        self._ended = False

    def grade_for(self, camera: str) -> Grade | None:
        """Which pictures of this camera it is sent; None: none."""
        wish = self.wish
        if wish.cameras is not None and camera not in wish.cameras:
            return None
        wide_enough = grade_of_width(wish.width_px)
        if wish.quality is None:
            return max(wide_enough, self._pace.grade)
        return max(wide_enough, grade_of_quality(wish.quality, self._best_quality))

    def wants(self, wish: Wish) -> None:
        """From now on it wishes this, and says when it has a picture."""
        self.wish = wish
        self._pace.acknowledges = True
        for camera in [camera for camera in self._pictures if self.grade_for(camera) is None]:
            del self._pictures[camera]

    def show(self, item: Picture | CameraStatus) -> None:
        """Put a newer picture or state in the place of an unsent one."""
        if isinstance(item, Picture):
            if self.grade_for(item.camera) is not None:  # it may have turned away meanwhile
                self._pictures[item.camera] = item
        else:
            self._statuses[item.camera] = item
            if item.state is not CameraState.LIVE:
                self._pictures.pop(item.camera, None)
        self._pending.set()

    def sent(self) -> int:
        """A picture is being sent; returns its number."""
        return self._pace.sent(self._now())

    def buffered(self, seq: int) -> None:
        """The system's buffer took this picture."""
        self._pace.buffered(seq, self._now())

    def taken(self, seq: int) -> None:
        """It says that it has this picture."""
        self._pace.taken(seq, self._now())
        self._pending.set()

    def end(self, why: str = "") -> None:
        """No more will come; ``why`` if it is to be told a reason."""
        self._ended = True
        self.why = why
        self._pending.set()

    async def next(self, timeout_s: float) -> Picture | CameraStatus | Nothing | None:
        """Wait for what is to be sent next, states first; None when the view closes.

        Returns ``NOTHING`` when there was nothing for ``timeout_s`` seconds, or the viewer did not
        take what was sent before.
        """
        while not self._ended:
            if self._statuses:
                return self._statuses.pop(next(iter(self._statuses)))
            if self._pictures and self._pace.may_send(self._now()):
                return self._pictures.popitem(last=False)[1]
            self._pending.clear()
            try:
                await asyncio.wait_for(self._pending.wait(), timeout_s)
            except asyncio.TimeoutError:
                return NOTHING
        return None
