"""Frames, verdicts and detections by the hour."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge.core.hour import Hour
from edge.core.ports import Sink
from edge.core.types import CameraState, Detections, Verdict
from edge.sinks.tally import HOUR_S, Tally
from tests.sinks.parts import LABELS, TestClock, found, frame, status

START = 500_000 * HOUR_S


class Wall:
    """Seconds since 1970 that only the test moves."""

    def __init__(self) -> None:
        self.time = float(START)

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def tally(clock: TestClock, wall: Wall) -> Tally:
    return Tally(LABELS, clock, wall)


def judged(verdict: Verdict | None, *class_ids: int) -> Detections:
    return replace(found(*class_ids), verdict=verdict)


def test_nothing_is_nothing(tally: Tally) -> None:
    assert tally.take() == []


def test_frames_verdicts_and_boxes_are_counted_for_each_camera_and_taken_once(
    tally: Tally,
) -> None:
    sink: Sink = tally
    sink.emit(frame(0), judged(Verdict.OK))
    sink.emit(frame(1), judged(Verdict.NG, 1, 1, 9))
    sink.emit(frame(2), judged(Verdict.UNKNOWN, 0))
    sink.emit(frame(0, camera="line-2"), judged(None, 2))
    assert tally.take() == [
        Hour(
            START,
            "line-1",
            frames=3,
            ok=1,
            ng=1,
            unknown=1,
            detections={"dent": 2, "class 9": 1, "scratch": 1},
        ),
        Hour(START, "line-2", frames=1, detections={"crack": 1}),
    ]
    assert tally.take() == []


def test_a_new_hour_begins_a_new_row(tally: Tally, wall: Wall) -> None:
    tally.emit(frame(0), judged(Verdict.OK))
    wall.time += HOUR_S
    tally.emit(frame(1), judged(Verdict.OK))
    assert [(hour.hour, hour.frames) for hour in tally.take()] == [(START, 1), (START + HOUR_S, 1)]


@pytest.mark.parametrize(
    ("verdict", "unknown"), [(Verdict.OK, 4), (None, 0)], ids=["rules", "none"]
)
def test_frames_that_nobody_inspected_are_unknown_where_there_are_rules(
    tally: Tally, verdict: Verdict | None, unknown: int
) -> None:
    tally.emit(frame(0), judged(verdict))
    tally.take()
    tally.emit(frame(5), judged(verdict))
    (hour,) = tally.take()
    assert (hour.frames, hour.dropped, hour.unknown) == (1, 4, unknown)


def test_time_without_a_live_camera_is_told_beside_the_counts(
    tally: Tally, clock: TestClock
) -> None:
    tally.camera_changed(status(CameraState.LOST))
    clock.time += 10
    assert [hour.blind_s for hour in tally.take()] == [10.0]
    clock.time += 5
    tally.camera_changed(status(CameraState.CONNECTING))
    clock.time += 1
    tally.camera_changed(status(CameraState.LIVE))
    clock.time += 100
    assert [hour.blind_s for hour in tally.take()] == [6.0]
    assert tally.take() == []
