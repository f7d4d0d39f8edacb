"""Where the live view listens, over TLS or not, and how long it waits for whom."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge.core.errors import UnavailableError
from edge.sinks.web.access.certificate import Certificate
from edge.sinks.web.addresses import address_of, outward_addresses

WRITE_TIMEOUT_S = 10.0
"""A viewer that takes nothing for this long is disconnected, seconds."""

REQUEST_TIMEOUT_S = 10.0
"""A request's first line and headers have to arrive within this time, seconds."""

_SEND_BUFFER_BYTES = 256 * 1024
_MAX_HEADER_BYTES = 16 * 1024
_MAX_MESSAGE_BYTES = 16 * 1024


class HurriedProtocol(H11Protocol):
    """HTTP that drops who connects and then dawdles: enough of them would keep everybody out."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request; one connection too many is not even waited for."""
        super().connection_made(transport)
        if self.limit_concurrency and len(self.connections) > self.limit_concurrency:
            transport.abort()
        else:
            self._expect_request()

    def data_received(self, data: bytes) -> None:
        """Go on waiting unless the request is complete."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._expect_request()
        else:
            self._no_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._no_deadline()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Another protocol goes on from here."""
        self._no_deadline()
        super().handle_websocket_upgrade(event)

    def _expect_request(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_TIMEOUT_S, self.transport.abort)

    def _no_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def settings(app: ASGIApp, max_viewers: int, certificate: Certificate | None) -> uvicorn.Config:
    """How ``app`` is served, to at most so many viewers; without a certificate over plain HTTP."""
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=HurriedProtocol,
        ws="websockets-sansio",
        ws_max_size=_MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # a JPEG does not get smaller
        lifespan="off",
        log_config=None,
        log_level="error",  # an attacker's nonsense must not fill the journal
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
        limit_concurrency=2 * max_viewers + 32,
        timeout_graceful_shutdown=1,
        ssl_certfile=certificate.cert if certificate else None,
        ssl_keyfile=certificate.key if certificate else None,
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket that waits for connections there.

    Raises:
        UnavailableError: the port is taken or the address is not this machine's.
    """
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


def url(host: str, port: int, *, secure: bool) -> str:
    """What a browser opens; for "every address" one that leads out of this machine."""
    address = address_of(host)
    if address is not None and address.is_unspecified:
        host = next(iter(outward_addresses()), host)
    return f"http{'s' if secure else ''}://{f'[{host}]' if ':' in host else host}:{port}"
