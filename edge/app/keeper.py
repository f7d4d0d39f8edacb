"""Keeps the model in service right: follows what is published, tries it, watches it, goes back.

Everything here happens on one thread beside the loop. The loop notices nothing of it but the
exchange of its model between two frames.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from edge import watch
from edge.app.drift import DriftTeller
from edge.app.figures import Figures
from edge.app.memory import Memory
from edge.app.published import Published
from edge.app.serving import Serving
from edge.app.tap import Sample, Tap
from edge.app.timing import AloneTimes
from edge.core.beside import beside
from edge.core.clock import Clock
from edge.core.config import WatchConfig
from edge.core.errors import DataError, EdgeError
from edge.core.service import Conditions, ServiceState
from edge.core.types import Detections, Frame
from edge.live import ModelSwitch

FOLLOW_S = 2.0
"""How often it looks whether another bundle was published."""

_log = logging.getLogger(__name__)


class Keeper:
    """Owns what is open: the model in service and, during a trial, the one before.

    A bundle that fails to open, answers its canaries wrongly, or disagrees with its fallback is
    left for the one before, and never tried again. One that fails later is left for its own
    fallback.

    Attributes:
        figures: how it stands, for any thread.
        tap: the sink that takes frames for it.
    """

    def __init__(  # noqa: PLR0913 - each is a part that a test replaces
        self,
        models: Path | None,
        switch: ModelSwitch,
        serving: Serving,
        open_serving: Callable[[Path], Serving],
        memory: Memory,
        conditions: Conditions,
        settings: WatchConfig,
        clock: Clock,
        keep: Callable[[Frame, Detections, Detections], None] = lambda *_: None,
    ) -> None:
        """Take over a service that runs ``serving``.

        Args:
            models: folder of all builds; None: what is published there is not followed.
            switch: the loop's model.
            serving: what it runs now; closed by ``close``.
            open_serving: opens a bundle.
            memory: across restarts.
            conditions: where states are told.
            settings: of the watch.
            clock: for tests.
            keep: takes frames on which the two engines disagree, and what each of them found.
        """
        self._published = Published(models, memory)
        self._switch = switch
        self._serving = serving
        self._before: Serving | None = None
        self._open = open_serving
        self._memory = memory
        self._conditions = conditions
        self._settings = settings
        self._clock = clock
        self._keep = keep
        self._stop = threading.Event()
        self._times = AloneTimes(conditions, self._tell)
        self._on_fallback = False
        self._followed_at = self._since = self._checked_at = clock.now()
        self.tap = Tap(lambda now, camera: self._watch.due(now, camera), clock)
        self._begin(clock.now())
        self._checked_at = -math.inf  # the first step begins with the canaries

    def keeping(self) -> AbstractContextManager[None]:
        """Work on a thread of its own until the block ends."""
        return beside(self._run, "keeper", self._stop)

    def close(self) -> None:
        """Let go of the models; the loop has ended. Safe to call twice."""
        for serving in filter(None, (self._serving, self._before)):
            serving.close()

    @property
    def serving(self) -> Serving:
        """What is in service."""
        return self._serving

    def step(self, wait_s: float = 0.0) -> None:
        """Judge a frame if one is there, and look whether another bundle was published."""
        sample = self.tap.take(wait_s)
        # A frame from before the exchange may have been inspected by the model before.
        if sample is not None and sample.frame.captured_at >= self._since:
            self._judge(sample)
        if self._serving.fault and not self._on_fallback:
            self._distrust(self._serving.fault)
        now = self._clock.now()
        if now - self._checked_at >= self._settings.canaries_s:
            self._checked_at = now
            self._check_canaries()
        if now - self._followed_at >= FOLLOW_S:
            self._followed_at = now
            if (news := self._published.news(self._serving.name)) is not None:
                self._take(news)
        self.figures = self._figures(now)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.step(wait_s=0.5)
            except Exception as error:  # of the fallback engine, or our own: the line goes on
                self._conditions.begin(ServiceState.FAULTED, f"accuracy is not watched: {error}")
                _log.exception("accuracy is not watched any more")
                return

    def _begin(self, now: float) -> None:
        """A model is new in service: only what is remembered is known about it."""
        self._watch = watch.AccuracyWatch(self._settings, now)
        drift = watch.DriftWatch(self._settings, len(self._switch.labels), self._serving.baseline)
        self._drift = DriftTeller(drift, self._conditions, self._tell)
        self._times.take(self._serving.name, self._switch, self._serving.canaries)
        proven = self._serving.fallback is None or self._memory.confirmed(self._serving.name)
        self._trial = None if proven else watch.Trial(self._settings)
        self._since = self._checked_at = now
        self._distrusted = False
        self.figures = self._figures(now)

    def _figures(self, now: float) -> Figures:
        return Figures(
            bundle=self._serving.name,
            on_fallback=self._on_fallback,
            on_trial=self._trial is not None,
            compared=self._watch.compared,
            agreement=self._watch.verdict(now),
            drift=self._drift.verdict,
            alone_s=self._times.alone_s,
        )

    def _check_canaries(self) -> None:
        """Does what runs still answer as it did when it was built? Asked between live frames."""
        serving = self._serving
        canaries = serving.fallback_canaries if self._on_fallback else serving.canaries
        verdict = watch.check_canaries(self._switch, canaries)
        if verdict.standing is not watch.Standing.BREACH:
            self._conditions.end(ServiceState.FAULTED)
        elif self._on_fallback or serving.fallback is None:
            self._conditions.begin(ServiceState.FAULTED, verdict.reason)
            self._tell("faulted", verdict.reason)
        else:
            self._distrust(verdict.reason)

    def _judge(self, sample: Sample) -> None:
        serving, now = self._serving, self._clock.now()
        if serving.fallback is None:
            return
        if self._on_fallback:
            engine, fallback = serving.detector(sample.frame), sample.found
        else:
            engine, fallback = sample.found, serving.fallback(sample.frame)
        verdict = self._watch.add(now, engine, fallback)
        self._drift.add(sample)
        if self._watch.last.found * 2 < self._watch.last.boxes:
            self._keep(sample.frame, engine, fallback)
        if self._trial is not None:
            self._decide(self._trial.add(engine, fallback))
        elif verdict.standing is watch.Standing.BREACH and not self._on_fallback:
            self._fall_back(verdict.reason)
        elif verdict.standing is watch.Standing.OK and self._on_fallback and not self._distrusted:
            self._come_back(verdict.reason)

    def _decide(self, tried: watch.TrialVerdict) -> None:
        if tried.outcome is watch.Outcome.CONFIRMED:
            self._confirmed(tried.reason)
        elif tried.outcome is watch.Outcome.FAILED:
            self._failed(tried.reason)

    def _take(self, bundle: Path) -> None:
        """Use another bundle, on trial; the one before stays open until that is over."""
        name = bundle.name
        if self._before is not None and name == self._before.name:  # somebody rolled back
            self._return_to(self._before).close()
            self._tell("swap", f"{name} is in service again")
            return
        try:
            fresh = self._open(bundle)
        except EdgeError as error:
            self._refuse(name, str(error))
            return
        if fresh.detector.labels != self._switch.labels:
            fresh.close()
            self._published.pass_over(name)
            self._tell("passed over", f"{name} finds other classes. Restart the service to use it")
            return
        try:
            canaries = fresh.check_canaries()
            if canaries.standing is watch.Standing.BREACH:
                raise DataError(canaries.reason)
            self._switch.exchange(fresh.detector)
        except EdgeError as error:
            fresh.close()
            self._refuse(name, str(error))
            return
        if self._before is None:
            self._before = self._serving
        else:  # it never got to its end
            self._serving.close()
        self._serving, self._on_fallback = fresh, False
        self._conditions.end(ServiceState.FALLBACK)
        self._begin(self._clock.now())
        self._tell("swap", f"{name} is in service, on trial: {canaries.reason}")
        if self._trial is None:
            known = fresh.fallback is not None
            self._confirmed("it passed its trial before" if known else "it has no fallback engine")

    def _confirmed(self, reason: str) -> None:
        self._trial = None
        self._memory.confirm(self._serving.name)
        if self._before is not None:
            self._before.close()
            self._before = None
        self._tell("confirmed", f"{self._serving.name} stays in service: {reason}")

    def _failed(self, reason: str) -> None:
        """Back to the model before; without one, to the fallback of this one."""
        before = self._before or self._earlier()
        self._trial = None
        if before is None:
            self._fall_back(reason)
            return
        failed = self._return_to(before)
        self._refuse(failed.name, reason)
        failed.close()

    def _return_to(self, before: Serving) -> Serving:
        """Use the model before again; the one that was left, still open."""
        self._switch.exchange(before.detector)
        left, self._serving, self._before = self._serving, before, None
        self._on_fallback = False
        self._conditions.end(ServiceState.FALLBACK)
        self._begin(self._clock.now())
        return left

    def _earlier(self) -> Serving | None:
        """The bundle before, when this process has not had it open: it started with the new one."""
        bundle = self._published.before(self._serving.name)
        if bundle is None:
            return None
        try:
            return self._open(bundle)
        except EdgeError as error:
            _log.warning("the bundle before cannot be used either: %s", error)
            return None

    def _refuse(self, name: str, reason: str) -> None:
        self._published.refuse(name, reason, self._serving.name)
        self._tell("rolled back", f"{name} is rejected: {reason}. {self._serving.name} runs")

    def _distrust(self, reason: str) -> None:
        """It answered nonsense, or its canaries otherwise: it never comes back by itself."""
        self._distrusted = True
        if self._trial is not None:
            self._failed(reason)
        else:
            self._fall_back(reason)

    def _fall_back(self, reason: str) -> None:
        assert self._serving.fallback is not None
        self._switch.exchange(self._serving.fallback)
        self._on_fallback, self._since = True, self._clock.now()
        self._conditions.begin(ServiceState.FALLBACK, reason)
        self._tell("fallback", f"{self._serving.name} runs on its fallback: {reason}")

    def _come_back(self, reason: str) -> None:
        self._switch.exchange(self._serving.detector)
        self._on_fallback, self._since = False, self._clock.now()
        self._conditions.end(ServiceState.FALLBACK)
        self._tell("back", f"{self._serving.name} runs again: {reason}")

    def _tell(self, kind: str, text: str) -> None:
        _log.warning("%s: %s", kind, text)
        self._memory.record(kind, text)
