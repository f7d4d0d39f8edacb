"""The live view as a sink: its server runs in a thread of its own and never holds up the loop."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import uvicorn
from starlette.routing import BaseRoute

from edge.core.clock import Clock, MonotonicClock
from edge.core.config import WebConfig
from edge.core.errors import ConfigError, UnavailableError
from edge.core.readings import Readings
from edge.core.service import Conditions
from edge.core.types import CameraStatus, Detections, Frame
from edge.sinks.health import STALE_S, health
from edge.sinks.metrics import Metrics
from edge.sinks.summary import Summary
from edge.sinks.web.access.people import Person, Role
from edge.sinks.web.guard import Guard, is_loopback
from edge.sinks.web.hub import Hub
from edge.sinks.web.pages import WRITE_TIMEOUT_S, Pages, Parts
from edge.sinks.web.picture import Picture, encode

_START_TIMEOUT_S = 10.0
_SEND_BUFFER_BYTES = 256 * 1024


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

    ``emit`` swaps one reference. A frame is encoded once for all viewers, in a thread of its own,
    and only while somebody watches.

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
            ConfigError: the address can be reached from other machines without ``insecure``.
        """
        _require_safe(config)
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
        self._server = uvicorn.Server(self._uvicorn_config(about, rooms))
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
        listener = _listen(self._config.host, self._config.port)
        self.url = _url(self._config.host, listener.getsockname()[1])
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

    def _encode(self, frame: Frame, detections: Detections) -> Picture:
        return encode(frame, detections, self.summary.camera(frame.camera), self._config.quality)

    def _health(self) -> dict[str, Any]:
        cameras = self.summary.report().cameras
        so, now = self._conditions, self._clock.now()
        return health(self.hub.statuses(), cameras, now, so.reasons(), so.warnings())

    def _uvicorn_config(self, about: About, rooms: Sequence[BaseRoute]) -> uvicorn.Config:
        hello = {
            "labels": list(about.labels),
            "model": about.model,
            "version": about.version,
            "stale_ms": STALE_S * 1000,
        }
        parts = Parts(
            hub=self.hub,
            metrics=self._metrics,
            health=self._health,
            service=lambda: {"engine": about.engine(), "conditions": self._conditions.told()},
            hello=hello,
            clock=self._clock,
            max_viewers=self._config.max_viewers,
            rooms=rooms,
        )
        pages = Pages(parts)
        hosts = [self._config.host, *self._config.allowed_hosts]
        local = is_loopback(self._config.host)
        somebody = Person("", Role.ENGINEER if local else Role.VIEWER)
        app = Guard(pages.app(), hosts, any_address=not local, identify=lambda _scope: somebody)
        return uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="websockets-sansio",
            ws_max_size=4096,
            ws_per_message_deflate=False,  # a JPEG does not get smaller
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=2 * self._config.max_viewers + 32,
            timeout_graceful_shutdown=1,
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


def _require_safe(config: WebConfig) -> None:
    if not is_loopback(config.host) and not config.insecure:
        raise ConfigError(
            f"sinks.web.host is {config.host!r}: every machine that reaches this address could "
            f"watch, since the live view has no login and no TLS yet. Use 127.0.0.1 (and ssh -L), "
            f"or set sinks.web.insecure: true on a network that you trust"
        )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted connections inherit these. A small buffer keeps a slow viewer's picture new;
        # the kernel drops who reads nothing, even when closing waits for the last bytes.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        listener.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(WRITE_TIMEOUT_S * 1000)
        )
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise UnavailableError(
            f"{host}:{port}: cannot listen here: {error.strerror}. Is another edge "
            f"running? Choose another port with --port, or 0 for a free one"
        ) from error
    listener.setblocking(False)
    return listener


def _url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
