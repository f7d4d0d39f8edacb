"""The heartbeat: what keeps the watchdog quiet, and what must not."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

import pytest

from edge.app.heart import STUCK_S, Heart
from edge.core.service import Conditions, ServiceState
from edge.core.types import CameraState, Detections, Pulse
from edge.sinks.overview import Overview
from tests.fakes import FakeFeed, a_frame, a_status


@dataclass
class Told:
    """A heartbeat that remembers what it was told."""

    watchdog_interval_s: float | None = 15.0
    said: list[str] = field(default_factory=list)

    def ready(self, status: str) -> None:
        self.said.append(f"ready {status}")

    def status(self, text: str) -> None:
        self.said.append(text)

    def watchdog(self) -> None:
        self.said.append("alive")

    def stopping(self) -> None:
        self.said.append("stopping")


class Hand:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        return stop.wait(seconds)


@dataclass
class Line:
    """One camera, its service, and what the loop is asked."""

    clock: Hand = field(default_factory=Hand)
    told: Told = field(default_factory=Told)
    pulses: list[Pulse] = field(default_factory=list)
    feed: FakeFeed = field(default_factory=lambda: FakeFeed([]))
    conditions: Conditions = field(default_factory=Conditions)

    def __post_init__(self) -> None:
        self.overview = Overview(self.clock, self.conditions)
        self.heart = Heart(self.told, self.overview, [self.feed], self.pulses.append, self.clock)

    def inspect(self) -> None:
        self.overview.emit(a_frame(), Detections.none())
        self.heart.alive()


@pytest.fixture
def line() -> Line:
    return Line()


def test_every_look_with_a_new_inference_feeds_the_watchdog(line: Line) -> None:
    for _ in range(3):
        line.inspect()
        line.heart.beat()
    assert line.told.said.count("alive") == 3


def test_a_loop_that_completes_nothing_is_not_called_alive(line: Line) -> None:
    line.overview.camera_changed(a_status(state=CameraState.LIVE))
    line.inspect()
    for _ in range(30):
        line.heart.beat()
    assert line.told.said.count("alive") == 1
    assert not line.pulses  # the camera is live: its frames are what counts


def test_while_no_camera_is_live_the_engine_is_asked_and_its_answer_counts(line: Line) -> None:
    line.overview.camera_changed(a_status(state=CameraState.LOST))
    line.heart.beat()
    assert len(line.pulses) == 1
    line.heart.alive()  # the loop ran the pulse
    line.heart.beat()
    assert "alive" in line.told.said


def test_one_live_camera_of_two_is_enough_to_expect_frames(line: Line) -> None:
    line.overview.camera_changed(a_status("a", CameraState.LOST))
    line.overview.camera_changed(a_status("b", CameraState.LIVE))
    line.heart.beat()
    assert not line.pulses


def test_a_capture_that_hangs_in_its_driver_gets_no_more_pulses(line: Line) -> None:
    line.overview.camera_changed(a_status(state=CameraState.LOST))
    line.heart.beat()
    line.clock.time += STUCK_S - 1
    line.feed.turns += 1  # it tried to open the camera
    line.heart.beat()
    line.clock.time += STUCK_S - 1
    line.heart.beat()
    assert len(line.pulses) == 3
    line.clock.time += 2
    line.heart.beat()
    assert len(line.pulses) == 3


def test_a_change_of_state_is_told_once_with_its_reasons(line: Line) -> None:
    line.overview.camera_changed(a_status(state=CameraState.LIVE))
    line.inspect()
    line.clock.time = 0.5
    line.heart.beat()
    line.heart.beat()
    line.conditions.begin(ServiceState.FALLBACK, "INT8 and FP16 disagree")
    line.heart.beat()
    line.heart.beat()
    line.conditions.end(ServiceState.FALLBACK)
    line.heart.beat()
    states = [said for said in line.told.said if said != "alive"]
    assert states == ["running", "fallback: INT8 and FP16 disagree", "running"]


def test_another_reason_for_the_same_state_is_told_but_not_logged(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    for reason in ("being opened", "connection refused", "connection refused"):
        line.overview.camera_changed(replace(a_status(state=CameraState.LOST), reason=reason))
        line.heart.beat()
    assert [said for said in line.told.said if said != "alive"] == [
        "blind: being opened",
        "blind: connection refused",
    ]
    assert [record.message for record in caplog.records] == ["service is blind: being opened"]


def test_its_thread_ends_with_the_block(line: Line) -> None:
    line.inspect()
    with line.heart.beating():
        pass
    assert not [thread for thread in threading.enumerate() if thread.name == "heart"]
