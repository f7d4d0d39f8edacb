"""Whatever strikes at whichever step of a bundle's life: one valid bundle, nothing lost.

Power is cut on a real ext4, disks are really full, processes really killed; ``steps.py`` says at
which points. The bundle's own format under fire is tested in ``tests/engine/test_publish.py``.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from edge.app.memory import StoredMemory, bundles_to_start
from edge.engine import open_engine
from edge.engine.bundle import verify
from edge.host.state import KEPT_EVENTS, StateStore
from tests.host.disks import Disk, ext4, why_no_disk

FAULTS = ("SIGKILL", "power cut", "full disk")
STEPS = ("build", "publish", "swap", "confirm", "rollback")
ROOT = Path(__file__).parents[2]
needs_disk = pytest.mark.skipif(bool(why_no_disk()), reason=why_no_disk() or "can be made here")
NEEDS = {"SIGKILL": [], "power cut": [needs_disk], "full disk": [needs_disk]}
TABLE = [
    pytest.param(fault, step, id=f"{fault} at {step}", marks=NEEDS[fault])
    for fault in FAULTS
    for step in STEPS
]


class Struck:
    """The process of one cell of the table."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def at(self, number: int) -> tuple[list[list[str]], str]:
        """What was acknowledged before the point of this number, and how it ended."""
        assert self._process.stdin
        assert self._process.stdout
        print(number, file=self._process.stdin, flush=True)
        acknowledged: list[list[str]] = []
        how = ""
        for line in self._process.stdout:
            words = line.split()
            if words[0] == "ended":
                return acknowledged, how or words[1]
            if words[0] == "ack":
                acknowledged.append(words[1:])
            else:
                how = words[0]
        raise AssertionError("the process is gone")


@contextmanager
def process(folder: Path, step: str, fault: str) -> Iterator[Struck]:
    command = [sys.executable, "-m", "tests.faults.steps", str(folder), step, fault]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as running:
        yield Struck(running)
        assert running.stdin
        running.stdin.close()


@contextmanager
def a_disk(folder: Path, fault: str) -> Iterator[Disk | None]:
    if fault == "SIGKILL":
        yield None
    else:
        with ext4(folder) as disk:
            yield disk


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("fault", "step"), TABLE)
def test_one_valid_bundle_is_current_and_nothing_acknowledged_is_lost(
    tmp_path: Path, fault: str, step: str
) -> None:
    endings = []
    with a_disk(tmp_path, fault) as disk:
        folder = disk.folder if disk else tmp_path
        with process(folder, step, fault) as struck:
            for number in range(1, 200):
                acknowledged, how = struck.at(number)
                if disk and fault == "power cut" and how != "survived":
                    disk.restore()
                endings.append(how)
                assert_whole(folder, acknowledged)
                if how == "survived":
                    break
    killed = str(-signal.SIGKILL)
    assert set(endings[:-1]) == {"struck" if fault == "full disk" else killed}
    assert endings[-1] == "survived"
    assert len(endings) > 5, "it was struck at several points"


def assert_whole(folder: Path, acknowledged: list[list[str]]) -> None:
    models, key = folder / "models", folder / "key"
    verify(models / "current", key=key)
    open_engine(models / "current", key=key).close()
    if (models / "previous").is_symlink():
        verify(models / "previous", key=key)
    assert not list(folder.glob("state.db.bad*"))
    with closing(StateStore(folder / "state.db")) as store:
        memory = StoredMemory(store)
        kinds = {event.kind.replace(" ", "-") for event in store.history(KEPT_EVENTS)}
        for what, name in acknowledged:
            known = {
                "confirmed": memory.confirmed(name),
                "rejected": bool(memory.rejected(name)),
                "history": name in kinds,
            }
            assert known[what], f"{what} {name} was acknowledged, and lost"
        start = bundles_to_start(store, models, safe_mode=False)[0]
        verify(start, key=key)
        assert not memory.rejected(start.name)
