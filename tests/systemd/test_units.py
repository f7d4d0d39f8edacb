from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge.host.install import TIMERS, UNITS, unit_files

pytestmark = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="needs systemd-analyze (package systemd)"
)

HARDENED = {"edge.service": 20, "edge-recalibrate.service": 20, "edge-recover.service": 20}
"""The worst score allowed, times ten; 20 is "OK", and 96 is a unit without any hardening."""


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, running a program that exists here."""
    for name in (*UNITS, *TIMERS):
        text = (unit_files() / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/edge/bin/edge", "/bin/true"))
    return tmp_path


def analyze(*arguments: str, cwd: Path) -> tuple[int, str]:
    done = subprocess.run(
        ["systemd-analyze", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_systemd_finds_nothing_to_complain_about(units: Path) -> None:
    names = [f"./{name}" for name in (*UNITS, *TIMERS)]
    code, said = analyze("verify", "--man=no", "--recursive-errors=one", *names, cwd=units)
    assert (code, [line for line in said.splitlines() if "edge" in line]) == (0, [])


def test_a_mistake_in_a_unit_would_be_found(units: Path) -> None:
    unit = units / "edge.service"
    unit.write_text(unit.read_text().replace("WatchdogSec=", "WatchdogSeconds="))
    code, said = analyze(
        "verify", "--man=no", "--recursive-errors=one", "./edge.service", cwd=units
    )
    assert code != 0
    assert "WatchdogSeconds" in said


@pytest.mark.parametrize("unit", HARDENED)
def test_a_unit_may_do_little(units: Path, unit: str) -> None:
    threshold = f"--threshold={HARDENED[unit]}"
    code, said = analyze("security", "--offline=true", "--no-pager", threshold, unit, cwd=units)
    assert code == 0, said


def test_what_the_recovery_waits_is_left_of_the_start_limit() -> None:
    unit = (unit_files() / "edge.service").read_text()
    limit = re.search(r"StartLimitBurst=(\d+)", unit)
    assert limit
    assert int(limit[1]) == 6, "one more than the crashes that bring safe mode"
