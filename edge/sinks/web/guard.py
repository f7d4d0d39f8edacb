"""Who may speak to the live view: addresses, Host, Origin, session, and what browsers are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.core.errors import EdgeError
from edge.sinks.web.access.people import Person
from edge.sinks.web.addresses import address_of, is_loopback
from edge.sinks.web.endpoint import MAX_BODY_BYTES, RefusedError, too_long

OPEN_PATHS = frozenset({"/", "/api/session", "/healthz", "/openapi.json"})
"""What is answered without a session, besides the page's files: how to log in, and one word."""

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Guard:
    """Stands before every endpoint and the WebSocket; whoever comes through is known.

    A page of the attacker may point its own name at our address (DNS rebinding), but cannot
    change the Host header: an unknown name is refused. An address is no name and cannot be
    rebound, so beyond loopback any address is accepted.

    A page of another site may make a browser send requests with our cookie. It cannot hide its
    Origin, nor add the header ``X-Edge`` or the content type of JSON without asking first, which
    nobody allows: every change needs them, and every WebSocket our own Origin.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Iterable[str],
        *,
        any_address: bool,
        identify: Callable[[Scope], Person | None],
    ) -> None:
        """Guard ``app``.

        Args:
            app: what is guarded; finds the person as ``scope["edge.person"]``.
            hosts: names it answers to besides loopback.
            any_address: whether it answers to any address, besides loopback's.
            identify: who sent a request, None: nobody known; an ``EdgeError`` lets nobody in.
        """
        self._app = app
        self._hosts = {host.lower() for host in hosts}
        self._any_address = any_address
        self._identify = identify

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on or refuse it; every answer carries the security headers."""
        try:
            self._check(scope, Headers(scope=scope))
            scope["edge.person"] = self._admitted(scope)
        except RefusedError as refused:
            await _refuse(refused, scope, receive, send)
        else:
            await self._app(scope, receive, _with_policy(send))

    def _check(self, scope: Scope, headers: Headers) -> None:
        if not self._is_ours(headers.get("host", "")):
            raise RefusedError(
                403,
                "This name is not in sinks.web.allowed_hosts.",
                "Use the address, or add the name to sinks.web.allowed_hosts in edge.yaml.",
            )
        if scope["type"] == "websocket":
            _require_same_origin(headers)
        elif scope["method"] not in _READING:
            _require_same_origin(headers)
            _require_deliberate(headers)

    def _admitted(self, scope: Scope) -> Person | None:
        try:
            person = self._identify(scope)
        except EdgeError as error:
            raise RefusedError(503, str(error)) from error
        if person is None and not _is_open(scope):
            raise RefusedError(401, "Nobody is logged in.", "Log in, then try again.")
        return person

    def _is_ours(self, host_header: str) -> bool:
        host = (_hostname(f"//{host_header}") or "").lower()
        if is_loopback(host) or host in self._hosts:
            return True
        return self._any_address and address_of(host) is not None


async def _refuse(refused: RefusedError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":  # before it is accepted: becomes 403
        await send({"type": "websocket.close", "code": 1008, "reason": str(refused)})
    else:
        await refused.response()(scope, receive, _with_policy(send))


def _with_policy(send: Send) -> Send:
    async def send_with_policy(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _POLICY.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_policy


def _is_open(scope: Scope) -> bool:
    path: str = scope["path"]
    return scope["type"] == "http" and (path in OPEN_PATHS or path.startswith("/static/"))


def _require_same_origin(headers: Headers) -> None:
    """Passes without an Origin: only browsers send one, and only they carry others' pages."""
    origin = headers.get("origin")
    ours = origin is None or _place(origin) == headers.get("host")
    if not ours or headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise RefusedError(403, "Another site's page may not do this.", "Use this site's own page.")


def _require_deliberate(headers: Headers) -> None:
    """Refuse a change that a form of another site could have sent, or that is too long."""
    if headers.get("x-edge") != "1":
        raise RefusedError(403, "A change needs the header X-Edge: 1.", "Send it.")
    length = headers.get("content-length", "0")
    if length == "0" and "transfer-encoding" not in headers:
        return
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, "The body has to be JSON.", "Send content-type: application/json.")
    if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
        raise too_long()


def _place(url: str) -> str | None:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return None


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
