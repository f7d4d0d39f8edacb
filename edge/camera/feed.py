"""A camera that never gives up, and never passes off a dead picture as a live one."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from edge.camera.health import PictureJudge, Verdict
from edge.core.clock import Clock
from edge.core.config import CameraConfig
from edge.core.errors import (
    CameraError,
    CameraStalledError,
    DataError,
    EdgeError,
    UnavailableError,
)
from edge.core.ports import Camera
from edge.core.types import CameraEvent, CameraState, CameraStatus, Frame

STEADY_S = 10.0
"""A camera that was live this long starts its next back-off from the shortest wait. Seconds."""
FROZEN_REOPEN_S = 5.0
"""A camera frozen this long is opened again. Seconds."""

_log = logging.getLogger(__name__)


class SupervisedFeed:
    """Frames of a live camera while it is live, and a status whenever its state changes.

    Whatever happens to the camera, the iteration goes on: a camera that is lost, stalled or frozen
    is opened again, for ever, with waits that double up to ``reopen_max_s``. Only what no waiting
    can mend (``ConfigError``, ``DataError``, ``InputMissingError``) is raised.

    Attributes:
        name: of the camera.
        dropped: frames the camera produced and nobody got, from gaps in their index.
        reopened: how many times the camera has been opened again.
        turns: rises with every frame and every attempt to open.
    """

    def __init__(
        self,
        open_camera: Callable[[], Camera],
        settings: CameraConfig,
        judge: PictureJudge,
        clock: Clock,
        *,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """Supervise what ``open_camera`` opens; ``jitter`` spreads the waits of many cameras."""
        self.name = settings.name
        self.dropped = 0
        self.reopened = 0
        self.turns = 0
        self._open_camera = open_camera
        self._settings = settings
        self._judge = judge
        self._clock = clock
        self._jitter = jitter
        self._held = _HeldCamera()
        self._record = _StateRecord(settings.name, clock)
        self._failures = 0
        self._next_index = 0

    def __iter__(self) -> Iterator[CameraEvent]:
        """Frames and status changes, in order, until ``close`` or the camera's own end."""
        yield self._record.status(self.reopened)
        while not self._held.stop.is_set():
            try:
                yield from self._session()
            except UnavailableError as error:
                if self._held.stop.is_set():
                    return
                yield from self._enter(_verdict(error))
                self._back_off(error)

    def close(self) -> None:
        """End the iteration soon, from any thread. Safe to call twice."""
        self._held.close()

    def _session(self) -> Iterator[CameraEvent]:
        """From opening the camera to its end, or to its failure, which is raised."""
        if self._record.state is not CameraState.FROZEN:
            self._judge.forget_picture()
        first_index, opened_at = self._next_index, self._clock.now()
        self.turns += 1
        with self._held.opened(self._open_camera) as camera:
            while (frame := camera.read()) is not None:
                yield from self._judged(self._numbered(frame, first_index))
                self._reopen_if_stuck(opened_at)
                del frame  # while the next read waits, nobody here holds a buffer
        if not self._held.stop.is_set():  # a rendered line of so many frames, for instance
            yield from self._enter(Verdict(CameraState.ENDED, "the camera has no more frames"))
            self._held.stop.set()

    def _numbered(self, frame: Frame, first_index: int) -> Frame:
        """Count drops, and keep the index rising when a driver starts again from 0."""
        index, self.turns = first_index + frame.index, self.turns + 1
        self.dropped += max(0, index - self._next_index)
        self._next_index = index + 1
        return frame if index == frame.index else replace(frame, index=index)

    def _judged(self, frame: Frame) -> Iterator[CameraEvent]:
        verdict, told = self._judge.judge(frame, self._clock.now()), self._record.verdict
        if (verdict.state, verdict.slow) != (told.state, told.slow):
            yield from self._enter(verdict)
        if verdict.state is CameraState.LIVE:
            if self._record.lasted_s() >= STEADY_S:
                self._failures = 0
            yield frame

    def _reopen_if_stuck(self, opened_at: float) -> None:
        """Give a new opening a chance where reading on has none."""
        state, now = self._record.state, self._clock.now()
        if state is CameraState.RESIZED and self._settings.size is None:
            self._judge.accept_size()
            raise _ReopenError(self._record.verdict)
        frozen_s = min(self._record.lasted_s(), now - opened_at)
        if state is CameraState.FROZEN and frozen_s >= FROZEN_REOPEN_S:
            raise _ReopenError(self._record.verdict)

    def _back_off(self, error: UnavailableError) -> None:
        """Wait before opening again: doubling, spread, and as long as the camera asked for."""
        settings = self._settings
        wait_s = min(settings.reopen_max_s, settings.reopen_min_s * 2 ** min(self._failures, 30))
        wait_s = self._jitter(0.75 * wait_s, wait_s)
        self._failures += 1
        self._clock.wait(self._held.stop, max(wait_s, getattr(error, "retry_after_s", 0.0)))
        self.reopened += 1

    def _enter(self, verdict: Verdict) -> Iterator[CameraStatus]:
        if self._record.enter(verdict):
            yield self._record.status(self.reopened)


