"""Crash loops: a service that keeps dying is started in safe mode, where all can still be seen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from edge.host.state import Moment, Run, StateStore

LIMIT = 5
WINDOW_S = 600.0
_SEEN_EVERY_S = 60.0  # a write a minute wears no flash out


class CrashGuard:
    """Counts the ends of the service that were none of its own doing.

    Call ``begin`` once at the start, ``alive`` now and then (not on the way of a frame: it may
    wait for the disk), ``clean_end`` when the service ends because it was told to. An end that
    wants a fresh start, such as a GPU in an unusable state, is not clean.

    Attributes:
        crashes: within the window before this start.
        safe_mode: whether there were too many: run the last known good bundle, in FP16.
    """

    def __init__(
        self, store: StateStore, *, limit: int = LIMIT, window_s: float = WINDOW_S
    ) -> None:
        """Safe mode begins after ``limit`` crashes within ``window_s`` seconds."""
        self._store = store
        self._limit = limit
        self._window_s = window_s
        self._run: str | None = None
        self._seen_s = 0.0
        self.crashes = 0
        self.safe_mode = False

    @property
    def reason(self) -> str:
        """What a person needs to know about safe mode; empty outside of it."""
        if not self.safe_mode:
            return ""
        return (
            f"{self.crashes} crashes within {self._window_s / 60:g} minutes: safe mode, the last "
            "known good bundle in FP16. What happened: journalctl -u edge. Once it is mended, "
            "systemctl restart edge ends safe mode if the last crash is older than that"
        )

    def begin(self) -> None:
        """Judge the runs before this one, and begin to watch this one."""
        now = self._store.now()
        self.crashes = crashes_within(self._store.runs(), now, self._window_s)
        self.safe_mode = self.crashes >= self._limit
        self._run = self._store.begin_run()
        self._seen_s = now.at_s
        if self.safe_mode:
            self._store.record("safe mode", self.reason)

    def alive(self) -> None:
        """The service is doing its work; saved once a minute."""
        now_s = self._store.now().at_s
        if self._run is not None and now_s - self._seen_s >= _SEEN_EVERY_S:
            self._seen_s = now_s
            self._store.see_run(self._run)

    def clean_end(self) -> None:
        """The service was told to end. Safe to call twice."""
        if self._run is not None:
            self._store.end_run(self._run)
            self._run = None


def crashes_within(runs: Sequence[Run], now: Moment, window_s: float) -> int:
    """How many runs may have ended uncleanly in the ``window_s`` seconds before now.

    How long the machine was off between two boots is not known, since its wall clock may be
    anything, so nothing is added for it, and a boot counts as no longer than a run was seen in
    it. All ages are therefore lower bounds and the count is an upper bound: it may be too high,
    never too low. Power cuts do count, but runs that lasted longer than the window keep them
    apart, so a line that is switched off every evening is in no crash loop.

    Args:
        runs: oldest first, without the run that is beginning.
        now: when it begins.
        window_s: seconds.
    """
    ends: list[float] = []
    at_s, boot_began_s = 0.0, 0.0  # on one axis of known time, with one boot after the other
    beginnings = [(run.boot, run.began_s) for run in runs] + [(now.boot, now.at_s)]
    for run, (_, (next_boot, next_began_s)) in zip(runs, pairwise(beginnings), strict=True):
        same_boot = next_boot == run.boot
        at_s = boot_began_s + (next_began_s if same_boot else run.seen_s)
        if not run.clean:
            ends.append(at_s)
        if not same_boot:
            boot_began_s = at_s
    return sum(boot_began_s + now.at_s - end_s <= window_s for end_s in ends)
