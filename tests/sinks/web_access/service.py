"""The real service in a process of its own, with users, and a camera that has a password."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from tests.sinks.parts import DEADLINE_S
from tests.sinks.web_access.people import browser_of, log_in, three_people

SECRET = "canary-7f3a.in:the/coal@mine"  # needs quoting in a URI
CONFIG = """
cameras:
  - {name: line-1, uri: "pattern://?size=320x180&fps=5"}
  - {name: press-4, uri: "rtsp://operator:${press-4}@127.0.0.1:9/stream?token=${press-4}"}
sinks:
  web: {port: 0}
  jsonl: {path: results.jsonl}
log: debug
"""


@dataclass
class Service:
    """A service that runs.

    Attributes:
        url: of its page.
        folder: with its configuration, state and log.
        process: its main one.
    """

    url: str
    folder: Path
    process: psutil.Process

    @property
    def log(self) -> str:
        """All that it has written for people."""
        return (self.folder / "log").read_text()

    def command_lines(self) -> list[str]:
        """Of it and all that it started, as ``/proc`` shows them to everybody."""
        every = [self.process, *self.process.children(recursive=True)]
        return [Path(f"/proc/{each.pid}/cmdline").read_text() for each in every]

    @contextmanager
    def browser(self, name: str) -> Iterator[httpx.Client]:
        """Logged in."""
        with browser_of(self.url) as browser:
            assert log_in(browser, name).status_code == 200
            yield browser

    def endpoints(self, method: str) -> list[str]:
        """Paths of the API that answer to this method."""
        paths = httpx.get(self.url + "/openapi.json").json()["paths"]
        return [path for path, methods in paths.items() if method in methods and path != "/ws"]


@contextmanager
def running_service(folder: Path) -> Iterator[Service]:
    """Start it, wait until it inspects, and end it as systemd does."""
    secrets = folder / "credentials"
    secrets.mkdir()
    (secrets / "camera-secrets").write_text(f"press-4={SECRET}\n")
    (folder / "edge.yaml").write_text(CONFIG)
    three_people(folder / "state")
    environ = os.environ | {
        "CREDENTIALS_DIRECTORY": str(secrets),
        "STATE_DIRECTORY": str(folder / "state"),
        "COLUMNS": "200",
    }
    command = [sys.executable, "-m", "edge", "-v", "run", "-c", str(folder / "edge.yaml")]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
    try:
        yield _ready(folder, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(DEADLINE_S)


def _ready(folder: Path, process: subprocess.Popen[bytes]) -> Service:
    deadline = time.monotonic() + 2 * DEADLINE_S
    service = None
    while time.monotonic() < deadline:
        log = (folder / "log").read_text()
        assert process.poll() is None, log
        if service is None and (found := re.search(r"http://127\.0\.0\.1:\d+", log)):
            service = Service(found[0], folder, psutil.Process(process.pid))
        if service and httpx.get(service.url + "/healthz").json()["state"] == "degraded":
            return service
        time.sleep(0.05)
    raise AssertionError(f"the service did not come up: {(folder / 'log').read_text()}")
