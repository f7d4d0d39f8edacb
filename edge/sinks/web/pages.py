"""What the live view answers to: the page, its WebSocket, and the endpoints for machines."""

from __future__ import annotations

import asyncio
import json
import mimetypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from edge.core.clock import Clock
from edge.core.errors import EdgeError
from edge.core.service import INSPECTING, ServiceState
from edge.core.types import CameraStatus
from edge.sinks.metrics import Metrics
from edge.sinks.web.endpoint import RefusedError, on_refused, reads
from edge.sinks.web.hub import NOTHING, Hub, Viewer
from edge.sinks.web.listening import WRITE_TIMEOUT_S
from edge.sinks.web.picture import Picture

NOTICE_S = 1.0
"""A viewer without pictures hears of a change at the service after this long at most, seconds."""

_REFUSED = (RefusedError, HTTPException, EdgeError, Exception)
_STATIC = Path(__file__).parent / "static"
_GOING_AWAY, _TRY_AGAIN_LATER = 1001, 1013


@dataclass(frozen=True, slots=True)
class Parts:
    """What the endpoints need.

    Attributes:
        hub: pictures, states and viewers.
        metrics: for ``/metrics``.
        health: makes the body of ``/healthz``.
        service: what viewers are told whenever it changes: engine and conditions.
        hello: what a viewer is told first, without the cameras.
        clock: for the age of pictures.
        max_viewers: more are refused.
        rooms: further endpoints, made by :mod:`edge.sinks.web.endpoint`.
    """

    hub: Hub
    metrics: Metrics
    health: Callable[[], dict[str, Any]]
    service: Callable[[], dict[str, Any]]
    hello: dict[str, Any]
    clock: Clock
    max_viewers: int
    rooms: Sequence[BaseRoute] = ()


class Pages:
    """The endpoints, each a method."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        # Read once: no thread for file access later, and no path can lead out of the folder.
        self._files = {path.name: path.read_bytes() for path in sorted(_STATIC.iterdir())}

    def app(self) -> Starlette:
        """The endpoints as an ASGI application."""
        return Starlette(
            routes=[
                Route("/", self.page),
                Route("/static/{name}", self.static),
                Route("/healthz", self.healthz),
                reads("/metrics", self.metrics),
                Route("/openapi.json", self.openapi),
                WebSocketRoute("/ws", self.watch),
                *self._parts.rooms,
            ],
            exception_handlers=dict.fromkeys(
                (RefusedError, HTTPException, EdgeError, Exception), on_refused
            ),
        )

    async def page(self, _request: Request) -> Response:
        """The live view itself."""
        return self._file("index.html")

    async def static(self, request: Request) -> Response:
        """A style sheet, script or picture of the page."""
        return self._file(request.path_params["name"])

    async def healthz(self, request: Request) -> Response:
        """200 while at least one camera is inspected by a model that is trusted, else 503.

        Who has not logged in is told the state in one word.
        """
        body = self._parts.health()
        if request.scope["edge.person"] is None:
            body = {"state": body["state"]}
        good = ServiceState(body["state"]) in INSPECTING
        return JSONResponse(body, 200 if good else 503, {"cache-control": "no-store"})

    async def metrics(self, _request: Request) -> Response:
        """Prometheus's text format."""
        metrics = self._parts.metrics
        return Response(metrics.exposition(), headers={"content-type": metrics.content_type})

    async def openapi(self, _request: Request) -> Response:
        """These endpoints as an OpenAPI 3.1 document."""
        document = json.loads((Path(__file__).parent / "openapi.json").read_bytes())
        document["info"]["version"] = self._parts.hello["version"]
        return JSONResponse(document)

    async def watch(self, socket: WebSocket) -> None:
        """Send states and pictures until the viewer goes, stops reading, or the view closes."""
        hub = self._parts.hub
        await socket.accept()
        if hub.viewers >= self._parts.max_viewers:
            why = f"{self._parts.max_viewers} viewers are watching already; try again later"
            await socket.close(_TRY_AGAIN_LATER, why)
            return
        viewer = Viewer()
        hub.join(viewer)
        gone = asyncio.create_task(_until_gone(socket, viewer))
        try:
            await self._send_all(socket, viewer)
        finally:
            hub.leave(viewer)
            gone.cancel()

    async def _send_all(self, socket: WebSocket, viewer: Viewer) -> None:
        try:
            told = self._parts.service()
            await socket.send_text(self._hello(told))
            while (item := await viewer.next(NOTICE_S)) is not None:
                if (now := self._parts.service()) != told:
                    told = now
                    text = json.dumps({"type": "service"} | told)
                    await asyncio.wait_for(socket.send_text(text), WRITE_TIMEOUT_S)
                if item is not NOTHING:
                    await asyncio.wait_for(self._send(socket, item), WRITE_TIMEOUT_S)
            await asyncio.wait_for(socket.close(_GOING_AWAY), 0.5)
        except (asyncio.TimeoutError, WebSocketDisconnect, RuntimeError):
            return  # the viewer is gone or reads nothing; its connection is dropped

    async def _send(self, socket: WebSocket, item: Picture | CameraStatus) -> None:
        if isinstance(item, Picture):
            await socket.send_bytes(item.message(self._parts.clock.now()))
        else:
            await socket.send_text(json.dumps({"type": "status"} | _status_row(item)))

    def _hello(self, service: dict[str, Any]) -> str:
        cameras = [_status_row(status) for status in self._parts.hub.statuses().values()]
        return json.dumps({"type": "hello"} | self._parts.hello | service | {"cameras": cameras})

    def _file(self, name: str) -> Response:
        content = self._files.get(name)
        if content is None:
            return Response("There is no such file.", 404, media_type="text/plain")
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Response(content, media_type=media_type, headers={"cache-control": "no-cache"})


async def _until_gone(socket: WebSocket, viewer: Viewer) -> None:
    """Read until the viewer disconnects: nothing is expected, and a close must be noticed."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
    viewer.end()


def _status_row(status: CameraStatus) -> dict[str, str]:
    return {"camera": status.camera, "state": status.state.value, "reason": status.reason}
