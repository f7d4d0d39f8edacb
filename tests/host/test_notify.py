from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.host.notify import Notifier


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """A service manager's end: a datagram socket on a path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(10)
        yield listening


@pytest.fixture
def notifier(systemd: socket.socket) -> Iterator[Notifier]:
    with closing(Notifier.from_environment({"NOTIFY_SOCKET": systemd.getsockname()})) as told:
        yield told


@pytest.mark.parametrize(
    ("say", "heard"),
    [
        (lambda n: n.ready("running: 2 cameras"), b"READY=1\nSTATUS=running: 2 cameras"),
        (lambda n: n.status("degraded: line-2 lost"), b"STATUS=degraded: line-2 lost"),
        (lambda n: n.watchdog(), b"WATCHDOG=1"),
        (lambda n: n.extend_timeout(1.5), b"EXTEND_TIMEOUT_USEC=1500000"),
        (lambda n: n.stopping(), b"STOPPING=1"),
        (lambda n: n.status("Kühlung: 90 °C"), "STATUS=Kühlung: 90 °C".encode()),
    ],
    ids=["ready", "status", "watchdog", "extend", "stopping", "not ascii"],
)
def test_systemd_hears_it(
    systemd: socket.socket, notifier: Notifier, say: Callable[[Notifier], None], heard: bytes
) -> None:
    say(notifier)
    assert systemd.recv(4096) == heard


def test_a_status_cannot_smuggle_in_readiness(systemd: socket.socket, notifier: Notifier) -> None:
    notifier.status("cannot open\nREADY=1\r\nWATCHDOG=1")
    assert systemd.recv(4096) == b"STATUS=cannot open READY=1 WATCHDOG=1"


def test_an_abstract_socket_is_found_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("")  # the kernel chooses an abstract name
        listening.settimeout(10)
        name = "@" + listening.getsockname()[1:].decode()
        with closing(Notifier.from_environment({"NOTIFY_SOCKET": name})) as notifier:
            notifier.watchdog()
        assert listening.recv(4096) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    "environ",
    [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}],
    ids=["none", "empty", "another kind"],
)
def test_without_a_socket_nothing_happens(environ: dict[str, str]) -> None:
    notifier = Notifier.from_environment({**environ, "WATCHDOG_USEC": "1000000"})
    notifier.ready("running")
    notifier.watchdog()
    notifier.close()
    assert (notifier.failures, notifier.watchdog_interval_s) == (0, None)


@pytest.mark.parametrize(
    ("environ", "interval_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "20000000"}, 10.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "7"}, 10.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
    ids=["none", "half of it", "ours", "another's", "zero", "no number"],
)
def test_the_watchdog_is_fed_twice_as_often_as_needed(
    environ: dict[str, str], interval_s: float | None
) -> None:
    with closing(Notifier.from_environment({"NOTIFY_SOCKET": "/none", **environ}, pid=7)) as told:
        assert told.watchdog_interval_s == interval_s


def test_a_manager_that_does_not_read_never_holds_up_the_line(
    systemd: socket.socket, notifier: Notifier, caplog: pytest.LogCaptureFixture
) -> None:
    sent = 0
    while notifier.failures < 3:
        notifier.watchdog()
        sent += 1
        assert sent < 100_000, "the socket's buffer never fills"
    for _ in range(sent - 3):
        assert systemd.recv(4096) == b"WATCHDOG=1"
    notifier.status("back")
    assert systemd.recv(4096) == b"STATUS=back"
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "3 messages were lost" in caplog.messages[1]


def test_a_manager_that_is_gone_is_counted_not_raised(
    systemd: socket.socket, notifier: Notifier
) -> None:
    Path(systemd.getsockname()).unlink()
    notifier.watchdog()
    assert notifier.failures == 1
