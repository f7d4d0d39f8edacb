"""A build beside a line: its real process, and what that starts, stand still and go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edge.app import build_beside
from edge.app.build import BuildRequest
from edge.app.build_beside import BuildBeside
from edge.app.pacing import Pace, PaceVerdict
from edge.core.errors import DataError, UnavailableError

RUN, PAUSE = PaceVerdict(Pace.RUN), PaceVerdict(Pace.PAUSE, "frames were too old")


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_beside, "LOOK_S", 0.02)


def request(folder: Path, kind: str) -> BuildRequest:
    return BuildRequest(folder / f"{kind}.onnx", folder, None, folder)


def started(folder: Path, kind: str) -> BuildBeside:
    return BuildBeside(request(folder, kind), "tests.fake_beside_child")


def state(pid: int) -> str:
    """As the kernel tells it: ``R`` or ``S``, ``T`` when stopped; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@dataclass
class Line:
    """Decides by a script, each step of which looks at the processes when it has come about."""

    folder: Path
    script: Iterator[PaceVerdict]
    steps: list[int] = field(default_factory=list)

    def told(self, what: str, done: int, of: int) -> None:
        self.steps.append(done)

    def decide(self) -> PaceVerdict:
        return next(self.script)

    @property
    def own(self) -> int:
        until(lambda: (self.folder / "own").exists() and bool((self.folder / "own").read_text()))
        return int((self.folder / "own").read_text())


def test_a_paused_build_stands_still_with_all_it_started_and_then_goes_on(tmp_path: Path) -> None:
    with started(tmp_path, "works") as beside:
        child = beside._process.pid

        def script() -> Iterator[PaceVerdict]:
            until(lambda: line.own > 0)
            yield PAUSE
            until(lambda: {state(child), state(line.own)} == {"T"})
            yield PAUSE
            yield PAUSE  # what it had sent before is read by now
            stood = len(line.steps)
            yield PAUSE
            assert len(line.steps) == stood
            assert beside.paused == PAUSE.reason
            yield RUN
            until(lambda: "T" not in {state(child), state(line.own)})
            while len(line.steps) <= stood:
                yield RUN
            (tmp_path / "enough").touch()
            while True:
                yield RUN

        line = Line(tmp_path, script())
        report = beside.run(line.told, lambda rung: None, line.decide)
    assert report == {"bundle": str(tmp_path)}
    assert line.steps == list(range(1, len(line.steps) + 1)), "nothing it said was lost"


def test_a_build_that_publishes_is_not_paused_since_it_holds_a_lock(tmp_path: Path) -> None:
    asked: list[int] = []
    with started(tmp_path, "publishes") as beside:

        def told(what: str, done: int, of: int) -> None:
            if done == 5:
                (tmp_path / "enough").touch()

        def decide() -> PaceVerdict:
            asked.append(1)
            return PAUSE if beside.paused or (tmp_path / "own").exists() else RUN

        assert beside.run(told, lambda rung: None, decide)


@pytest.mark.parametrize("paused", [False, True])
def test_what_is_given_up_is_gone_with_all_it_started_and_leaves_nothing_unfinished(
    tmp_path: Path, paused: bool
) -> None:
    line = Line(tmp_path, iter(()))
    with started(tmp_path, "works") as beside:
        child, own = beside._process.pid, line.own
        verdicts = [PAUSE] * paused + [PaceVerdict(Pace.GIVE_UP, "the line itself is slower")]
        line.script = iter(verdicts)
        with pytest.raises(UnavailableError, match="given up: the line itself is slower"):
            beside.run(line.told, lambda rung: None, line.decide)
    until(lambda: state(child) == "" and state(own) in ("", "Z"))
    assert not (tmp_path / "unfinished").exists()


def test_what_the_build_says_and_its_report_come_in_order(tmp_path: Path) -> None:
    told: list[Any] = []
    with started(tmp_path, "quick") as beside:
        report = beside.run(lambda *what: told.append(what), lambda rung: None, lambda: RUN)
    assert (told, report) == ([("collecting", 1, 2)], {"bundle": "b"})


def test_its_error_is_raised_as_it_was(tmp_path: Path) -> None:
    with started(tmp_path, "refused") as beside, pytest.raises(DataError, match="node 7"):
        beside.run(lambda *_: None, lambda rung: None, lambda: RUN)


def test_one_that_dies_without_a_word_says_how(tmp_path: Path) -> None:
    with started(tmp_path, "dies") as beside, pytest.raises(UnavailableError, match="exit code -9"):
        beside.run(lambda *_: None, lambda rung: None, lambda: RUN)
