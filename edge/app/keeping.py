"""What a service needs besides the loop: who keeps its model right, collects, and remembers."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edge.app.keeper import Keeper
from edge.app.memory import StoredMemory, bundle_to_start, last_confirmed
from edge.app.parts import bundle_key
from edge.app.serving import Serving
from edge.core.clock import MonotonicClock
from edge.core.config import EdgeConfig
from edge.core.errors import UnavailableError
from edge.core.ports import Sink
from edge.core.service import Conditions, ServiceState
from edge.core.types import Frame
from edge.engine.publish import BUILDS, CURRENT, exclusive
from edge.host.crashes import CrashGuard
from edge.host.jetson import power_mode
from edge.host.state import StateStore
from edge.live import ModelSwitch
from edge.sinks.collect import Collect
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
    """

    serving: Serving
    switch: ModelSwitch
    models: Path | None
    store: StateStore | None


@contextmanager
def starting(config: EdgeConfig, model: Path, conditions: Conditions) -> Iterator[Start]:
    """Open the model; after a crash loop the last one that was known to be good, in safe mode.

    Args:
        config: of the service.
        model: as it was named; ``current`` in a folder of builds is followed.
        conditions: where states are told.

    Raises:
        EdgeError: it cannot be used here.
    """
    models = model.parent if model.name == CURRENT and model.is_symlink() else None
    if models is None and "STATE_DIRECTORY" not in os.environ:
        serving = Serving(model, config.detect, bundle_key())
        yield Start(serving, ModelSwitch(serving.detector), None, None)
        return
    with (
        exclusive(state_folder(), ".service", "service runs here"),
        closing(StateStore(state_folder() / "state.db")) as store,
    ):
        guard = CrashGuard(store)
        guard.begin()
        if not guard.safe_mode:
            name = models and bundle_to_start(models, StoredMemory(store))
            chosen = models / BUILDS / name if models and name else model
            serving = Serving(chosen, config.detect, bundle_key())
            note_power_mode(serving.power_mode, power_mode(Path("/")), store)
            yield Start(serving, ModelSwitch(serving.detector), models, store)
        else:
            good = None if models is None else last_confirmed(store, models)
            serving = Serving(good or model, config.detect, bundle_key())
            conditions.begin(ServiceState.FALLBACK, guard.reason)
            yield Start(serving, ModelSwitch(serving.fallback or serving.detector), None, store)
        guard.clean_end()  # an error that ends the service is none


def note_power_mode(built: str | None, now: str | None, store: StateStore) -> None:
    """Tell when a bundle was measured in another power mode: as right, but not as quick."""
    if built and now and built != now:
        text = f"the bundle was measured in power mode {built}, the board is in {now}"
        _log.warning("%s: it is as accurate, but may be slower", text)
        store.record("power mode", text)


@contextmanager
def open_keeper(
    config: EdgeConfig, start: Start, conditions: Conditions
) -> Iterator[Sequence[Sink]]:
    """Keep the model in service right until the block ends, and collect frames beside it.

    Args:
        config: of the service.
        start: what it runs; closed at the end.
        conditions: where states are told.

    Yields:
        The sinks that this needs.
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
            yield sinks
            return
        keeper = Keeper(
            start.models,
            start.switch,
            serving,
            lambda bundle: Serving(bundle, config.detect, bundle_key()),
            StoredMemory(start.store),
            conditions,
            config.watch,
            MonotonicClock(),
            _evidence(collect),
        )
        stack.callback(keeper.close)
        stack.enter_context(keeper.keeping())
        yield [*sinks, keeper.tap]


def state_folder() -> Path:
    """Where the service remembers: systemd's ``STATE_DIRECTORY``, else the user's own."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(given) if given else Path.home() / ".local" / "state" / "edge"


def collected_folder(config: EdgeConfig) -> Path:
    """Where live frames are collected."""
    settings = config.sinks.collect
    return (settings and settings.folder) or state_folder() / "collected"


def _evidence(collect: Collect | None) -> Callable[[Frame], None]:
    def keep(frame: Frame) -> None:
        if collect is not None:
            with suppress(UnavailableError):  # the same is told where it collects for itself
                collect.keep(frame)

    return keep
