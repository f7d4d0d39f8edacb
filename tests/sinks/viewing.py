"""Viewers of a live view, for the tests."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from edge.sinks.web.server import LiveView
from tests.sinks.parts import DEADLINE_S


def watch(view: LiveView, **options: Any) -> ClientConnection:
    options = {"compression": None, "max_size": None, "ping_interval": None} | options
    return connect(view.url.replace("http", "ws") + "/ws", **options)


def text(viewer: ClientConnection) -> dict[str, Any]:
    """The next text message."""
    while not isinstance(message := viewer.recv(DEADLINE_S), str):
        pass
    return json.loads(message)


def picture(viewer: ClientConnection) -> tuple[dict[str, Any], bytes]:
    """Header and JPEG of the next picture."""
    while not isinstance(message := viewer.recv(DEADLINE_S), bytes):
        pass
    size = int.from_bytes(message[:4], "big")
    return json.loads(message[4 : 4 + size]), message[4 + size :]


def closed_with(viewer: ClientConnection) -> tuple[int, str]:
    """Read until the server closes; its code and reason."""

    def read_all() -> None:
        while True:
            viewer.recv(DEADLINE_S)

    with pytest.raises(ConnectionClosed) as caught:
        read_all()
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


def connected_but_silent(view: LiveView) -> socket.socket:
    """A viewer that asks for pictures with a small window and never reads."""
    address = urlsplit(view.url)
    silent = socket.socket()
    silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    silent.connect((address.hostname, address.port))
    silent.sendall(
        f"GET /ws HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: ZWRnZSB2aWV3ZXIgbG9hZA==\r\n\r\n".encode()
    )
    return silent
