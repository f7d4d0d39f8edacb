"""The service: cameras, detector and sinks, from a configuration, until told to stop."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from edge import live
from edge.app.heart import Heart
from edge.app.keeping import open_keeper, starting, state_folder
from edge.app.parts import model_to_use, open_events, open_sinks, shipped_model
from edge.app.reloading import Reload
from edge.app.rooms import Service, open_rooms
from edge.app.tending import Tending
from edge.camera import open_feed
from edge.camera.uri import with_secrets
from edge.core.clock import Clock, MonotonicClock
from edge.core.config import CameraConfig, EdgeConfig, SinksConfig, Strict, WebConfig
from edge.core.config_file import load_config
from edge.core.mailbox import Mailbox
from edge.core.ports import CameraFeed, Sink
from edge.core.service import Conditions
from edge.core.types import CameraState, CameraStatus
from edge.host.credentials import camera_secrets
from edge.host.notify import Notifier
from edge.host.signals import stop_on_signals
from edge.sinks.overview import Overview

LONGEST_START_S = 600.0
"""Verifying, loading and first running two engines may take a small board longer than systemd's own
patience; one that takes longer than this hangs. Seconds."""

_Part = TypeVar("_Part", bound=Strict)


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run amounted to; see ``edge.sinks.summary.Report``. ``url`` of the live view."""

    frames: int
    fps: float
    detections: int
    dropped: int
    latency_ms: dict[str, float | None]
    engine: str
    url: str | None


def demo(seconds: float | None, port: int, ready: Callable[[str | None], None]) -> RunReport:
    """The whole product on the shipped model and the rendered line, live view included."""
    # 15 frames a second leave a two-core machine room for a browser beside the detector.
    camera = CameraConfig(name="line-1", uri="pattern://?size=1280x720&fps=15")
    with TemporaryDirectory(prefix="edge-demo-") as folder:
        web = WebConfig(port=port, folder=Path(folder))
        config = EdgeConfig(
            cameras=[camera], model=shipped_model(), sinks=SinksConfig(web=web, collect=None)
        )
        return serve(config, ready, seconds, state=Path(folder))


def load_service_config(path: Path) -> EdgeConfig:
    """Read ``edge.yaml``; its relative paths start at its folder."""
    config = load_config(path)
    folder = path.absolute().parent

    def placed(part: _Part, *names: str) -> _Part:
        values = {name: getattr(part, name) for name in names}
        found = {k: folder / v for k, v in values.items() if v is not None and str(v) != "-"}
        return part.model_copy(update=found)

    sinks, jsonl, collect = config.sinks, config.sinks.jsonl, config.sinks.collect
    web, record = sinks.web, sinks.record
    sinks = sinks.model_copy(
        update={
            "jsonl": jsonl and placed(jsonl, "path"),
            "collect": collect and placed(collect, "folder"),
            "record": record and placed(record, "folder"),
            "web": web and placed(web, "cert", "key", "folder"),
        }
    )
    again = config.recalibrate and placed(config.recalibrate, "model", "images", "labels")
    return placed(config, "model").model_copy(update={"sinks": sinks, "recalibrate": again})


def serve(
    config: EdgeConfig,
    ready: Callable[[str | None], None],
    seconds: float | None = None,
    *,
    state: Path | None = None,
    reload: Reload | None = None,
) -> RunReport:
    """Run cameras, detector and sinks until a signal, the recordings' end, or ``seconds``.

    Args:
        config: what to run.
        ready: called once with the live view's address (None without one), before the first frame.
        seconds: stop after this long; None: never.
        state: folder for what the page's rooms keep; None: the service's own.
        reload: ends the run early when another configuration is to be used.
    """
    clock, conditions = MonotonicClock(), Conditions()
    with ExitStack() as stack:
        heartbeat = stack.enter_context(closing(Notifier.from_environment()))
        heartbeat.extend_timeout(LONGEST_START_S)
        forgiven = reload.may_go_back if reload else lambda: False
        opening = starting(config, model_to_use(config.model), conditions, forgiven)
        start = stack.enter_context(opening)
        model = start.switch
        kept = stack.enter_context(open_keeper(config, start, conditions))
        overview = Overview(clock, conditions)
        tending = Tending(config, start, kept, overview, clock)
        folder = state or state_folder()
        service = Service(config, start, kept, overview, folder, clock)
        opened = stack.enter_context(open_rooms(service))
        url, sinks = open_sinks(
            _housed(config), model, stack, conditions, tending.readings, opened.rooms
        )
        tending.storage.sinks = sinks
        tending.storage.record = opened.rooms.record if opened.rooms else None
        feeds = open_feeds(config, clock)
        events = stack.enter_context(open_events(config, feeds))
        ask = events.put if isinstance(events, Mailbox) else _nobody
        heart = Heart(heartbeat, overview, feeds, ask, clock)
        ending = reload.running(events.close, conditions) if reload else None
        stack.enter_context(ending or stop_on_signals(events.close))
        if seconds is not None:
            stack.enter_context(_after(seconds, events.close))
        stack.enter_context(heart.beating())
        stack.enter_context(tending.caretaker.caring())
        ready(url)
        heartbeat.ready(f"{model.description}; cameras: {len(feeds)}")
        every_sink = [overview, *kept.sinks, *opened.judged(sinks)]
        live.run(events, opened.model, every_sink, heart.alive, lambda: events.waiting)
        if reload and reload.pending:
            _tell_unknown(config, every_sink, clock)
        else:
            heartbeat.stopping()
        report = overview.summary.report()
    return RunReport(
        frames=report.frames,
        fps=report.fps,
        detections=report.detections,
        dropped=report.dropped,
        latency_ms=dataclasses.asdict(report.latency_ms),
        engine=model.description,
        url=url,
    )


def _housed(config: EdgeConfig) -> EdgeConfig:
    """The live view's users, sessions and certificate are in the state folder, unless named."""
    web = config.sinks.web
    if web is None or web.folder is not None:
        return config
    web = web.model_copy(update={"folder": state_folder()})
    sinks = config.sinks.model_copy(update={"web": web})
    return config.model_copy(update={"sinks": sinks})


def open_feeds(config: EdgeConfig, clock: Clock) -> list[CameraFeed]:
    """Every camera of a configuration; none is opened before its feed is read.

    Raises:
        ConfigError: a URI cannot be used as written, or a password is missing.
    """
    secrets = camera_secrets()
    return [open_feed(_with_secrets(camera, secrets), clock) for camera in config.cameras]


def _tell_unknown(config: EdgeConfig, sinks: Sequence[Sink], clock: Clock) -> None:
    """Between two configurations nothing is inspected, and that is what the results say."""
    reason = "the configuration is read again: nothing is inspected until the camera is open"
    for camera in config.cameras:
        status = CameraStatus(camera.name, CameraState.CONNECTING, reason, clock.now())
        for sink in sinks:
            sink.camera_changed(status)


def _with_secrets(camera: CameraConfig, secrets: Mapping[str, str]) -> CameraConfig:
    return camera.model_copy(update={"uri": with_secrets(camera.uri, secrets)})


def _nobody(_pulse: object) -> None:
    """Recordings come as fast as they are asked for: an engine that answers is never idle."""


@contextmanager
def _after(seconds: float, stop: Callable[[], None]) -> Iterator[None]:
    timer = threading.Timer(seconds, stop)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
