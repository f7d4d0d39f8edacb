#!/usr/bin/python3
"""In place of /opt/edge/bin/edge: behaves as the file ``mode`` says, and writes down what it saw.

Runs on the system's own Python, beside a copy of ``edge/host/notify.py``.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from functools import partial
from pathlib import Path

sys.path.insert(0, "/opt/edge")
from notify import Notifier  # type: ignore[import-not-found]  # the product's own, copied there

STATE = Path("/var/lib/edge")
SECRET = "/etc/edge/camera-secrets"
FORBIDDEN = (
    "/etc",
    "/etc/edge",
    "/opt/edge",
    "/usr",
    "/var/lib",
    "/home",
    "/root",
    "/boot",
    "/sys",
)


def main() -> None:
    mode = (STATE / "mode").read_text()
    with (STATE / "starts").open("a") as starts:
        starts.write(f"{mode}\n")
    (STATE / f"report-{sys.argv[1]}").write_text(json.dumps(report()))
    if sys.argv[1] == "run":
        run(mode, Notifier.from_environment())


def run(mode: str, notifier: Notifier) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set() if mode != "deaf" else None)
    if mode == "bad configuration":
        sys.exit(78)
    if mode == "slow start":
        notifier.extend_timeout(20)
        stop.wait(2.5)
    if mode == "deaf":
        os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "1000")  # a child that nobody waits for
    notifier.ready(f"inspecting, {mode}")
    if mode == "crash" and len((STATE / "starts").read_text().splitlines()) <= 6:
        os.kill(os.getpid(), signal.SIGKILL)
    while not stop.wait(0.2):
        if mode != "hang":
            notifier.watchdog()
    notifier.stopping()


def report() -> dict[str, object]:
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    return {
        "uid": os.getuid(),
        "groups": os.getgroups(),
        "folder": os.getcwd(),  # noqa: PTH109
        "umask": os.umask(0o077),
        "secret": Path(credentials, "camera-secrets").read_text() if credentials else None,
        "secret's source": attempt(lambda: Path(SECRET).read_text()),
        "forbidden": {folder: attempt(partial(write_in, folder)) for folder in FORBIDDEN},
        "models": attempt(lambda: write_in(str(STATE / "models"))),
        "runtime": attempt(lambda: write_in(os.environ.get("RUNTIME_DIRECTORY", "/none"))),
        "device that is not allowed": attempt(lambda: Path("/dev/fuse").open("rb")),
        "argus": attempt(argus),
        "nice": os.nice(0),
        "batch": os.sched_getscheduler(0) == os.SCHED_BATCH,
        "oom_score_adj": int(Path("/proc/self/oom_score_adj").read_text()),
        "capabilities": status("CapEff"),
        "no_new_privileges": status("NoNewPrivs"),
        "core_limit": core_limit(),
    }


def attempt(work: object) -> str:
    try:
        work()  # type: ignore[operator]
    except OSError as error:
        return error.strerror or str(error)
    return "done"


def write_in(folder: str) -> None:
    path = Path(folder) / "written-by-edge"
    path.write_text("1")
    path.unlink()


def argus() -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("/tmp/argus_socket")


def status(name: str) -> str:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{name}:"))


def core_limit() -> int:
    import resource

    return resource.getrlimit(resource.RLIMIT_CORE)[0]


if __name__ == "__main__":
    main()
