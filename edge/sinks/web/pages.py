"""What the live view answers to: the page, the endpoints for machines, and all the others."""

from __future__ import annotations

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
from starlette.routing import BaseRoute, Route

from edge.core.errors import EdgeError
from edge.core.service import INSPECTING, ServiceState
from edge.sinks.metrics import Metrics
from edge.sinks.web.endpoint import RefusedError, on_refused, reads
from edge.sinks.web.rooms.routes import documented

_STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class Parts:
    """What is served.

    Attributes:
        version: of this program.
        metrics: for ``/metrics``.
        health: makes the body of ``/healthz``.
        view: logging in and watching.
        rooms: all else, made by :mod:`edge.sinks.web.endpoint`.
    """

    version: str
    metrics: Metrics
    health: Callable[[], dict[str, Any]]
    view: Sequence[BaseRoute]
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
                *self._parts.view,
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
        document["info"]["version"] = self._parts.version
        served = {route.path for route in self._parts.rooms if isinstance(route, Route)}
        document = documented(document, served)
        return JSONResponse(document)

    def _file(self, name: str) -> Response:
        content = self._files.get(name)
        if content is None:
            return Response("There is no such file.", 404, media_type="text/plain")
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Response(content, media_type=media_type, headers={"cache-control": "no-cache"})
