"""What a service needs besides the loop: who keeps its model right, collects, and remembers."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edge.app.keeper import Keeper
from edge.app.memory import StoredMemory, bundles_to_start
from edge.app.parts import SERVICE_STATE, bundle_key, is_service_user
from edge.app.published import Published
from edge.app.serving import Serving
from edge.core.clock import MonotonicClock
from edge.core.config import EdgeConfig
from edge.core.errors import DataError, EdgeError, UnavailableError
from edge.core.ports import Sink
from edge.core.service import Conditions, ServiceState
from edge.core.types import Detections, Frame
from edge.engine.gpu_frames import PinnedPools
from edge.engine.publish import CURRENT, exclusive
from edge.host.crashes import CrashGuard
from edge.host.state import StateStore
from edge.live import ModelSwitch
from edge.sinks.collect import Collect
from edge.sinks.evidence import Evidence
from edge.sinks.isolated import Isolated

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Start:
    """What a service starts with.

    Attributes:
        serving: what is open; whoever keeps it closes it.
        switch: the loop's model.
        models: folder of builds that is followed; None: nothing is exchanged.
        store: of the durable state; None: nothing is remembered, as for a plain ONNX file.
        guard: counts crashes; None: nobody does.
        builds: the folder of builds that ``edge recalibrate`` works in, followed or not.
        pools: of frames, pinned once for all models of this service.
    """

    serving: Serving
    switch: ModelSwitch
    models: Path | None
    store: StateStore | None
    pools: PinnedPools
    guard: CrashGuard | None = None
    builds: Path | None = None


@contextmanager
def starting(
    config: EdgeConfig,
    model: Path,
    conditions: Conditions,
    forgiven: Callable[[], bool] = lambda: False,
) -> Iterator[Start]:
    """Open the model; after a crash loop the last one that was known to be good, in safe mode.

    Args:
        config: of the service.
        model: as it was named; ``current`` in a folder of builds is followed.
        conditions: where states are told.
        forgiven: whether an error is none of the service's: then it counts as no crash.

    Raises:
        EdgeError: it cannot be used here.
    """
    pools = PinnedPools()
    models = model.parent if model.name == CURRENT and model.is_symlink() else None
    if models is None and "STATE_DIRECTORY" not in os.environ:
        serving = Serving(model, config.detect, bundle_key(), pools)
        yield Start(serving, ModelSwitch(serving.detector), None, None, pools)
        return
    with _alone(), closing(StateStore(state_folder() / "state.db")) as store:
        guard = CrashGuard(store)
        guard.begin()
        try:
            serving = _first_usable(
                bundles_to_start(store, models, safe_mode=guard.safe_mode) or [model],
                lambda bundle: Serving(bundle, config.detect, bundle_key(), pools),
                Published(models, StoredMemory(store)),
                store,
            )
            if not guard.safe_mode:
                switch = ModelSwitch(serving.detector)
                yield Start(serving, switch, models, store, pools, guard, models)
            else:
                conditions.begin(ServiceState.FALLBACK, guard.reason)
                switch = ModelSwitch(serving.fallback or serving.detector)
                yield Start(serving, switch, None, store, pools, guard, models)
        except EdgeError:
            if forgiven():
                guard.clean_end()
            raise
        guard.clean_end()  # an error that ends the service is none


@contextmanager
def _alone() -> Iterator[None]:
    """No other service runs here; on a disk that cannot be written to, this one runs all the same.

    Raises:
        BusyError: another one does.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(exclusive(state_folder(), ".service", "service runs here"))
        except UnavailableError as error:
            _log.warning("%s; the line is inspected, but nothing is remembered", error)
        yield


def _first_usable(
    bundles: Sequence[Path],
    open_serving: Callable[[Path], Serving],
    published: Published,
    store: StateStore,
) -> Serving:
    """The first that opens. One that is damaged, or built for another machine, is not tried again.

    Raises:
        EdgeError: none does; what is wrong with the first.
    """
    failures: list[tuple[Path, EdgeError]] = []
    for bundle in bundles:
        try:
            serving = open_serving(bundle)
        except EdgeError as error:
            failures.append((bundle, error))
            continue
        for failed, why in failures:
            if isinstance(why, DataError):
                published.refuse(failed.name, str(why), serving.name)
            text = f"{failed.name} cannot be used: {why}. {serving.name} runs"
            _log.warning("rolled back at the start: %s", text)
            store.record("rolled back", text)
        return serving
    raise failures[0][1]


@dataclass(frozen=True, slots=True)
class Kept:
    """Who keeps the model in service right.

    Attributes:
        sinks: that this needs.
        keeper: None where nothing is watched or exchanged.
        collect: None where no frames are collected.
        evidence: None without a keeper.
    """

    sinks: Sequence[Sink]
    keeper: Keeper | None = None
    collect: Collect | None = None
    evidence: Evidence | None = None


class Witness(StoredMemory):
    """A memory that keeps the evidence of whatever had consequences."""

    BREACHES = frozenset({"fallback", "rolled back", "faulted"})

    def __init__(self, store: StateStore, evidence: Evidence) -> None:
        """Remember in ``store``."""
        super().__init__(store)
        self._evidence = evidence

    def record(self, kind: str, text: str) -> None:
        """Add to the history."""
        super().record(kind, text)
        if kind in self.BREACHES:
            self._evidence.keep(kind, text)


@contextmanager
def open_keeper(config: EdgeConfig, start: Start, conditions: Conditions) -> Iterator[Kept]:
    """Keep the model in service right until the block ends, and collect frames beside it.

    Args:
        config: of the service.
        start: what it runs; closed at the end.
        conditions: where states are told.
    """
    serving = start.serving
    with ExitStack() as stack:
        sinks: list[Sink] = []
        collect = None
        if config.sinks.collect is not None:
            folder = collected_folder(config)
            collect = Collect(config.sinks.collect, folder, config.detect.confidence)
            stack.callback(collect.close)
            sinks.append(Isolated(collect, "collect"))
        if config.watch is None or start.models is None or start.store is None:
            stack.callback(serving.close)
            yield Kept(sinks, collect=collect)
            return
        evidence = Evidence(
            state_folder() / "evidence", config.watch.evidence_mb, start.switch.labels
        )
        keeper = Keeper(
            start.models,
            start.switch,
            serving,
            lambda bundle: Serving(bundle, config.detect, bundle_key(), start.pools),
            Witness(start.store, evidence),
            conditions,
            config.watch,
            MonotonicClock(),
            _keep_for(collect, evidence),
        )
        stack.callback(keeper.close)
        stack.enter_context(keeper.keeping())
        yield Kept([*sinks, keeper.tap], keeper, collect, evidence)


def state_folder() -> Path:
    """Where the service remembers: systemd's ``STATE_DIRECTORY``, the service's own, or ours.

    What the service's user does by hand, such as a recalibration, finds what was collected.
    """
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    return SERVICE_STATE if is_service_user() else Path.home() / ".local" / "state" / "edge"


def collected_folder(config: EdgeConfig) -> Path:
    """Where live frames are collected."""
    settings = config.sinks.collect
    return (settings and settings.folder) or state_folder() / "collected"


def _keep_for(collect: Collect | None, evidence: Evidence) -> Callable[..., None]:
    def keep(frame: Frame, engine: Detections, fallback: Detections) -> None:
        evidence.saw(frame, engine, fallback)
        if collect is not None:
            with suppress(UnavailableError):  # the same is told where it collects for itself
                collect.keep(frame)

    return keep
