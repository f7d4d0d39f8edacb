"""The service as a process of its own: what its service manager is told."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.engine.models import colour_model, saved

LOST = "rtsp://127.0.0.1:9/nothing"  # the discard port: nobody listens
RENDERED = "pattern://?size=64x64&fps=50"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """Stands where systemd's notification socket is."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(40)
        yield listening


@contextmanager
def service(folder: Path, *cameras: str) -> Iterator[subprocess.Popen[str]]:
    saved(colour_model(), folder / "colours.onnx")
    rows = "".join(f"  - {{name: c{n}, uri: '{uri}'}}\n" for n, uri in enumerate(cameras))
    config = folder / "edge.yaml"
    config.write_text(f"cameras:\n{rows}model: colours.onnx\nsinks: {{web: null}}\n")
    with subprocess.Popen(
        [sys.executable, "-m", "edge", "run", "-c", str(config)],
        env={
            **os.environ,
            "NOTIFY_SOCKET": str(folder / "notify"),
            "WATCHDOG_USEC": "20000000",
            "EDGE_KEY_FILE": str(folder / "key"),
        },
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def hear(manager: socket.socket, wanted: str, count: int = 1) -> list[str]:
    """Everything that is said until ``wanted`` came so often."""
    heard: list[str] = []
    while sum(wanted in each for each in heard) < count:
        heard.append(manager.recv(4096).decode())
    return heard


def test_a_running_line_is_ready_alive_and_says_when_it_stops(
    tmp_path: Path, manager: socket.socket
) -> None:
    with service(tmp_path, RENDERED) as process:
        heard = hear(manager, "WATCHDOG=1", 2)
        assert "READY=1" in heard[0]
        assert "STATUS=running" in heard
        process.send_signal(signal.SIGTERM)
        hear(manager, "STOPPING=1")
        assert process.wait(20) == 0


def test_a_line_whose_cameras_are_all_lost_is_blind_and_stays_alive(
    tmp_path: Path, manager: socket.socket
) -> None:
    with service(tmp_path, LOST):
        assert "READY=1" in hear(manager, "STATUS=blind")[0]
        hear(manager, "WATCHDOG=1", 3)  # the engine answers, and the camera is tried again


def test_a_line_with_one_lost_camera_of_two_is_degraded_and_says_which(
    tmp_path: Path, manager: socket.socket
) -> None:
    with service(tmp_path, LOST, RENDERED):
        told = hear(manager, "STATUS=degraded")[-1]
        assert "rtsp://127.0.0.1:9/nothing" in told
