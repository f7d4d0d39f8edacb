"""Chores beside the line, worries, and what the service and a recalibration tell each other."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from edge.app.caretaker import Caretaker, Chore
from edge.app.notes import (
    STALE_S,
    Progress,
    read_frame_age,
    read_progress,
    write_frame_age,
    write_progress,
)
from edge.app.recalibration import Recalibration
from edge.app.worries import QUIET_S, Worries, Worry
from edge.core.service import Conditions, ServiceState
from edge.engine import publish
from edge.host.state import Moment
from tests.sinks.parts import TestClock


@pytest.fixture
def clock() -> TestClock:
    return TestClock(100.0)


@pytest.fixture
def conditions() -> Conditions:
    return Conditions()


def test_every_chore_has_its_own_rhythm(clock: TestClock, conditions: Conditions) -> None:
    done: list[str] = []
    chores = [Chore(n, s, lambda n=n: done.append(n)) for n, s in (("a", 1.0), ("b", 3.0))]  # type: ignore[misc]
    caretaker = Caretaker(chores, conditions, clock)
    for _ in range(6):
        caretaker.step()
        clock.time += 1
    assert (done.count("a"), done.count("b")) == (6, 2)


def test_a_chore_that_fails_is_told_once_and_takes_no_other_with_it(
    clock: TestClock, conditions: Conditions, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[int] = []
    broken = [True]

    def fails() -> None:
        if broken[0]:
            raise OSError("no such sensor")

    chores = [Chore("heat", 1.0, fails), Chore("disk", 1.0, lambda: done.append(1))]
    caretaker = Caretaker(chores, conditions, clock)
    for _ in range(3):
        caretaker.step()
        clock.time += 1
    assert len(done) == 3
    assert "no such sensor" in conditions.warnings()["chore heat"]
    broken[0] = False
    caretaker.step()
    assert not conditions.warnings()
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_its_thread_does_the_chores_and_ends_with_the_block(conditions: Conditions) -> None:
    done: list[int] = []
    caretaker = Caretaker([Chore("a", 1.0, lambda: done.append(1))], conditions, TestClock())
    with caretaker.caring():
        pass
    assert done


def test_a_worry_that_comes_and_goes_is_told_when_it_begins_and_when_it_is_over(
    clock: TestClock, conditions: Conditions, caplog: pytest.LogCaptureFixture
) -> None:
    now: list[Worry] = []
    worries = Worries([lambda: now], conditions, clock)
    with caplog.at_level(logging.WARNING):
        for second in range(300):
            now[:] = [("heat", f"{second} °C")] if second % 20 == 0 and second < 200 else []
            worries.look()
            assert bool(conditions.warnings()) == (second < 180 + QUIET_S)
            clock.time += 1
    assert [record.message for record in caplog.records] == [
        "heat: 0 °C",
        "heat: all is well again",
    ]


@pytest.mark.parametrize(
    ("written", "read", "known"),
    [
        (Moment("b", 100.0), Moment("b", 100.0 + STALE_S), 0.25),
        (Moment("b", 100.0), Moment("b", 100.1 + STALE_S), None),
        (Moment("b", 100.0), Moment("another", 100.0), None),
        (Moment("b", 100.0), Moment("b", 99.0), None),
    ],
    ids=["fresh", "stale", "of another boot", "from the future"],
)
def test_the_frame_age_of_a_service_that_is_gone_is_not_known(
    tmp_path: Path, written: Moment, read: Moment, known: float | None
) -> None:
    write_frame_age(tmp_path, 0.25, written)
    assert read_frame_age(tmp_path, read) == known


@pytest.mark.parametrize("content", ["", "[]", '{"boot": 1}', '{"at_s": "x"}', "\x00\x00"])
def test_notes_that_a_power_cut_left_are_none(tmp_path: Path, content: str) -> None:
    for name in (".frame-age.json", ".recalibration.json"):
        (tmp_path / name).write_text(content)
    assert read_frame_age(tmp_path) is None
    assert read_progress(tmp_path) is None


def test_a_disk_that_refuses_a_note_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / ".recalibration.json.new").mkdir()
    write_progress(tmp_path, Progress("building"))
    assert read_progress(tmp_path) is None


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def figures(recalibration: Recalibration) -> dict[str, float]:
    return {one.metric.name: one.value for one in recalibration.readings()}


def test_the_service_tells_how_far_a_recalibration_is_and_how_old_its_own_frames_are(
    models: Path, conditions: Conditions
) -> None:
    seen = Recalibration(models, conditions, lambda: 0.25)
    with publish.exclusive(models, publish.RECALIBRATION):
        write_progress(models, Progress("collecting ranges", 7, 30, paused="frames were too old"))
        seen.look()
        assert conditions.reasons()[ServiceState.RECALIBRATING] == (
            "a new model is built: collecting ranges, 7 of 30; paused: frames were too old"
        )
        assert read_frame_age(models) == 0.25
        told = figures(seen)
        assert (told["edge_recalibration_running"], told["edge_recalibration_paused"]) == (1, 1)
        write_progress(models, Progress("agreement 0.990", ended=True, passed=True))
    seen.look()
    assert not conditions.reasons()
    assert figures(seen)["edge_recalibration_last_passed"] == 1
    assert not list(seen.worries())


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (Progress("agreement 0.2 (at least 0.975)", ended=True), "agreement 0.2"),
        (Progress("building int8", 1, 4), "it died while building int8, 1 of 4"),
    ],
    ids=["refused by the gate", "killed"],
)
def test_a_recalibration_that_came_to_nothing_worries(
    models: Path, conditions: Conditions, last: Progress, reason: str
) -> None:
    write_progress(models, last)
    seen = Recalibration(models, conditions, lambda: None)
    seen.look()
    ((about, why),) = seen.worries()
    assert about == "recalibration"
    assert reason in why
    assert figures(seen)["edge_recalibration_last_passed"] == 0


def test_a_line_without_recalibrations_writes_no_notes(
    models: Path, conditions: Conditions
) -> None:
    seen = Recalibration(models, conditions, lambda: 0.25)
    seen.look()
    assert sorted(path.name for path in models.iterdir()) == [publish.RECALIBRATION]
    assert not list(seen.worries())
    assert json.dumps(figures(seen))
