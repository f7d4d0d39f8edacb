"""The ring of points behind the plots."""

from __future__ import annotations

import pytest

from edge.core.ports import Sink
from edge.sinks import series as series_module
from edge.sinks.series import Series
from tests.sinks.parts import TestClock, found, frame

NOON = 1_790_000_000.0


def test_a_point_tells_of_the_time_since_the_one_before_and_no_longer() -> None:
    clock = TestClock(100.0)
    series = Series(clock, lambda: NOON)
    sink: Sink = series
    for age_s in (0.1, 0.2, 0.3):
        sink.emit(frame(at=clock.time - age_s), found(0, 1))
        series.took(age_s / 10)
    clock.time += 5
    series.point(61.5)
    clock.time += 5
    series.point(None)
    assert series.lately(60) == {
        "at": [NOON, NOON],
        "fps": [0.6, 0.0],
        "frame_age_p50_ms": [200.0, None],
        "frame_age_p99_ms": [298.0, None],
        "latency_p50_ms": [20.0, None],
        "detections": [6, 0],
        "temperature_c": [61.5, None],
    }


def test_only_the_asked_for_minutes_come_and_the_ring_never_grows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(series_module, "POINTS", 24)
    clock = TestClock(0.0)
    series = Series(clock, lambda: clock.time)
    for _ in range(100):
        clock.time += 5
        series.point(None)
    assert series.lately(1)["at"] == [500 - 5 * k for k in range(11, -1, -1)]
    assert len(series.lately(60)["at"]) == 24
    assert series.lately(0)["at"] == []


def test_before_the_first_point_there_is_none() -> None:
    assert Series(TestClock()).lately(60)["fps"] == []
