from __future__ import annotations

import pytest

from edge.core.service import Conditions
from edge.core.types import CameraState, Detections
from edge.sinks.lately import WINDOW_S
from edge.sinks.overview import Overview
from tests.sinks.parts import TestClock, frame, status


@pytest.fixture
def clock() -> TestClock:
    return TestClock(100.0)


@pytest.fixture
def overview(clock: TestClock) -> Overview:
    return Overview(clock, Conditions())


def inspect(overview: Overview, clock: TestClock, *ages_s: float) -> None:
    for index, age_s in enumerate(ages_s):
        clock.time += 0.01
        overview.emit(frame(index, at=clock.time - age_s), Detections.none())


def test_the_frame_age_is_that_of_the_last_seconds(overview: Overview, clock: TestClock) -> None:
    assert overview.frame_age_s() is None
    inspect(overview, clock, *[0.05] * 99, 0.4, 0.4)
    assert overview.frame_age_s() == pytest.approx(0.4)
    clock.time += WINDOW_S
    inspect(overview, clock, *[0.05] * 200)
    assert overview.frame_age_s() == pytest.approx(0.05)


def test_a_live_line_without_results_is_no_quick_line(overview: Overview, clock: TestClock) -> None:
    inspect(overview, clock, 0.05)
    clock.time += 3.0
    assert overview.frame_age_s() == pytest.approx(3.0)


def test_of_a_camera_that_is_lost_no_frame_is_late(overview: Overview, clock: TestClock) -> None:
    inspect(overview, clock, 0.05)
    overview.camera_changed(status(CameraState.LOST))
    clock.time += 3.0
    assert overview.frame_age_s() is None


def test_what_to_look_after_is_told_beside_the_state(overview: Overview, clock: TestClock) -> None:
    inspect(overview, clock, 0.05)
    assert overview.conditions.warn("temperature", "93 °C at tj")
    assert not overview.conditions.warn("temperature", "94 °C at tj"), "no news"
    told = overview.health()
    assert (told["state"], told["reasons"]) == ("running", [])
    assert told["warnings"] == {"temperature": "94 °C at tj"}
    assert overview.conditions.told() == [{"state": "warning", "reason": "94 °C at tj"}]
    assert overview.conditions.calm("temperature")
    assert not overview.conditions.calm("temperature")
    assert overview.health()["warnings"] == {}
