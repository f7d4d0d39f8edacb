"""The rendered line as a ``Camera``: paced like a real one, and able to fail like one."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping

from edge.camera.pattern.query import parse_query
from edge.camera.pattern.scene import ProductionLine
from edge.camera.pattern.settings import LineSettings, Script
from edge.core.clock import Clock, MonotonicClock
from edge.core.errors import CameraError, CameraStalledError
from edge.core.pool import FramePool
from edge.core.types import Frame, Image


class PatternCamera:
    """A camera that shows the rendered line.

    Frame ``i`` is due ``i / fps`` seconds after opening. A late reader gets the newest frame that
    is due, and the gap in the index is what it missed. A frame for which the pool has no buffer is
    dropped in the same way. Scripted faults count from opening, so a camera that is opened again
    after one works until its time comes again.

    Attributes:
        line: what is rendered, with the truth about every frame.
        pool: where the pixels lie.
    """

    def __init__(
        self,
        name: str = "camera",
        settings: LineSettings | None = None,
        script: Script | None = None,
        *,
        stall_s: float = 2.0,
        clock: Clock | None = None,
        pool: FramePool | None = None,
    ) -> None:
        """Open the camera; ``stall_s`` is how long a read waits at most, in seconds."""
        self.line = ProductionLine(settings)
        size = self.line.settings.size
        self._name, self._stall_s = name, stall_s
        self._shape = (size.height, size.width, 3)
        self.pool = FramePool(math.prod(self._shape)) if pool is None else pool
        self._script = Script() if script is None else script
        self._clock: Clock = MonotonicClock() if clock is None else clock
        self._closed = threading.Event()
        self._opened_at = self._clock.now()
        self._next = 0

    @classmethod
    def from_query(
        cls,
        name: str,
        query: Mapping[str, str],
        clock: Clock | None = None,
        *,
        stall_s: float = 2.0,
        pool: FramePool | None = None,
    ) -> PatternCamera:
        """Open the camera that ``pattern://?size=640x480&seed=7`` asks for.

        Raises:
            ConfigError: a key is unknown or its value cannot be used.
        """
        settings, script = parse_query(query)
        return cls(name, settings, script, stall_s=stall_s, clock=clock, pool=pool)

    def read(self) -> Frame | None:
        """Wait for the next frame; None after the last one, or once closed.

        Raises:
            CameraStalledError: no frame came within ``stall_s``.
            CameraError: the script has the camera lost.
        """
        deadline = self._clock.now() + self._stall_s
        while not self._closed.is_set():
            index = self._upcoming()
            if self._script.frames is not None and index >= self._script.frames:
                return None
            if self._wait_for(index, deadline):
                return None
            self._next = index + 1
            if (image := self._render(index)) is not None:
                at, block = self._captured_at(index), self.pool.memory
                return Frame(image, index, at, self._name, block=block)
        return None

    def close(self) -> None:
        """End a ``read`` that waits in another thread. Safe to call twice."""
        self._closed.set()

    def _upcoming(self) -> int:
        """The newest frame that is due, or the next one; none falls into a stall."""
        fps, script = self.line.settings.fps, self._script
        index = self._next
        if script.realtime:
            due = (self._clock.now() - self._opened_at) * fps
            index = max(index, math.floor(due + 1e-6))  # i / fps * fps may fall just short of i
        if script.stall_at is not None and script.fails(script.stall_at, index / fps):
            index = math.ceil((script.stall_at + script.fault_s) * fps - 1e-6)
        return index

    def _wait_for(self, index: int, deadline: float) -> bool:
        """Wait until the frame may be delivered; True if the camera was closed meanwhile."""
        if self._script.realtime:
            return self._wait_until(self._due(index), deadline)
        if index > self._next:
            self._next = index
            raise self._stalled()
        while not self.pool.free:
            if self._wait_until(self._clock.now() + 1 / self.line.settings.fps, deadline):
                return True
        return False

    def _wait_until(self, due: float, deadline: float) -> bool:
        closed = self._clock.wait(self._closed, min(due, deadline) - self._clock.now())
        if due > deadline and not closed:
            raise self._stalled()
        return closed

    def _stalled(self) -> CameraStalledError:
        return CameraStalledError(
            f"{self._name}: no frame within {self._stall_s:g} s ({self.pool.free} buffers free); "
            "check fps and stall_at in its URI, and who keeps frames"
        )

    def _render(self, index: int) -> Image | None:
        script, seconds = self._script, index / self.line.settings.fps
        if script.fails(script.lose_at, seconds):
            raise CameraError(
                f"{self._name}: the camera is gone, as lose_at={script.lose_at:g} in its URI asks"
            )
        if (image := self.pool.array(self._shape)) is None:
            return None
        if script.fails(script.black_at, seconds):
            return self.line.render_covered(index, image)
        if script.freeze_at is not None and script.fails(script.freeze_at, seconds):
            index = math.ceil(script.freeze_at * self.line.settings.fps - 1e-6)
        return self.line.render(index, image)

    def _due(self, index: int) -> float:
        return self._opened_at + index / self.line.settings.fps

    def _captured_at(self, index: int) -> float:
        return self._due(index) if self._script.realtime else self._clock.now()
