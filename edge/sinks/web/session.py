"""Logging in and out, and what a page has to know before it shows anything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from pydantic import Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from edge.core.config import Strict
from edge.sinks.web.access.entrance import Entrance, hand_out, take_back
from edge.sinks.web.access.people import Person
from edge.sinks.web.access.sessions import LONGEST_S
from edge.sinks.web.endpoint import RefusedError, json_body

LANGUAGES = ("en", "zh-CN")
"""Of the page."""


class _Login(Strict):
    name: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(min_length=1, max_length=1024)]


class SessionPages:
    """``/api/session``, the one endpoint of the API that answers everybody."""

    def __init__(self, entrance: Entrance, about: Callable[[], dict[str, Any]]) -> None:
        """Serve logins of ``entrance``; ``about`` is what only those who came in are told."""
        self._entrance = entrance
        self._about = about

    def routes(self) -> Sequence[Route]:
        """The endpoints."""
        return [
            Route("/api/session", self.show, methods=["GET"]),
            Route("/api/session", self.log_in, methods=["POST"]),
            Route("/api/session", self.log_out, methods=["DELETE"]),
        ]

    async def show(self, request: Request) -> Response:
        """Who asks, and whether a login is needed."""
        return self._shown(request.scope["edge.person"])

    async def log_in(self, request: Request) -> Response:
        """A new session; a token that the browser brought along is never taken over."""
        try:
            login = _Login.model_validate(await json_body(request))
        except ValidationError as error:
            field = ".".join(map(str, error.errors()[0]["loc"]))
            raise RefusedError(
                422, f"{field}: {error.errors()[0]['msg']}", "Send name and password.", field=field
            ) from None
        address = request.client.host if request.client else ""
        token, person = await asyncio.to_thread(
            self._entrance.log_in, login.name, login.password, address
        )
        response = self._shown(person)
        hand_out(response, request.scope, token, LONGEST_S[person.role])
        return response

    async def log_out(self, request: Request) -> Response:
        """End the session, here and in the browser."""
        await asyncio.to_thread(self._entrance.log_out, request.scope)
        response = Response(status_code=204, headers={"cache-control": "no-store"})
        take_back(response, request.scope)
        return response

    def _shown(self, person: Person | None) -> JSONResponse:
        shown: dict[str, Any] = {
            "name": person.name if person else "",
            "role": person.role.value if person else None,
            "login": "required" if person is None or person.name else "none",
            "languages": list(LANGUAGES),
        }
        if person is not None:
            shown |= self._about()
        return JSONResponse(shown, headers={"cache-control": "no-store"})
