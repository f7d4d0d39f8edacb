"""What systemd is told: ready, alive, what is going on. sd_notify(3) without a library."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping

_log = logging.getLogger(__name__)


class Notifier:
    """Sends to the socket of the service manager; without one, every call does nothing.

    No call ever raises or waits: a message that cannot be sent is counted, and the log says when
    that starts and when it ends.

    Attributes:
        watchdog_interval_s: how often ``watchdog`` is to be called, half of what systemd allows;
            None when this process is not watched. Seconds.
        failures: messages that could not be sent since the start.
    """

    def __init__(self, address: str | None, watchdog_interval_s: float | None = None) -> None:
        """Send to ``address``: a path, ``@name`` for an abstract socket, None for nobody."""
        self.watchdog_interval_s = watchdog_interval_s
        self.failures = 0
        self._lost = 0
        self._address = _socket_address(address) if address else None
        self._socket = _open() if address else None

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] = os.environ, pid: int | None = None
    ) -> Notifier:
        """For the service manager that started this process, or for nobody.

        Args:
            environ: holds ``NOTIFY_SOCKET``, ``WATCHDOG_USEC`` and ``WATCHDOG_PID``.
            pid: of this process, by default its own; a watchdog for another one is not ours.
        """
        address = environ.get("NOTIFY_SOCKET", "")
        if address[:1] not in ("/", "@"):
            return cls(None)
        return cls(address, _watchdog_interval_s(environ, os.getpid() if pid is None else pid))

    def ready(self, status: str) -> None:
        """The service inspects from now on; systemd starts what waits for it, or ends a reload."""
        self._send("READY=1", f"STATUS={_one_line(status)}", *self._watched(None))

    def reloading(self, status: str, most_s: float) -> None:
        """The configuration is read again, until ``ready``; the watchdog waits for ``most_s``."""
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now_us}", f"STATUS={_one_line(status)}")
        self._send("WATCHDOG=1", *self._watched(most_s))

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._send(f"STATUS={_one_line(text)}")

    def watchdog(self) -> None:
        """An inference was completed; without this for twice the interval the process is killed."""
        self._send("WATCHDOG=1")

    def extend_timeout(self, seconds: float) -> None:
        """Starting or stopping takes up to ``seconds`` more, counted from now."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    def stopping(self) -> None:
        """The service is going down by itself."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Let go of the socket; later calls do nothing. Safe to call twice."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _watched(self, most_s: float | None) -> list[str]:
        """How long the watchdog waits; None: as long as the service manager had said."""
        if self.watchdog_interval_s is None:
            return []
        return [f"WATCHDOG_USEC={round((most_s or 2 * self.watchdog_interval_s) * 1e6)}"]

    def _send(self, *assignments: str) -> None:
        if self._socket is None or self._address is None:
            return
        try:
            self._socket.sendto("\n".join(assignments).encode(errors="replace"), self._address)
        except OSError as error:
            self._failed(error)
        else:
            self._worked()

    def _failed(self, error: OSError) -> None:
        self.failures += 1
        self._lost += 1
        if self._lost == 1:
            _log.warning("systemd cannot be told anything (%s); the line goes on", error)

    def _worked(self) -> None:
        if self._lost:
            _log.warning("systemd can be told again; %d messages were lost", self._lost)
            self._lost = 0


def _open() -> socket.socket:
    """A datagram socket that never waits: the reader's buffer may be full."""
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    opened.setblocking(False)
    return opened


def _socket_address(address: str) -> str:
    return "\0" + address[1:] if address.startswith("@") else address


def _watchdog_interval_s(environ: Mapping[str, str], pid: int) -> float | None:
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    try:
        usec = int(environ.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return usec / 2e6 if usec > 0 else None


def _one_line(text: str) -> str:
    """A line break would begin another assignment; ``READY=1`` in an error text is no readiness."""
    return " ".join(text.split())
