"""Who may speak to the live view: addresses, Host, Origin, and what browsers are told."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = {
    "content-security-policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


def is_loopback(host: str) -> bool:
    """Whether this name or address can only be reached from this machine."""
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


class Guard:
    """Refuses requests meant for another host, and WebSockets opened by another site's page.

    A page of the attacker may point its own name at our address (DNS rebinding), but cannot
    change the Host header: an unknown name is refused. An address is no name and cannot be
    rebound, so beyond loopback any address is accepted.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str], *, any_address: bool) -> None:
        """Guard ``app``; ``hosts`` are the names it answers to besides loopback."""
        self._app = app
        self._hosts = {host.lower() for host in hosts}
        self._any_address = any_address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on or refuse it; every answer carries the security headers."""
        headers = Headers(scope=scope)
        if not self._is_ours(headers.get("host", "")):
            await self._refuse("This name is not in sinks.web.allowed_hosts.", scope, receive, send)
        elif scope["type"] == "websocket" and not _same_origin(headers):
            await self._refuse("Another site's page may not watch.", scope, receive, send)
        else:
            await self._app(scope, receive, _with_policy(send))

    def _is_ours(self, host_header: str) -> bool:
        host = (_hostname(f"//{host_header}") or "").lower()
        if is_loopback(host) or host in self._hosts:
            return True
        return self._any_address and _address(host) is not None

    async def _refuse(self, why: str, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": why})
        else:
            await PlainTextResponse(why, 403)(scope, receive, _with_policy(send))


def _with_policy(send: Send) -> Send:
    async def send_with_policy(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_POLICY)
        await send(message)

    return send_with_policy


def _same_origin(headers: Headers) -> bool:
    """True without an Origin: only browsers send one, and only they carry others' pages."""
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
