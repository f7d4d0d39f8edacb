"""The WebSocket: states and pictures as they come, in sizes that suit each viewer's link."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError
from starlette.types import Scope
from starlette.websockets import WebSocket, WebSocketDisconnect

from edge.core.clock import Clock
from edge.core.config import Strict
from edge.core.errors import EdgeError
from edge.core.types import CameraStatus
from edge.sinks.web.access.people import Person
from edge.sinks.web.hub import Hub
from edge.sinks.web.listening import WRITE_TIMEOUT_S
from edge.sinks.web.picture import Picture
from edge.sinks.web.viewer import NOTHING, Viewer, Wish

NOTICE_S = 1.0
"""A viewer without pictures hears of a change at the service, and that its session is over, after
this long at most, seconds."""

_GOING_AWAY, _NOT_UNDERSTOOD, _TRY_AGAIN_LATER, LOGGED_OUT = 1001, 1008, 1013, 4401


class _Watch(Strict):
    """What the viewer wants to see; from then on it acknowledges every picture."""

    type: Literal["watch"]
    cameras: Annotated[list[str], Field(max_length=64)] | None = None
    width: Annotated[int, Field(ge=1, le=100_000)] | None = None
    quality: Annotated[int, Field(ge=10, le=95)] | Literal["auto"] = "auto"


class _Taken(Strict):
    """The viewer has the picture of this number."""

    type: Literal["taken"]
    seq: Annotated[int, Field(ge=0)]


_MESSAGE: TypeAdapter[_Watch | _Taken] = TypeAdapter(
    Annotated[_Watch | _Taken, Field(discriminator="type")]
)


@dataclass(frozen=True, slots=True)
class Watched:
    """What every way of watching needs.

    Attributes:
        hub: pictures, states and viewers.
        clock: for the age of pictures.
        quality: JPEG quality of pictures of full size.
        max_viewers: more are refused.
        identify: who sent a request, asked again while they watch; None: nobody known any more.
    """

    hub: Hub
    clock: Clock
    quality: int
    max_viewers: int
    identify: Callable[[Scope], Person | None]

    @property
    def full(self) -> str:
        """Why nobody else may watch now; empty when they may."""
        if self.hub.viewers < self.max_viewers:
            return ""
        return f"{self.max_viewers} viewers are watching already; try again later"

    def viewer(self, wish: Wish | None = None) -> Viewer:
        """A new viewer, who has not joined yet."""
        return Viewer(self.clock.now, self.quality, wish or Wish())

    def may_stay(self, scope: Scope) -> bool:
        """Whether who sent this request is still known."""
        try:
            return self.identify(scope) is not None
        except EdgeError:
            return False


class WatchSocket:
    """The endpoint ``/ws``."""

    def __init__(
        self, watched: Watched, hello: dict[str, Any], service: Callable[[], dict[str, Any]]
    ) -> None:
        """Serve what is watched.

        Args:
            watched: pictures and states.
            hello: what a viewer is told first, without the cameras.
            service: what it is told whenever that changes.
        """
        self._watched = watched
        self._hello = hello
        self._service = service

    async def watch(self, socket: WebSocket) -> None:
        """Send states and pictures until the viewer goes, stops reading, or the view closes."""
        await socket.accept()
        if why := self._watched.full:
            await socket.close(_TRY_AGAIN_LATER, why)
            return
        viewer = self._watched.viewer()
        self._watched.hub.join(viewer)
        listening = asyncio.create_task(_listen(socket, viewer))
        try:
            code = await self._send_all(socket, viewer)
            await asyncio.wait_for(socket.close(code, viewer.why), 0.5)
        except (asyncio.TimeoutError, WebSocketDisconnect, RuntimeError):
            pass  # the viewer is gone or reads nothing; its connection is dropped
        finally:
            self._watched.hub.leave(viewer)
            listening.cancel()

    async def _send_all(self, socket: WebSocket, viewer: Viewer) -> int:
        """Returns the code to close with."""
        told, asked_s = self._service(), self._watched.clock.now()
        await socket.send_text(self._greeting(told))
        while (item := await viewer.next(NOTICE_S)) is not None:
            if self._watched.clock.now() - asked_s >= NOTICE_S or item is NOTHING:
                asked_s = self._watched.clock.now()
                if not self._watched.may_stay(socket.scope):
                    viewer.end("Nobody is logged in any more.")
                    return LOGGED_OUT
            if (now := self._service()) != told:
                told = now
                await _text(socket, {"type": "service"} | told)
            if isinstance(item, Picture):
                await self._send_picture(socket, viewer, item)
            elif isinstance(item, CameraStatus):
                await _text(socket, {"type": "status"} | _status_row(item))
        return _NOT_UNDERSTOOD if viewer.why else _GOING_AWAY

    async def _send_picture(self, socket: WebSocket, viewer: Viewer, picture: Picture) -> None:
        seq = viewer.sent()
        message = picture.message(self._watched.clock.now(), seq)
        await asyncio.wait_for(socket.send_bytes(message), WRITE_TIMEOUT_S)
        viewer.buffered(seq)

    def _greeting(self, service: dict[str, Any]) -> str:
        cameras = [_status_row(status) for status in self._watched.hub.statuses().values()]
        return json.dumps({"type": "hello"} | self._hello | service | {"cameras": cameras})


async def _listen(socket: WebSocket, viewer: Viewer) -> None:
    """Take what the viewer says until it goes."""
    while (received := await socket.receive())["type"] != "websocket.disconnect":
        try:
            message = _MESSAGE.validate_json(received.get("text") or b"")
        except ValidationError:
            viewer.end("The message is no watch or taken; see /openapi.json")
            return
        if isinstance(message, _Taken):
            viewer.taken(message.seq)
        else:
            cameras = None if message.cameras is None else frozenset(message.cameras)
            quality = None if message.quality == "auto" else message.quality
            viewer.wants(Wish(cameras, message.width, quality))
    viewer.end()


async def _text(socket: WebSocket, message: dict[str, Any]) -> None:
    await asyncio.wait_for(socket.send_text(json.dumps(message)), WRITE_TIMEOUT_S)


def _status_row(status: CameraStatus) -> dict[str, str]:
    return {"camera": status.camera, "state": status.state.value, "reason": status.reason}
