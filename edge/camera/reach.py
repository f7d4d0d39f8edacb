"""Is there anybody at this address? For capture processes; standard library only."""

from __future__ import annotations

import socket


class HostUnknownError(Exception):
    """The camera's host name has no address."""


def resolve(host: str) -> None:
    """Look the host up; FFmpeg and GStreamer tell an unknown one from a dead one only in prose.

    Raises:
        HostUnknownError: it has no address.
    """
    try:
        socket.getaddrinfo(host, None)
    except socket.gaierror as error:
        raise HostUnknownError(error.strerror) from error


def reach(host: str, port: int) -> None:
    """Connect once and let go: of a failed connection GStreamer tells nothing but that.

    Raises:
        HostUnknownError: the host has no address.
        OSError: nobody answers there, or he refuses.
    """
    resolve(host)
    socket.create_connection((host, port)).close()