class RecordedFeed:
    """A recording, frame after frame: nothing judged, nothing opened again, nothing lost.

    A recording that breaks off is a status and then its error, raised to the reader.

    Attributes:
        name: of the camera.
        dropped: frames left out because a recording played in real time was read too slowly.
        turns: frames so far.
    """

    def __init__(
        self, open_camera: Callable[[], Camera], settings: CameraConfig, clock: Clock
    ) -> None:
        """Play what ``open_camera`` opens."""
        self.name = settings.name
        self.dropped = 0
        self.turns = 0
        self._open_camera = open_camera
        self._expected = settings.size
        self._clock = clock
        self._held = _HeldCamera()
        self._record = _StateRecord(settings.name, clock)

    def __iter__(self) -> Iterator[CameraEvent]:
        """Frames between a first and a last status.

        Raises:
            EdgeError: the recording cannot be opened, or breaks off.
        """
        yield self._record.status()
        try:
            yield from self._frames()
        except EdgeError as error:
            yield CameraStatus(self.name, CameraState.LOST, str(error), self._clock.now())
            raise

    def close(self) -> None:
        """End the iteration soon, from any thread. Safe to call twice."""
        self._held.close()

    def _frames(self) -> Iterator[CameraEvent]:
        done = 0
        with self._held.opened(self._open_camera) as camera:
            while (frame := camera.read()) is not None:
                self._refuse_other_size(frame)
                if self._record.enter(Verdict(CameraState.LIVE, str(frame.size))):
                    yield self._record.status()
                self.turns = done = done + 1
                self.dropped = frame.index + 1 - done
                yield frame
                del frame
        if not self._held.stop.is_set():
            self._record.enter(Verdict(CameraState.ENDED, f"the recording ended: {done} frames"))
            yield self._record.status()

    def _refuse_other_size(self, frame: Frame) -> None:
        if self._expected and str(frame.size) != self._expected:
            raise DataError(
                f"{self.name}: frame {frame.index} is {frame.size} pixels, but the settings expect "
                f"{self._expected} (camera.size)"
            )


class _HeldCamera:
    """The camera that is open now, and the way to close it from another thread."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._lock = threading.Lock()
        self._camera: Camera | None = None

    @contextmanager
    def opened(self, open_camera: Callable[[], Camera]) -> Iterator[Camera]:
        camera = open_camera()
        with self._lock:
            self._camera = camera
        try:
            if self.stop.is_set():  # close() came too early to reach this camera
                camera.close()
            yield camera
        finally:
            with self._lock:
                self._camera = None
            camera.close()

    def close(self) -> None:
        self.stop.set()
        with self._lock:
            camera = self._camera
        if camera is not None:
            camera.close()


class _StateRecord:
    """What a camera is doing and since when; logs a fault once when it starts and when it ends."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self.verdict = Verdict(CameraState.CONNECTING, "being opened")
        self._since = clock.now()
        self._fault: Verdict | None = None
        self._fault_since = 0.0

    @property
    def state(self) -> CameraState:
        return self.verdict.state

    def lasted_s(self) -> float:
        return self._clock.now() - self._since

    def enter(self, verdict: Verdict) -> bool:
        """Take note of a verdict; True when it has to be told."""
        still_live = verdict.state is CameraState.LIVE and self.state is CameraState.LIVE
        if verdict == self.verdict or (still_live and verdict.slow == self.verdict.slow):
            return False
        if verdict.state is not self.state:
            self._since = self._clock.now()
        self.verdict = self._noted(verdict)
        return True

    def status(self, reopened: int = 0) -> CameraStatus:
        state, reason = self.verdict.state, self.verdict.reason
        return CameraStatus(self._name, state, reason, self._clock.now(), reopened)

    def _noted(self, verdict: Verdict) -> Verdict:
        """Log where a fault starts or ends; a line for its end says what it was."""
        if verdict.state in (CameraState.LIVE, CameraState.ENDED):
            if (fault := self._fault) is None:
                if verdict.slow or self.verdict.slow:
                    _log.warning("%s: %s", self._name, verdict.reason)
                return verdict
            self._fault = None
            lasted_s = self._clock.now() - self._fault_since
            _log.info("%s: %s after %.1f s of trouble", self._name, verdict.state.value, lasted_s)
            return replace(verdict, reason=f"{verdict.reason}, after: {fault.reason}")
        if self._fault is None:
            self._fault_since = self._clock.now()
            _log.warning("%s: %s: %s", self._name, verdict.state.value, verdict.reason)
        self._fault = verdict
        return verdict


class _ReopenError(CameraError):
    """The camera delivers pictures, but has to be opened again."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


def _verdict(error: EdgeError) -> Verdict:
    if isinstance(error, _ReopenError):
        return error.verdict
    stalled = isinstance(error, CameraStalledError)
    return Verdict(CameraState.STALLED if stalled else CameraState.LOST, str(error))
