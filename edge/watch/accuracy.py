"""The running engine against the fallback engine, on a live frame every few seconds."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

from edge.core.config import WatchConfig
from edge.core.types import Detections
from edge.watch.comparison import Comparison, compare, shortfall

_GOLDEN = 0.6180339887  # its multiples, modulo 1, never repeat and fill 0..1 evenly (Weyl 1916)


class Standing(str, Enum):
    """What can be said of an engine. Only ``OK`` says that it is right."""

    OK = "ok"
    NO_EVIDENCE = "no evidence"
    BREACH = "breach"


@dataclass(frozen=True, slots=True)
class WatchVerdict:
    """What the comparisons say of the running engine.

    Attributes:
        standing: on ``BREACH`` the service runs on the fallback engine.
        reason: one line for a person.
        since: monotonic seconds at which this standing began.
        f1_50: agreement over the window, None without a box; after a breach, since that breach.
        f1_85: the same at IoU 0.85.
        boxes: that the window holds, of both engines together.
        frames: with a box, in the window.
    """

    standing: Standing
    reason: str
    since: float
    f1_50: float | None
    f1_85: float | None
    boxes: int
    frames: int


class Turns:
    """Whose frame is compared next: one every ``every_s``, the cameras in turn."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._gap_s = 0.0
        self._taken = 0
        self._last = float("-inf")
        self._seen: dict[str, float] = {}
        self._compared: dict[str, float] = {}

    def due(self, now: float, camera: str) -> bool:
        """Whether this camera's frame is to be compared; True takes the turn.

        A camera that delivers nothing loses its turn to the others.
        """
        self._seen[camera] = now
        if now - self._last < self._gap_s:
            return False
        waiting = [name for name, at in self._seen.items() if now - at <= self._every_s]
        if camera != min(waiting, key=lambda name: self._compared.get(name, float("-inf"))):
            return False
        self._last = self._compared[camera] = now
        self._taken += 1
        # Half to one and a half times the mean: out of step with whatever rhythm the belt has.
        self._gap_s = self._every_s * (0.5 + self._taken * _GOLDEN % 1)
        return True


class AccuracyWatch:
    """Judges one bundle's engine by its agreement with the bundle's fallback engine.

    A breach lasts: another bundle gets another watch. With ``come_back`` the engine is taken back
    when, after ``dwell_s`` and by comparisons made since, it agrees again; should it fail once
    more, that is final. So a watch changes its mind three times at most.

    Attributes:
        compared: frames so far.
        last: what the newest comparison showed.
    """

    def __init__(self, settings: WatchConfig, now: float) -> None:
        """Start without evidence, at ``now`` monotonic seconds."""
        self._settings = settings
        self._turns = Turns(settings.every_s)
        self._window: deque[tuple[float, Comparison]] = deque()
        self._seen = Comparison()
        self._standing = Standing.NO_EVIDENCE
        self._since = now
        self._breach = ""
        self._came_back = False
        self.compared = 0
        self.last = Comparison()

    def due(self, now: float, camera: str) -> bool:
        """Whether this camera's frame is to go through both engines; True takes the turn."""
        return self._turns.due(now, camera)

    def add(self, now: float, engine: Detections, fallback: Detections) -> WatchVerdict:
        """Judge anew by one more frame that both engines have seen, whichever of them runs.

        Args:
            now: monotonic seconds.
            engine: what the watched engine found.
            fallback: what the fallback engine found.
        """
        self.compared += 1
        self.last = compare(engine, fallback)
        if self.last.frames:
            self._window.append((now, self.last))
            self._seen += self.last
        return self.verdict(now)

    def verdict(self, now: float) -> WatchVerdict:
        """What can be said now; evidence ages even when no frame comes."""
        self._forget_old(now)
        if self._breach:
            if self._agrees_again(now):
                self._breach, self._came_back = "", True
        elif failure := shortfall(self._seen, self._settings):
            self._breach = failure
            self._enter(Standing.BREACH, now)
            self._window.clear()
            self._seen = Comparison()
        if not self._breach:
            self._enter(Standing.OK if self._enough() else Standing.NO_EVIDENCE, now)
        return WatchVerdict(
            standing=self._standing,
            reason=self._reason(),
            since=self._since,
            f1_50=self._seen.f1_50,
            f1_85=self._seen.f1_85,
            boxes=self._seen.boxes,
            frames=self._seen.frames,
        )

    def _forget_old(self, now: float) -> None:
        window, settings = self._window, self._settings
        while window and (
            now - window[0][0] > settings.window_s
            or self._seen.boxes - window[0][1].boxes >= settings.window_boxes
        ):
            self._seen -= window.popleft()[1]

    def _enough(self) -> bool:
        least = self._settings
        return self._seen.boxes >= least.least_boxes and self._seen.frames >= least.least_frames

    def _agrees_again(self, now: float) -> bool:
        settings, f1_50, f1_85 = self._settings, self._seen.f1_50, self._seen.f1_85
        if not settings.come_back or self._came_back or now - self._since < settings.dwell_s:
            return False
        if not self._enough() or f1_50 is None or f1_85 is None:
            return False
        return f1_50 >= settings.f1_50 and f1_85 >= settings.f1_85

    def _enter(self, standing: Standing, now: float) -> None:
        if standing is not self._standing:
            self._standing, self._since = standing, now

    def _reason(self) -> str:
        seen, settings = self._seen, self._settings
        if self._breach:
            return f"{self._breach}. Recalibrate: edge recalibrate"
        if not self._enough():
            return (
                f"no evidence: {seen} within {settings.window_s:g} s "
                f"(at least {settings.least_boxes} in {settings.least_frames})"
            )
        return f"agreement with the fallback engine {seen.f1_50:.3f} / {seen.f1_85:.3f} over {seen}"
