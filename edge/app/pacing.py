"""Whether a build beside a running line may go on: the line comes first."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from edge.core.config import RecalibrateConfig
from edge.sinks.lately import WINDOW_S

MOST_PAUSED_S = 3600.0
"""A build that was paused for so long in all is given up: the line leaves no time for it."""


class Pace(str, Enum):
    """What the build is to do."""

    RUN = "run"
    PAUSE = "pause"
    GIVE_UP = "give up"


@dataclass(frozen=True, slots=True)
class PaceVerdict:
    """What the build is to do, and why it may not simply run; one line for a person."""

    pace: Pace
    reason: str = ""


_RUN = PaceVerdict(Pace.RUN)


class Pacer:
    """Pauses a build while frames are much older than they were before it.

    The line is measured first, for as long as its figure looks back, with the build standing still;
    and again whenever nothing is known of before. While paused, the build waits until the figure
    is made of frames since then. What pausing does not help is not the build's doing, but a build
    cannot be measured on such a line either: it is given up.
    """

    def __init__(self, settings: RecalibrateConfig) -> None:
        """Know nothing of the line yet."""
        self._settings = settings
        self._before_s: float | None = None
        self._since: float | None = None
        self._last: float | None = None
        self._paused_s = 0.0

    def decide(self, now: float, age_s: float | None) -> PaceVerdict:
        """What the build is to do now.

        Args:
            now: monotonic seconds.
            age_s: 99th percentile of frame ages over the last ``WINDOW_S``; None: no service runs,
                or no camera is live.
        """
        if self._since is not None and self._last is not None:
            self._paused_s += now - self._last
        self._last = now
        verdict = _RUN if age_s is None else self._beside_a_line(now, age_s)
        self._since = (
            None if verdict.pace is Pace.RUN else now if self._since is None else self._since
        )
        return verdict

    def _beside_a_line(self, now: float, age_s: float) -> PaceVerdict:
        waited_s = 0.0 if self._since is None else now - self._since
        fresh = self._since is not None and waited_s >= WINDOW_S
        if self._before_s is None:
            if not fresh:
                return PaceVerdict(Pace.PAUSE, "the line is measured without it")
            self._before_s = age_s
        settings = self._settings
        slow = age_s > max(settings.slower * self._before_s, settings.young_ms / 1e3)
        if not slow and (self._since is None or fresh):
            return _RUN
        return self._paused(waited_s, slow, age_s)

    def _paused(self, waited_s: float, slow: bool, age_s: float) -> PaceVerdict:
        assert self._before_s is not None
        figures = f"{age_s * 1e3:.0f} ms, {self._before_s * 1e3:.0f} ms before"
        if slow and waited_s >= self._settings.patience_s:
            return PaceVerdict(
                Pace.GIVE_UP,
                f"frames stayed old (p99 age {figures}) though the build was paused for "
                f"{waited_s:.0f} s: the line itself is slower. Try again when it is not",
            )
        if self._paused_s >= MOST_PAUSED_S:
            return PaceVerdict(
                Pace.GIVE_UP,
                f"paused for {self._paused_s / 60:.0f} minutes in all (p99 age of frames "
                f"{figures}): the line leaves no time for a build. Try again while it rests",
            )
        return PaceVerdict(Pace.PAUSE, f"frames were too old (p99 age {figures})")
