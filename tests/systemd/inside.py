"""Runs inside the booted system, as root: plays every scene and writes down how it went.

Nothing is judged here: the tests outside read ``/results.json``.
"""

from __future__ import annotations

import json
import pwd
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

STATE = Path("/var/lib/edge")
SECRET = "/run/credentials/edge.service/camera-secrets"
REAL = "/opt/edge/bin/real-edge"
REAL_UNIT = f"""[Service]
ExecStart=
ExecStart={REAL} run -c /etc/edge/edge.yaml
WatchdogSec=20
TimeoutStartSec=90
TimeoutStopSec=20
"""
PATIENCE_S = 20.0
SHOWN = "ActiveState,SubState,Result,NRestarts,StatusText,ExecMainStatus,ExecMainPID"


def main() -> None:
    results: dict[str, object] = {}
    scenes = (inspects, hangs, crashes, refuses, starts_slowly, is_deaf, recalibrates, is_real)
    with socket.socket(socket.AF_UNIX) as argus:
        argus.bind("/tmp/argus_socket")
        argus.listen()
        Path("/tmp/argus_socket").chmod(0o777)
        for scene in scenes:
            began_s = time.monotonic()
            try:
                results[scene.__name__] = scene()
            except Exception as error:  # told outside
                results[scene.__name__] = {"error": repr(error)}
            results[f"{scene.__name__} took"] = time.monotonic() - began_s
            settle()
    Path("/results.json").write_text(json.dumps(results, default=str))


def inspects() -> dict[str, object]:
    begin("as it should")
    shown = until(lambda now: now["ActiveState"] == "active")
    found = {**shown, **report("run")}
    found["secret for others"] = read_as("nobody")
    found["state folder"] = oct(STATE.stat().st_mode)
    found["secret's mode"] = oct(Path("/etc/edge/camera-secrets").stat().st_mode)
    found["config's mode"] = oct(Path("/etc/edge/edge.yaml").stat().st_mode)
    found["config's group"] = Path("/etc/edge/edge.yaml").group()
    found["groups' names"] = run("id", "-nG", "edge").split()
    run("systemctl", "stop", "edge.service")
    found["stopped"] = show("edge.service")
    return found


def hangs() -> dict[str, object]:
    begin("hang")
    until(lambda now: int(now["NRestarts"]) >= 1)
    mode("as it should")
    shown = until(lambda now: now["StatusText"] == "inspecting, as it should")
    return {**shown, "log": log()}


def crashes() -> dict[str, object]:
    begin("crash")
    shown = until(lambda now: now["ActiveState"] == "active" and len(starts()) == 7)
    return {**shown, "starts": len(starts()), "log": log()}


def refuses() -> dict[str, object]:
    begin("bad configuration")
    until(lambda now: now["ActiveState"] == "failed")
    recovery = until(lambda now: now["Result"] == "exec-condition", "edge-recover.service")
    return {**show("edge.service"), "starts": len(starts()), "recovery": recovery}


def starts_slowly() -> dict[str, object]:
    begin("slow start")
    return {**until(lambda now: now["ActiveState"] == "active")}


def is_deaf() -> dict[str, object]:
    begin("deaf")
    until(lambda now: now["ActiveState"] == "active")
    began_s = time.monotonic()
    run("systemctl", "stop", "edge.service")
    left = subprocess.run(["pgrep", "-u", "edge"], capture_output=True, text=True, check=False)
    took_s = time.monotonic() - began_s
    recovery = until(lambda now: now["Result"] == "exec-condition", "edge-recover.service")
    found = {"took": took_s, "left": left.stdout, "recovery": recovery}
    return {**show("edge.service"), **found}


def recalibrates() -> dict[str, object]:
    mode("as it should")
    run("systemctl", "start", "edge-recalibrate.service")
    return {**show("edge-recalibrate.service"), **report("recalibrate")}


def is_real() -> dict[str, object]:
    """Edge itself, with its rendered line, in place of the stand-in."""
    if not Path(REAL).exists():
        return {"skipped": "no Python here runs Edge where the service may see it"}
    drop_in = Path("/run/systemd/system/edge.service.d/real.conf")
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text(REAL_UNIT)
    config = Path("/etc/edge/edge.yaml")
    config.write_text(config.read_text().replace("port: 8000", "port: 0"))
    run("systemctl", "daemon-reload")
    run("systemctl", "start", "edge.service")
    until(lambda now: now["ActiveState"] == "active" and len(inspected()) >= 5)
    reloaded = reload(config)
    shown = show("edge.service")
    address = log().rpartition("Live view: ")[2].split()[0]
    with urllib.request.urlopen(f"{address}/healthz") as answer:
        health = json.load(answer)
    run("systemctl", "stop", "edge.service")
    found = {"health": health, "frames": inspected(), "reloaded": reloaded}
    return {**shown, **found, "stopped": show("edge.service")}


def reload(config: Path) -> dict[str, object]:
    """Another camera in the configuration, while it runs; then an error in it."""
    before = show("edge.service")["ExecMainPID"]
    text = config.read_text()
    config.write_text(text.replace("name: line-1", "name: line-2"))
    run("systemctl", "reload", "edge.service")
    until(lambda now: any(frame["camera"] == "line-2" for frame in inspected()))
    config.write_text(text.replace("uri:", "url:"))
    run("systemctl", "reload", "edge.service")
    refused = until(lambda now: "refused" in now["StatusText"])
    return {**refused, "same process": refused["ExecMainPID"] == before}


def inspected() -> list[dict[str, object]]:
    results = STATE / "results.jsonl"
    lines = results.read_text().splitlines() if results.exists() else []
    return [frame for frame in map(json.loads, lines) if "index" in frame]


def begin(name: str) -> None:
    (STATE / "starts").unlink(missing_ok=True)
    mode(name)
    run("systemctl", "start", "--no-block", "edge.service")


def mode(name: str) -> None:
    (STATE / "mode").write_text(name)


def settle() -> None:
    """As if the machine had just been booted."""
    run("systemctl", "stop", "edge-recover.service", "edge.service")
    subprocess.run(["systemctl", "reset-failed"], check=False)


def until(done: Callable[[dict[str, str]], bool], unit: str = "edge.service") -> dict[str, str]:
    give_up_s = time.monotonic() + PATIENCE_S
    while not done(now := show(unit)):
        if time.monotonic() > give_up_s:
            raise TimeoutError(f"{unit} is {now}\n{log()}")
        time.sleep(0.02)
    return now


def show(unit: str) -> dict[str, str]:
    lines = run("systemctl", "show", unit, f"--property={SHOWN}").splitlines()
    return dict(line.partition("=")[::2] for line in lines)


def starts() -> list[str]:
    path = STATE / "starts"
    return path.read_text().splitlines() if path.exists() else []


def report(verb: str) -> dict[str, object]:
    return dict(json.loads((STATE / f"report-{verb}").read_text()))


def log() -> str:
    return run("journalctl", "-b", "-o", "cat", "-u", "edge", "-u", "edge-recover")


def read_as(user: str) -> str:
    uid = pwd.getpwnam(user).pw_uid
    result = subprocess.run(["cat", SECRET], user=uid, capture_output=True, text=True, check=False)
    return result.stdout or result.stderr


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
