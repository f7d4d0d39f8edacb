"""A real systemd, booted as PID 1 of a container over this machine's own files. Root only."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from edge.host.install import Interpreter, install, run_command
from tests.host.disks import why_no_disk

HERE = Path(__file__).parent
NOTIFY = HERE.parents[1] / "edge/host/notify.py"
SYSTEM_PYTHON = Interpreter("/usr/bin/python3", "/usr", (3, 12))
TIMEOUT_S = 100

# Shorter times than in a cabinet; nothing else is changed.
QUICK = {
    "edge.service": """[Service]
WatchdogSec=2
RestartSec=50ms
TimeoutStartSec=2
TimeoutStopSec=2
""",
    "edge-recover.service": "[Service]\nEnvironment=DELAY_S=0.5\n",
}
REAL = """#!/usr/bin/python3
import sys
sys.path[:0] = {paths}
from edge.cli import main
main()
"""
SCENES = """[Unit]
After=systemd-tmpfiles-setup.service
[Service]
Type=oneshot
ExecStart=/usr/bin/python3 /inside.py
ExecStopPost=/bin/systemctl exit --force
"""


def why_no_boot() -> str:
    """Why this machine cannot boot one; empty when it can."""
    if why := why_no_disk():
        return why
    if not shutil.which("systemd-nspawn"):
        return "needs systemd-nspawn (package systemd-container)"
    if not Path("/usr/bin/python3").exists():
        return "needs /usr/bin/python3"
    return "" if Path("/dev/fuse").exists() else "needs /dev/fuse, as a device to keep away from"


@contextmanager
def overlay(folder: Path) -> Iterator[Path]:
    """This machine's files, to be changed at will: the changes live in memory and are forgotten."""
    with ExitStack() as stack:
        _mount(stack, folder, "-t", "tmpfs", "tmpfs")
        upper, work, merged = (folder / name for name in ("upper", "work", "edge-test"))
        for path in (upper, work, merged):
            path.mkdir()
        layers = f"lowerdir=/,upperdir={upper},workdir={work}"
        _mount(stack, merged, "-t", "overlay", "overlay", "-o", layers)
        yield merged


def prepare(root: Path) -> None:
    """Install Edge's units as ``edge install`` does, with the stand-in where Edge would be."""
    for enabled in (root / "etc/systemd/system").glob("*.wants/*"):
        enabled.unlink()  # of this machine's own services
    (root / "etc/edge").mkdir()
    (root / "etc/edge/camera-secrets").write_text("line-1=hunter2")
    list(install("edge-inspect", root, python=SYSTEM_PYTHON, run=without_pip))
    program = root / "opt/edge/bin/edge"
    program.parent.mkdir(parents=True)
    shutil.copy(HERE / "stand_in.py", program)
    shutil.copy(NOTIFY, root / "opt/edge/notify.py")
    program.chmod(0o755)
    _put_edge_itself(root)
    units = root / "etc/systemd/system"
    wanted = units / "graphical.target.wants/edge.service"  # enabled, but the scenes start it
    wanted.parent.mkdir(exist_ok=True)
    (units / "multi-user.target.wants/edge.service").rename(wanted)
    for unit, text in QUICK.items():
        (units / f"{unit}.d").mkdir(exist_ok=True)
        (units / f"{unit}.d/quick.conf").write_text(text)
    (units / "scenes.service").write_text(SCENES)
    (units / "multi-user.target.wants/scenes.service").symlink_to("../scenes.service")
    shutil.copy(HERE / "inside.py", root / "inside.py")


def boot(root: Path) -> dict[str, Any]:
    """Boot, play the scenes, power off; what they wrote down."""
    name = f"edge-test-{os.getpid()}"
    command = ["systemd-nspawn", "--register=no", "--keep-unit", "--console=pipe", "--quiet"]
    command += [f"--machine={name}", f"--directory={root}", "--bind=/dev/fuse", "--boot"]
    said = subprocess.run(
        [*command, "systemd.unit=multi-user.target"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=TIMEOUT_S,
        check=False,
    )
    results = root / "results.json"
    assert results.exists(), f"the scenes did not end:\n{said.stdout}\n{said.stderr}"
    return dict(json.loads(results.read_text()))


def _put_edge_itself(root: Path) -> None:
    """Edge on the system's own Python, where that can use the libraries of the tests'."""
    system = "import sys; print(*sys.version_info[:2])"
    done = subprocess.run([SYSTEM_PYTHON.path, "-c", system], capture_output=True, check=True)
    same = done.stdout.split() == [str(n).encode() for n in sys.version_info[:2]]
    repository, libraries = NOTIFY.parents[2], Path(sysconfig.get_paths()["platlib"])
    if same and all(_seen_by_the_service(folder) for folder in (repository, libraries)):
        launcher = root / "opt/edge/bin/real-edge"
        paths = [str(repository), str(libraries)]
        launcher.write_text(REAL.format(paths=paths))
        launcher.chmod(0o755)


def _seen_by_the_service(folder: Path) -> bool:
    hidden = any(folder.is_relative_to(home) for home in ("/home", "/root", "/tmp", "/var/tmp"))
    return not hidden and all(
        step.stat().st_mode & 0o005 == 0o005 for step in (folder, *folder.parents)
    )


def without_pip(command: Sequence[str]) -> None:
    if command[0].startswith("system"):
        run_command(command)


def _mount(stack: ExitStack, folder: Path, *options: str) -> None:
    subprocess.run(["mount", *options, str(folder)], check=True, capture_output=True)
    stack.callback(subprocess.run, ["umount", str(folder)], check=True, capture_output=True)
