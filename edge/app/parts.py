"""Which concrete detector, cameras and sinks a run gets."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from importlib.resources import files
from pathlib import Path

import edge
from edge import engine, live
from edge.camera import is_live
from edge.core.config import DetectConfig, EdgeConfig
from edge.core.errors import ConfigError
from edge.core.mailbox import Mailbox
from edge.core.ports import CameraFeed, Detector
from edge.core.readings import Readings
from edge.core.service import Conditions
from edge.detect import CpuDetector
from edge.engine import open_engine
from edge.sinks.isolated import Isolated
from edge.sinks.web.rooms import Rooms

SHIPPED_MODEL = "line-yolov8n.onnx"
SERVICE_STATE = Path("/var/lib/edge")
"""Of the installed service."""
SERVICE_KEY = SERVICE_STATE / "bundle.key"
"""Of the installed service; who may read it builds bundles that the service takes."""


def shipped_model() -> Path:
    """The model that comes with Edge: from the wheel, or from ``models/`` of a checkout."""
    packaged = Path(str(files("edge") / "assets" / SHIPPED_MODEL))
    checkout = Path(edge.__file__).parents[1] / "models" / SHIPPED_MODEL
    return packaged if packaged.is_file() else checkout


def model_to_use(model: Path | None) -> Path:
    """The named model, else ``models/current`` here if there is one, else the shipped one."""
    published = Path("models/current")
    return model or (published if published.exists() else shipped_model())


@contextmanager
def open_detector(model: Path | None, settings: DetectConfig) -> Iterator[Detector]:
    """The chosen model as a service would run it; closes it."""
    with closing(engine.open_detector(model_to_use(model), settings, key=bundle_key())) as found_by:
        yield found_by


@contextmanager
def open_reference(
    model: Path | None, settings: DetectConfig, threads: int | None = None
) -> Iterator[CpuDetector]:
    """The chosen model with the CPU's work around its engine; closes it."""
    with closing(open_engine(model_to_use(model), threads=threads, key=bundle_key())) as opened:
        yield CpuDetector(opened, settings)


@contextmanager
def open_events(
    config: EdgeConfig, feeds: Sequence[CameraFeed]
) -> Iterator[Mailbox | live.Lockstep]:
    """Live cameras through a mailbox, newest frame first; recordings in lock-step.

    Raises:
        ConfigError: both kinds at once.
    """
    kinds = {is_live(camera.uri) for camera in config.cameras}
    if len(kinds) == 2:
        raise ConfigError(
            "recordings, of which nothing is dropped, and live cameras cannot run together. "
            "Give the recordings a pace and they act as live cameras: file://…?fps=25"
        )
    if kinds == {True}:
        with live.newest(feeds) as mailbox:
            yield mailbox
    else:
        yield live.Lockstep(feeds)


def open_sinks(
    config: EdgeConfig,
    detector: Detector,
    stack: ExitStack,
    conditions: Conditions,
    readings: Readings | None = None,
    rooms: Rooms | None = None,
) -> tuple[str | None, list[Isolated]]:
    """The configured sinks, closed by ``stack``, and the live view's address if there is one.

    ``readings`` are shown beside what is counted frame by frame, ``rooms`` beside the live view.
    """
    sinks: list[Isolated] = []
    url = None
    if config.sinks.jsonl is not None:
        from edge.sinks.jsonl import Jsonl

        sinks.append(Isolated(Jsonl(config.sinks.jsonl, detector.labels), "jsonl"))
    if config.sinks.web is not None:
        from edge.sinks.web.rooms import routes
        from edge.sinks.web.server import About, LiveView

        name = model_to_use(config.model).stem
        about = About(name, lambda: detector.description, detector.labels, edge.__version__)
        web = LiveView(
            config.sinks.web,
            about,
            conditions=conditions,
            readings=readings,
            rooms=routes(rooms) if rooms else (),
        )
        view = stack.enter_context(web)
        url = view.url
        sinks.append(Isolated(view, "live view"))
    for sink in sinks:
        stack.callback(sink.close)
    return url, sinks


def bundle_key() -> Path:
    """Where this device's key lies: ``EDGE_KEY_FILE``, the service's own, or the user's."""
    named = os.environ.get("EDGE_KEY_FILE")
    if named:
        return Path(named)
    if is_service_user() or os.access(SERVICE_KEY, os.R_OK):
        return SERVICE_KEY
    return Path.home() / ".config" / "edge" / "bundle.key"


def is_service_user() -> bool:
    """Whether this runs as the installed service does, by systemd or by hand."""
    return SERVICE_STATE.is_dir() and SERVICE_STATE.stat().st_uid == os.geteuid()
