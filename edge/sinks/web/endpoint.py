"""How an endpoint is made: the role that it needs, who asks, what was sent, and how it refuses.

Everything in ``/api`` is made by ``reads`` or ``changes``, so no endpoint can forget its role. The
guard in front of them all has checked Host, Origin and session before; see
:mod:`edge.sinks.web.guard`. A handler may be ``async``, or plain: it then runs on a thread of the
server's small pool and may wait for a disk.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from edge.core.errors import DataError, EdgeError, InputMissingError
from edge.sinks.web.access.people import Person, Role

_log = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024
"""A longer body of a request is refused."""

BODY_TIMEOUT_S = 10.0
"""A body has to arrive within this time, seconds."""

Answer = Response | Awaitable[Response]
Body = dict[str, Any]


class RefusedError(Exception):
    """A request that is not answered as wished; becomes an error in JSON.

    Attributes:
        status: of HTTP.
        error: ``what`` happened, with what; ``remedy``: what to do; perhaps the ``field`` of the
            body that is to blame.
        more: what stands beside ``error`` in the body.
        headers: of the answer.
    """

    def __init__(
        self,
        status: int,
        what: str,
        remedy: str = "",
        *,
        field: str | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(what)
        self.status = status
        self.error = {"what": what, "remedy": remedy} | ({"field": field} if field else {})
        self.more = more
        self.headers = headers

    def response(self) -> JSONResponse:
        """The answer: ``{"error": {"what", "remedy"}}``, never kept by a cache."""
        headers = {"cache-control": "no-store"} | (self.headers or {})
        return JSONResponse({"error": self.error} | self.more, self.status, headers)


def reads(path: str, handler: Callable[[Request], Answer], *, needs: Role = Role.VIEWER) -> Route:
    """``GET path``, for everybody of this role or a higher one."""

    async def endpoint(request: Request) -> Response:
        require_role(person_of(request), needs)
        return await _called(handler, request)

    return Route(path, endpoint, methods=["GET"])


def changes(
    path: str,
    method: Literal["POST", "PUT", "PATCH", "DELETE"],
    handler: Callable[[Request, Body], Answer],
    *,
    needs: Role,
) -> Route:
    """An act, for everybody of this role or a higher one.

    ``handler`` gets the request and its JSON object, ``{}`` when a ``DELETE`` came without a body.
    """

    async def endpoint(request: Request) -> Response:
        require_role(person_of(request), needs)
        return await _called(handler, request, await json_body(request))

    return Route(path, endpoint, methods=[method])


def person_of(request: Request) -> Person:
    """Who asks; the guard lets nobody unknown come this far.

    Raises:
        RefusedError: 401 on an endpoint that the guard lets everybody reach.
    """
    person: Person | None = request.scope.get("edge.person")
    if person is None:
        raise RefusedError(401, "Nobody is logged in.", "Log in, then try again.")
    return person


def require_role(person: Person, needed: Role) -> None:
    """Refuse who may not do this.

    Raises:
        RefusedError: 403.
    """
    if not person.role.allows(needed):
        raise RefusedError(
            403,
            f"This needs the role {needed.value}; {person.name or 'nobody in particular'} has the "
            f"role {person.role.value}.",
            "Ask an engineer, or log in as one. Roles are given by: edge users",
        )


async def json_body(request: Request) -> Body:
    """The JSON object that was sent.

    Raises:
        RefusedError: 400 when it is none, 408 when it does not arrive, 413 when it is too long.
    """
    try:
        content = await asyncio.wait_for(_read(request), BODY_TIMEOUT_S)
    except asyncio.TimeoutError:
        raise RefusedError(
            408, f"The body did not arrive within {BODY_TIMEOUT_S:g} s.", "Send it again."
        ) from None
    if not content and request.method == "DELETE":
        return {}
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, f"The body is not JSON: {error}", "Send a JSON object.") from error
    if not isinstance(body, dict):
        raise RefusedError(400, "The body is JSON, but no object.", 'Send {"...": ...}.')
    return body


async def _read(request: Request) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise too_long()
    return bytes(content)


def too_long() -> RefusedError:
    """The answer to a body that is too long; the connection is closed after it."""
    return RefusedError(
        413,
        f"The body is longer than {MAX_BODY_BYTES} bytes.",
        "Send less.",
        headers={"connection": "close"},
    )


async def _called(handler: Callable[..., Answer], *arguments: Any) -> Response:
    if inspect.iscoroutinefunction(handler):
        answer: Response = await handler(*arguments)
        return answer
    return await asyncio.to_thread(handler, *arguments)  # type: ignore[arg-type]


async def on_refused(_request: Request, error: Exception) -> Response:
    """Handler of Starlette for ``RefusedError``, ``HTTPException``, ``EdgeError`` and the rest."""
    if isinstance(error, RefusedError):
        return error.response()
    if isinstance(error, HTTPException):
        return RefusedError(error.status_code, error.detail, headers=_headers(error)).response()
    if isinstance(error, InputMissingError):
        return RefusedError(404, str(error)).response()
    if isinstance(error, DataError):
        return RefusedError(422, str(error)).response()
    if isinstance(error, EdgeError):
        return RefusedError(503, str(error)).response()
    return RefusedError(
        500, "The service made a mistake; it is in its log.", "journalctl -u edge"
    ).response()


def _headers(error: HTTPException) -> dict[str, str] | None:
    return dict(error.headers) if error.headers else None
