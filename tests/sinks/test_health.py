from __future__ import annotations

import pytest

from edge.core.service import ServiceState
from edge.core.types import CameraState, CameraStatus, Detections
from edge.sinks.health import health
from edge.sinks.summary import Summary
from tests.sinks.parts import TestClock, frame, status

LIVE, LOST, CONNECTING = CameraState.LIVE, CameraState.LOST, CameraState.CONNECTING


@pytest.mark.parametrize(
    ("states", "inspected", "expected"),
    [
        ({}, [], "starting"),
        ({"a": CONNECTING}, [], "starting"),
        ({"a": LIVE}, [], "starting"),
        ({"a": CONNECTING, "b": LOST}, [], "starting"),
        ({"a": LOST}, [], "blind"),
        ({"a": LIVE}, ["a"], "running"),
        ({}, ["a"], "running"),
        ({"a": LIVE, "b": LIVE}, ["a", "b"], "running"),
        ({"a": LIVE, "b": LOST}, ["a", "b"], "degraded"),
        ({"a": LIVE, "b": CONNECTING}, ["a"], "degraded"),
        ({"a": LIVE, "b": LIVE}, ["a"], "degraded"),
        ({"a": LOST}, ["a"], "blind"),
        ({"a": LOST, "b": CameraState.ENDED}, ["a", "b"], "blind"),
    ],
)
def test_the_service_is_as_well_as_its_cameras(
    states: dict[str, CameraState], inspected: list[str], expected: str
) -> None:
    clock = TestClock(100.0)
    summary = Summary(clock)
    for camera in inspected:
        summary.emit(frame(camera=camera, at=100.0), Detections.none())
    statuses = {name: status(state, camera=name, at=99.0) for name, state in states.items()}
    assert health(statuses, summary.report().cameras, 100.5)["state"] == expected


@pytest.mark.parametrize(
    ("inspected", "conditions", "expected"),
    [
        (True, {ServiceState.RECALIBRATING: "building"}, "recalibrating"),
        (True, {ServiceState.FALLBACK: "disagree"}, "fallback"),
        (True, {ServiceState.FALLBACK: "disagree", ServiceState.FAULTED: "NaN"}, "faulted"),
        (False, {ServiceState.FALLBACK: "disagree"}, "blind"),
        (False, {ServiceState.RECALIBRATING: "building"}, "blind"),
    ],
)
def test_the_worst_that_is_so_wins_and_every_reason_is_told(
    inspected: bool, conditions: dict[ServiceState, str], expected: str
) -> None:
    summary = Summary(TestClock(100.0))
    if inspected:
        summary.emit(frame(camera="a", at=100.0), Detections.none())
    statuses = {"a": status(LIVE if inspected else LOST, camera="a", at=99.0)}
    body = health(statuses, summary.report().cameras, 100.5, conditions)
    assert body["state"] == expected
    assert set(conditions.values()) <= set(body["reasons"])
    assert len(body["reasons"]) == len(conditions) + (not inspected)


def test_a_live_camera_without_inspected_frames_is_stale_and_says_for_how_long() -> None:
    clock = TestClock(100.0)
    summary = Summary(clock)
    summary.emit(frame(at=100.0), Detections.none())
    statuses: dict[str, CameraStatus] = {"line-1": status(LIVE, at=99.0)}
    fresh = health(statuses, summary.report().cameras, 101.9)
    stale = health(statuses, summary.report().cameras, 103.5)
    assert (fresh["state"], fresh["cameras"][0]["state"]) == ("running", "live")
    assert (stale["state"], stale["cameras"][0]["state"]) == ("blind", "stale")
    assert stale["cameras"][0]["reason"] == "line-1: no frame was inspected for 3.5 s"
    assert stale["cameras"][0]["age_s"] == 3.5
