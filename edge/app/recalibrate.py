"""A new bundle while the line runs, from the factory's images and those that it collected."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge.app.build import BuildRequest
from edge.app.build_beside import BuildBeside
from edge.app.engines import EngineSettings
from edge.app.keeping import collected_folder
from edge.app.notes import Progress, read_frame_age, write_progress
from edge.app.pacing import Pace, Pacer, PaceVerdict
from edge.app.parts import bundle_key, model_to_use
from edge.app.work import Told
from edge.core.build import Rung
from edge.core.clock import MonotonicClock
from edge.core.config import EdgeConfig, RecalibrateConfig
from edge.core.errors import ConfigError, EdgeError, UnavailableError
from edge.engine import publish
from edge.engine.durable import read_key
from edge.engine.eviction import remove_old
from edge.engine.manifest import MANIFEST, read_signed
from edge.host.signals import stop_on_signals

_LOOKED_AT_S = 0.2  # the service looks whether somebody holds the lock, for less than that


def recalibrate(config: EdgeConfig, told: Told, tried: Callable[[Rung], None]) -> dict[str, Any]:
    """Build, prove and publish; the running service then takes the bundle, on trial.

    The build is paused while the service's frames are older than they may be, and given up when
    that does not help.

    Args:
        config: of the service.
        told: progress.
        tried: each rung of the ladder as soon as it is judged.

    Returns:
        ``from``, ``to``: names of the bundles; ``passed``; ``reason``; ``page``: the report's;
        ``beside_a_line``: frames were inspected meanwhile, so the engines' times are upper bounds.

    Raises:
        ConfigError: the configuration does not say what to build from, or runs no bundle that
            can be exchanged.
        BusyError: another recalibration is going on.
        UnavailableError: it was given up.
        KeyboardInterrupt: it was stopped, by SIGTERM too.
    """
    settings, models = config.recalibrate, _models(config)
    if settings is None:
        raise ConfigError(
            "the configuration has no section 'recalibrate', with model and images. "
            "See docs/edge.yaml"
        )
    collected = collected_folder(config)
    request = BuildRequest(
        settings.model,
        settings.images,
        settings.labels,
        models,
        engine=_as_before(models),
        collected=collected if _has_images(collected) else None,
        key=bundle_key(),
    )
    with _alone(models), _ending_well(models) as notes:
        before = publish.in_use(models)
        report = _Beside(settings, models, notes).build(request, told, tried)
        after = publish.in_use(models)
        passed = report["bundle"] is not None
        reasons = [rung["reason"] for rung in report["ladder"] if rung["passed"] is passed]
        reason = reasons[-1] if reasons else "nothing could be tried"
        with suppress(EdgeError):  # the next one removes them
            remove_old(models, settings.keep, spared=(before,) if before else ())
        notes.end(passed, reason)
    told_of = {"page": report["page"], "beside_a_line": notes.beside_a_line}
    return {"from": before, "to": after, "passed": passed, "reason": reason, **told_of}


def _as_before(models: Path) -> EngineSettings:
    """The line's engine was built for its number of cameras, memory and patience."""
    try:
        manifest = read_signed(models / publish.CURRENT / MANIFEST, read_key(bundle_key()))
    except (OSError, EdgeError):
        return EngineSettings()
    return EngineSettings.as_before(manifest.settings)


class _Notes:
    """Keeps the service informed."""

    def __init__(self, models: Path) -> None:
        self.beside_a_line = False
        self._models = models
        self._now = Progress("starting")
        self._write(self._now)

    def told(self, what: str, done: int, of: int) -> None:
        self._write(replace(self._now, doing=what, done=done, of=of))

    def paused(self, why: str) -> None:
        self._write(replace(self._now, paused=why))

    def end(self, passed: bool, reason: str) -> None:
        self._write(Progress(reason, ended=True, passed=passed))

    def _write(self, progress: Progress) -> None:
        self._now = progress
        write_progress(self._models, progress)


class _Beside:
    """The build as a process that is paced by the service's frame age."""

    def __init__(self, settings: RecalibrateConfig, models: Path, notes: _Notes) -> None:
        self._models = models
        self._notes = notes
        self._clock = MonotonicClock()
        self._pacer = Pacer(settings)
        self._stopped = threading.Event()

    def build(
        self, request: BuildRequest, told: Told, tried: Callable[[Rung], None]
    ) -> dict[str, Any]:
        def noted(what: str, done: int, of: int) -> None:
            self._notes.told(what, done, of)
            told(what, done, of)

        try:
            with stop_on_signals(self._stopped.set), BuildBeside(request) as beside:
                return beside.run(noted, tried, self._decide)
        except UnavailableError as error:
            if self._stopped.is_set():
                raise KeyboardInterrupt from error
            raise

    def _decide(self) -> PaceVerdict:
        if self._stopped.is_set():
            return PaceVerdict(Pace.GIVE_UP, "it was told to stop")
        age_s = read_frame_age(self._models)
        self._notes.beside_a_line |= age_s is not None
        verdict = self._pacer.decide(self._clock.now(), age_s)
        self._notes.paused(verdict.reason)
        return verdict


@contextmanager
def _alone(models: Path) -> Iterator[None]:
    """Hold the lock of a recalibration; one that only looks at it is waited for.

    Raises:
        BusyError: another recalibration is going on.
    """
    with ExitStack() as held:
        try:
            held.enter_context(publish.exclusive(models, publish.RECALIBRATION))
        except publish.BusyError:
            threading.Event().wait(_LOOKED_AT_S)
            what = "recalibration is going on"
            held.enter_context(publish.exclusive(models, publish.RECALIBRATION, what))
        yield


@contextmanager
def _ending_well(models: Path) -> Iterator[_Notes]:
    """Notes that say how it ended, whatever happens."""
    notes = _Notes(models)
    try:
        yield notes
    except BaseException as error:
        notes.end(False, str(error) or "it was stopped")
        raise


def _models(config: EdgeConfig) -> Path:
    model = model_to_use(config.model)
    if model.name != publish.CURRENT:
        raise ConfigError(
            f"the service runs {model}, which no build replaces. Set model: models/current, and "
            "make the first bundle: edge build"
        )
    return model.parent


def _has_images(folder: Path) -> bool:
    return folder.is_dir() and any(path.suffix == ".jpg" for path in folder.rglob("*"))
