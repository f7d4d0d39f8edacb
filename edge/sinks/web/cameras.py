"""Cameras without a WebSocket: a list, the newest picture, and MJPEG for other programs' screens.

Only what is live is shown. A camera that is not is refused with its reason, and a stream ends with
it, so that no old picture passes for a new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from edge.core.types import CameraState, Size
from edge.sinks.health import STALE_S
from edge.sinks.web.endpoint import RefusedError, reads
from edge.sinks.web.listening import WRITE_TIMEOUT_S
from edge.sinks.web.picture import Picture
from edge.sinks.web.viewer import NOTHING, Viewer, Wish
from edge.sinks.web.watching import NOTICE_S, Watched

_BOUNDARY = "edge-picture"
_NO_STORE = {"cache-control": "no-store"}


class CameraPages:
    """The endpoints below ``/api/cameras``."""

    def __init__(self, watched: Watched, health: Callable[[], Sequence[Mapping[str, Any]]]) -> None:
        """Serve what is watched; ``health`` tells each camera's row of ``/healthz``."""
        self._watched = watched
        self._health = health

    def routes(self) -> Sequence[Route]:
        """The endpoints."""
        return [
            reads("/api/cameras", self.list),
            reads("/api/cameras/{name}/picture.jpg", self.picture),
            reads("/api/cameras/{name}/stream.mjpeg", self.stream),
        ]

    async def list(self, _request: Request) -> Response:
        """Every camera with its state."""
        sizes = self._watched.hub.sizes()
        return JSONResponse([_row(row, sizes.get(row["camera"])) for row in self._health()])

    async def picture(self, request: Request) -> Response:
        """The next picture of a live camera, once it is inspected."""
        wish = self._wish(request)
        viewer = self._watched.viewer(wish)
        self._watched.hub.join(viewer)
        try:
            item = await viewer.next(STALE_S)
        finally:
            self._watched.hub.leave(viewer)
        if not isinstance(item, Picture):
            raise self._not_live(request.path_params["name"])
        about = item.header(self._watched.clock.now()).decode()
        headers = _NO_STORE | {"x-edge-frame": about}
        return Response(item.jpeg, media_type="image/jpeg", headers=headers)

    async def stream(self, request: Request) -> Response:
        """Pictures of a live camera until it is not, as ``multipart/x-mixed-replace``."""
        return _Motion(self._watched, self._watched.viewer(self._wish(request)))

    def _wish(self, request: Request) -> Wish:
        """What is asked for.

        Raises:
            RefusedError: 404 for an unknown camera, 422 for no width, 503 when it is not live or
                too many watch.
        """
        name, width = request.path_params["name"], request.query_params.get("width")
        if width is not None and not (width.isascii() and width.isdecimal() and len(width) < 6):
            raise RefusedError(422, f"width: {width[:20]!r} is no width in pixels.", field="width")
        row = next((row for row in self._health() if row["camera"] == name), None)
        if row is None:
            raise RefusedError(404, f"There is no camera {name[:64]!r}.", "See /api/cameras.")
        if row["state"] != CameraState.LIVE.value:
            raise self._not_live(name)
        if why := self._watched.full:
            raise RefusedError(503, why, headers={"retry-after": "5"})
        return Wish(frozenset({name}), int(width) if width else None)

    def _not_live(self, name: str) -> RefusedError:
        row = next((row for row in self._health() if row["camera"] == name), None)
        reason = (row and row["reason"]) or f"{name}: no frame was inspected for {STALE_S:g} s"
        state = row["state"] if row else "stale"
        return RefusedError(
            503, reason, "Its detections are unknown until it is live.", state=state
        )


class _Motion(Response):
    """A response that goes on while the camera is live and the viewer stays."""

    def __init__(self, watched: Watched, viewer: Viewer) -> None:
        media_type = f"multipart/x-mixed-replace; boundary={_BOUNDARY}"
        super().__init__(media_type=media_type, headers=_NO_STORE)
        del self.headers["content-length"]
        self._watched = watched
        self._viewer = viewer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send pictures until the camera is not live any more, or the viewer goes."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        if scope["method"] == "HEAD":
            await _send_body(send, b"", more=False)
            return
        leaving = asyncio.create_task(_until_gone(receive, self._viewer))
        self._watched.hub.join(self._viewer)
        try:
            while (picture := await self._next(scope)) is not None:
                seq = self._viewer.sent()
                await _send_body(send, _part(picture.jpeg), more=True)
                self._viewer.buffered(seq)
            await _send_body(send, f"--{_BOUNDARY}--\r\n".encode(), more=False)
        except asyncio.TimeoutError:
            pass  # it reads nothing; the kernel drops the connection
        finally:
            self._watched.hub.leave(self._viewer)
            leaving.cancel()

    async def _next(self, scope: Scope) -> Picture | None:
        """The next picture; None when the camera is not live, or nobody may watch any more."""
        for _ in range(round(STALE_S / NOTICE_S)):
            item = await self._viewer.next(NOTICE_S)
            if not self._watched.may_stay(scope):
                return None
            if item is not NOTHING:
                return item if isinstance(item, Picture) else None
        return None


def _row(row: Mapping[str, Any], size: Size | None) -> dict[str, Any]:
    age_s = row["age_s"]
    return {
        "name": row["camera"],
        "state": row["state"],
        "reason": row["reason"],
        "width": size.width if size else None,
        "height": size.height if size else None,
        "fps": row["fps"],
        "age_ms": None if age_s is None else round(age_s * 1000),
    }


def _part(jpeg: bytes) -> bytes:
    head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
    return head.encode() + jpeg + b"\r\n"


async def _send_body(send: Send, body: bytes, *, more: bool) -> None:
    message = {"type": "http.response.body", "body": body, "more_body": more}
    await asyncio.wait_for(send(message), WRITE_TIMEOUT_S)


async def _until_gone(receive: Receive, viewer: Viewer) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    viewer.end()
