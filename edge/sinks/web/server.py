"""The live view as a sink: its server runs in a thread of its own and never holds up the loop."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import uvicorn
from starlette.routing import BaseRoute, WebSocketRoute

from edge.core.clock import Clock, MonotonicClock
from edge.core.config import WebConfig
from edge.core.errors import UnavailableError
from edge.core.readings import Readings
from edge.core.service import Conditions
from edge.core.types import CameraStatus, Detections, Frame
from edge.sinks.health import STALE_S, health
from edge.sinks.metrics import Metrics
from edge.sinks.summary import Summary
from edge.sinks.web.access.policy import certificate_for, entrance_for
from edge.sinks.web.addresses import is_loopback, names_of_this_machine
from edge.sinks.web.cameras import CameraPages
from edge.sinks.web.grade import Grade
from edge.sinks.web.guard import Guard
from edge.sinks.web.hub import Hub
from edge.sinks.web.listening import listen, settings, url
from edge.sinks.web.pages import Pages, Parts
from edge.sinks.web.picture import Picture, encode
from edge.sinks.web.session import SessionPages
from edge.sinks.web.watching import Watched, WatchSocket

_START_TIMEOUT_S = 10.0
_THREADS = 4  # for what waits for a disk or a password: never more cores than the line can spare


@dataclass(frozen=True, slots=True)
class About:
    """What the page says about itself.

    Attributes:
        model: name of the model, e.g. ``yolov8n-line``.
        engine: description of the engine that runs now, e.g. ``ONNX Runtime 1.31 CPU, fp32``.
        labels: class names, by class id.
        version: of this program.
    """

    model: str
    engine: Callable[[], str]
    labels: Sequence[str]
    version: str


class LiveView:
    """Every camera's picture, boxes, figures and state, in any browser.

    ``emit`` swaps one reference. A frame is encoded once for all viewers of one grade, in a thread
    of its own, and only while somebody watches.

    Attributes:
        url: where the page is, once started.
        summary: the figures shown, also for other readers.
        hub: the viewers.
    """

    def __init__(
        self,
        config: WebConfig,
        about: About,
        *,
        clock: Clock | None = None,
        conditions: Conditions | None = None,
        readings: Readings | None = None,
        rooms: Sequence[BaseRoute] = (),
    ) -> None:
        """Prepare; nothing listens before ``start``.

        Args:
            config: where it listens, and for whom.
            about: what it shows besides pictures.
            clock: for ages.
            conditions: what is so at the service.
            readings: what else it can tell in figures.
            rooms: further endpoints, made by :mod:`edge.sinks.web.endpoint`.

        Raises:
            ConfigError: other machines reach the address, but nobody could log in; or users or
                certificate cannot be used.
            UnavailableError: no certificate can be made.
        """
        self._config = config
        self._clock = clock or MonotonicClock()
        self._conditions = conditions or Conditions()
        self.summary = Summary(self._clock)
        self.hub = Hub(self._encode)
        self._metrics = Metrics(
            about.labels,
            viewers=lambda: self.hub.viewers,
            clock=self._clock,
            conditions=self._conditions,
            readings=readings,
        )
        self._entrance = entrance_for(config, self._clock)
        self._certificate = certificate_for(config)
        app = self._guarded(about, rooms)
        self._server = uvicorn.Server(settings(app, config.max_viewers, self._certificate))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failure: BaseException | None = None
        self._started = threading.Event()
        self._thread: threading.Thread | None = None
        self.url = ""

    def start(self) -> None:
        """Listen and serve.

        Raises:
            UnavailableError: the port is taken or the address is not this machine's.
        """
        host = self._config.host
        listener = listen(host, self._config.port)
        self.url = url(host, listener.getsockname()[1], secure=self._certificate is not None)
        self._thread = threading.Thread(target=self._serve, args=(listener,), name="edge-web")
        self._thread.start()
        if not self._started.wait(_START_TIMEOUT_S) or self._failure is not None:
            self.close()
            raise UnavailableError(f"{self.url}: the live view did not start") from self._failure

    def emit(self, frame: Frame, detections: Detections) -> None:
        """Show this frame to whoever watches.

        Raises:
            UnavailableError: the server broke down.
        """
        if self._failure is not None:
            raise UnavailableError(f"{self.url}: the live view broke down") from self._failure
        self.summary.emit(frame, detections)
        self._metrics.emit(frame, detections)
        self.hub.offer(frame, detections)

    def camera_changed(self, status: CameraStatus) -> None:
        """Show every viewer the camera's new state at once."""
        self._metrics.camera_changed(status)
        self.hub.camera_changed(status)

    def close(self) -> None:
        """Disconnect all viewers and end both threads. Safe to call twice."""
        self.hub.close()
        if self._thread is not None and self._loop is not None:
            with suppress(RuntimeError):  # the server broke down, its event loop is closed
                self._loop.call_soon_threadsafe(self._end)
            self._thread.join()
            self._thread = None

    def __enter__(self) -> LiveView:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _encode(
        self, frame: Frame, detections: Detections, grades: Collection[Grade]
    ) -> Iterator[Picture]:
        report = self.summary.camera(frame.camera)
        return encode(frame, detections, report, self._config.quality, grades)

    def _service(self, about: About) -> dict[str, Any]:
        return {"engine": about.engine(), "conditions": self._conditions.told()}

    def _health(self) -> dict[str, Any]:
        cameras = self.summary.report().cameras
        so, now = self._conditions, self._clock.now()
        return health(self.hub.statuses(), cameras, now, so.reasons(), so.warnings())

    def _guarded(self, about: About, rooms: Sequence[BaseRoute]) -> Guard:
        hello = {
            "labels": list(about.labels),
            "model": about.model,
            "version": about.version,
            "stale_ms": STALE_S * 1000,
        }
        watched = Watched(
            self.hub,
            self._clock,
            self._config.quality,
            self._config.max_viewers,
            self._entrance.identify,
        )
        watching = WatchSocket(watched, hello, lambda: self._service(about))
        cameras = CameraPages(watched, lambda: self._health()["cameras"])
        session = SessionPages(self._entrance, lambda: hello | {"engine": about.engine()})
        view = [WebSocketRoute("/ws", watching.watch), *cameras.routes(), *session.routes()]
        parts = Parts(about.version, self._metrics, self._health, view, rooms)
        local = is_loopback(self._config.host)
        hosts = [self._config.host, *self._config.allowed_hosts]
        hosts += [] if local else names_of_this_machine()
        return Guard(
            Pages(parts).app(),
            hosts,
            any_address=not local,
            identify=self._entrance.identify,
        )

    def _serve(self, listener: socket.socket) -> None:
        try:
            with listener:
                asyncio.run(self._serve_until_closed(listener))
        except BaseException as error:  # the loop raises it: no reason dies with a thread
            self._failure = error
        finally:
            self.hub.close()
            self._started.set()

    async def _serve_until_closed(self, listener: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(_THREADS, "edge-web-work"))
        self.hub.start(self._loop)
        serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started and not serving.done():
            await asyncio.sleep(0.005)
        self._started.set()
        await serving

    def _end(self) -> None:
        self.hub.end_viewers()
        for connection in tuple(self._server.server_state.connections):
            if connection.transport.get_write_buffer_size():
                connection.transport.abort()  # it does not read: closing would wait for it
        self._server.should_exit = True
