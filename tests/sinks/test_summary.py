from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.types import Detections
from edge.sinks.summary import Ages, Gaps, Rate, Summary
from tests.sinks.parts import TestClock, found, frame


def test_a_run_without_frames_knows_no_latency() -> None:
    report = dataclasses.asdict(Summary(TestClock()).report())
    del report["cameras"]
    assert report == {
        "frames": 0,
        "fps": 0.0,
        "detections": 0,
        "dropped": 0,
        "latency_ms": {"p50": None, "p99": None},
    }


def test_two_cameras_are_counted_each_and_together() -> None:
    clock = TestClock(100.0)
    summary = Summary(clock)
    for index in (0, 1, 4):  # 2 and 3 were dropped
        summary.emit(frame(index, camera="a", at=clock.time - 0.1), found(0, 1))
        summary.emit(frame(index // 4, camera="b", at=clock.time - 0.2), Detections.none())
        clock.time += 0.5
    report = summary.report()
    assert (report.frames, report.detections, report.dropped) == (6, 6, 2)
    a, b = report.cameras["a"], report.cameras["b"]
    assert (a.frames, a.detections, a.dropped, a.fps) == (3, 6, 2, 2.0)
    assert (b.frames, b.detections, b.dropped, b.fps) == (3, 0, 0, 2.0)
    assert a.latency_ms.p50 == pytest.approx(100, rel=0.011)
    assert b.latency_ms.p99 == pytest.approx(200, rel=0.011)
    assert a.last_at == 101.0
    assert summary.camera("nobody") is None


@given(st.lists(st.floats(2e-4, 900), min_size=1, max_size=300), st.sampled_from([1, 50, 99, 100]))
def test_percentiles_are_true_to_one_percent_at_any_age(ages: list[float], percent: int) -> None:
    histogram = Ages()
    for age in ages:
        histogram.add(age)
    true_ms = float(np.percentile(ages, percent, method="inverted_cdf")) * 1000
    assert histogram.percentile_ms(percent) == pytest.approx(true_ms, rel=0.0101, abs=0.006)


@pytest.mark.parametrize(("age", "ms"), [(-1.0, 0.1), (0.0, 0.1), (1e9, 1e6)])
def test_an_age_beyond_the_range_counts_as_its_end(age: float, ms: float) -> None:
    histogram = Ages()
    histogram.add(age)
    assert histogram.percentile_ms(50) == pytest.approx(ms, rel=0.05)


@pytest.mark.parametrize("fps", [0.5, 10.0, 99.0])
def test_rates_are_intervals_by_time(fps: float) -> None:
    rate = Rate()
    for number in range(500):
        rate.add(number / fps)
    now = 499 / fps
    assert rate.overall() == pytest.approx(fps, rel=0.001)
    assert rate.recent(now) == pytest.approx(fps, rel=0.001)


def test_the_recent_rate_sinks_when_frames_stop_and_ends_at_nothing() -> None:
    rate = Rate()
    for number in range(51):
        rate.add(number / 10)
    seen = [rate.recent(5.0 + waited) for waited in (0.1, 1.0, 2.5, 4.0, 5.5)]
    assert seen == sorted(seen, reverse=True)
    assert seen[0] == pytest.approx(10)
    assert 4 < seen[2] < 6
    assert seen[-1] == 0


@pytest.mark.parametrize(
    ("indices", "dropped"),
    [([], 0), ([0, 1, 2], 0), ([3], 3), ([0, 5, 6], 4), ([0, 1, 0, 1], 0), ([8, 2, 4], 9)],
    ids=["none", "no gap", "before the first", "a gap", "counts anew", "a gap after it"],
)
def test_gaps_in_the_index_are_drops(indices: list[int], dropped: int) -> None:
    gaps = Gaps()
    assert sum(gaps.add(index) for index in indices) == gaps.total == dropped
