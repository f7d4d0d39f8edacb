"""Drift: a changed line is seen, an unchanged one never is."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.core.config import WatchConfig
from edge.core.errors import DataError
from edge.core.types import Detections, Frame
from edge.watch import Baseline, DriftVerdict, DriftWatch
from edge.watch.drift import jensen_shannon

SETTINGS = WatchConfig()
CLASSES = 3


class Line:
    """A line of one light, with one to three boxes a frame; seeded."""

    def __init__(self, seed: int, luma: float = 120.0, score: float = 0.8) -> None:
        self.luma, self.score = luma, score
        self.mix = [0.6, 0.3, 0.1]
        self._rng = np.random.default_rng(seed)

    def frame(self) -> tuple[float, Detections]:
        count = int(self._rng.integers(1, 4))
        found = Detections(
            np.zeros((count, 4), np.float32),
            np.clip(self._rng.normal(self.score, 0.1, count), 0.25, 1).astype(np.float32),
            self._rng.choice(CLASSES, count, p=self.mix).astype(np.int32),
        )
        return float(np.clip(self._rng.normal(self.luma, 6.0), 0, 255)), found

    def baseline(self, frames: int = 300) -> Baseline:
        shown = [self.frame() for _ in range(frames)]
        return Baseline.of([luma for luma, _ in shown], [found for _, found in shown], CLASSES)


def watched(watch: DriftWatch, line: Line, frames: int) -> DriftVerdict:
    for _ in range(frames):
        verdict = watch.add_measured(*line.frame())
    return verdict


@pytest.mark.parametrize("seed", range(10))
def test_an_unchanged_line_never_drifts(seed: int) -> None:
    line = Line(seed)
    watch = DriftWatch(SETTINGS, CLASSES, line.baseline())
    for _ in range(2000):
        assert watch.add_measured(*line.frame()).drifted == ()


@pytest.mark.parametrize(
    ("change", "drifted"),
    [
        (lambda line: setattr(line, "luma", 95.0), "brightness"),
        (lambda line: setattr(line, "luma", 145.0), "brightness"),
        (lambda line: setattr(line, "score", 0.6), "scores"),
        (lambda line: setattr(line, "mix", [0.1, 0.3, 0.6]), "classes"),
    ],
    ids=["a lamp fails", "sun falls in", "scores sink", "another product"],
)
def test_a_changed_line_drifts_and_it_is_named(change: object, drifted: str) -> None:
    line = Line(0)
    watch = DriftWatch(SETTINGS, CLASSES, line.baseline())
    assert watched(watch, line, 400).drifted == ()
    assert callable(change)
    change(line)
    verdict = watched(watch, line, 400)
    assert verdict.drifted == (drifted,)
    assert f"{drifted} by 0." in verdict.reason
    assert "edge recalibrate" in verdict.reason


def test_a_line_that_is_itself_again_has_not_drifted() -> None:
    line = Line(0)
    watch = DriftWatch(SETTINGS, CLASSES, line.baseline())
    line.luma = 60.0
    assert watched(watch, line, 400).drifted == ("brightness",)
    line.luma = 120.0
    assert watched(watch, line, 400).drifted == ()


def test_around_the_limit_a_warning_begins_above_it_and_ends_well_below() -> None:
    baseline = Baseline(brightness=(0.0, 1.0, 0.0))  # all at a luma of 32
    watch = DriftWatch(WatchConfig(drift_samples=50, drift=0.3), CLASSES, baseline)
    limits = []
    for luma in [*np.linspace(32, 64, 200), *np.linspace(64, 32, 200)]:
        for _ in range(50):
            verdict = watch.add_measured(float(luma), Detections.none())
        limits.append((bool(verdict.drifted), verdict.distances["brightness"] or 0.0))
    began = next(distance for drifted, distance in limits[:200] if drifted)
    ended = next(distance for drifted, distance in limits[200:] if not drifted)
    assert began == pytest.approx(0.3, abs=0.01)
    assert ended == pytest.approx(0.24, abs=0.01)


def test_few_samples_are_no_evidence() -> None:
    line = Line(0)
    watch = DriftWatch(SETTINGS, CLASSES, line.baseline())
    line.luma = 10.0
    verdict = watched(watch, line, SETTINGS.drift_samples - 1)
    assert verdict.distances["brightness"] is None
    assert "brightness" not in verdict.drifted
    assert watched(watch, line, 1).drifted == ("brightness",)


def test_without_detections_only_the_brightness_is_known() -> None:
    line = Line(0)
    watch = DriftWatch(SETTINGS, CLASSES, line.baseline())
    for _ in range(400):
        verdict = watch.add_measured(line.frame()[0], Detections.none())
    assert verdict.reason == "no evidence yet of scores, classes: too few samples"


def test_without_a_baseline_the_first_samples_are_it() -> None:
    line = Line(0)
    watch = DriftWatch(SETTINGS, CLASSES)
    assert watch.baseline == Baseline()
    assert watched(watch, line, 1000).reason == "the line looks as its baseline does"
    line.luma = 60.0
    assert watched(watch, line, 400).drifted == ("brightness",)
    learned = watch.baseline
    assert Baseline.from_plain(json.loads(json.dumps(dataclasses.asdict(learned)))) == learned
    assert watched(DriftWatch(SETTINGS, CLASSES, learned), line, 400).drifted == ("brightness",)


def test_the_brightness_is_that_of_the_frame() -> None:
    frame = Frame(np.full((48, 64, 3), 64, np.uint8), 0, 0.0)
    watch = DriftWatch(WatchConfig(drift_samples=50), CLASSES)
    for _ in range(50):
        watch.add(frame, Detections.none())
    assert watch.baseline.brightness == (0, 0, 1, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("plain", [{}, {"brightness": 3, "scores": [], "classes": []}])
def test_what_is_no_baseline_is_refused(plain: dict[str, object]) -> None:
    with pytest.raises(DataError, match="no baseline"):
        Baseline.from_plain(plain)


shares = st.lists(st.floats(0, 1), min_size=2, max_size=8).filter(lambda s: sum(s) > 0.01)


def normalised(values: list[float]) -> NDArray[np.float64]:
    return np.array(values) / sum(values)


@given(shares, shares)
def test_the_distance_is_a_distance(one: list[float], other: list[float]) -> None:
    p, q = normalised(one), normalised(other)
    assert 0 <= jensen_shannon(p, q) <= 1
    assert jensen_shannon(p, q) == pytest.approx(jensen_shannon(q, p))
    assert jensen_shannon(p, p) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [([1.0, 0.0], [0.0, 1.0], 1.0), ([1.0], [0.0, 1.0], 1.0), ([1.0, 0.0], [0.5, 0.5], 0.5579)],
    ids=["nothing in common", "a class that is new", "half in common"],
)
def test_the_distance_has_its_known_values(
    one: list[float], other: list[float], distance: float
) -> None:
    assert jensen_shannon(np.array(one), np.array(other)) == pytest.approx(distance, abs=1e-4)
