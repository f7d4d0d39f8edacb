"""The running engine against the fallback engine: what is a breach, and what never is."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.config import WatchConfig
from edge.core.types import Detections
from edge.watch import AccuracyWatch, Standing
from edge.watch.accuracy import Turns
from edge.watch.comparison import Comparison, compare, shortfall, upper_end
from tests.watch.parts import BESIDE, ELSEWHERE, NOTHING, boxes

DEFAULTS = WatchConfig()
FOUND = [boxes(count) for count in range(4)]


def fed(watch: AccuracyWatch, engine: Detections, fallback: Detections, frames: int) -> Standing:
    """Show it so many equal frames, five seconds apart; its last standing."""
    for _ in range(frames):
        standing = watch.add(watch.compared * 5.0, engine, fallback).standing
    return standing


@pytest.mark.parametrize(
    ("engine", "fallback", "expected"),
    [
        (NOTHING, NOTHING, Comparison(0, 0, 0, 0)),
        (boxes(2), boxes(2), Comparison(4, 2, 2, 1)),
        (NOTHING, boxes(3), Comparison(3, 0, 0, 1)),
        (boxes(3), NOTHING, Comparison(3, 0, 0, 1)),
        (boxes(2, shift=BESIDE), boxes(2), Comparison(4, 2, 0, 1)),
        (boxes(2, shift=ELSEWHERE), boxes(2), Comparison(4, 0, 0, 1)),
        (boxes(2, class_id=1), boxes(2), Comparison(4, 0, 0, 1)),
    ],
    ids=["silence", "same", "missed", "invented", "moved a little", "moved away", "renamed"],
)
def test_a_comparison_counts_boxes_and_pairs(
    engine: Detections, fallback: Detections, expected: Comparison
) -> None:
    assert compare(engine, fallback) == expected


@pytest.mark.parametrize(
    ("share", "count", "expected"),
    [(0.0, 1, 0.9), (1.0, 5, 1.0), (0.5, 9, 0.8535534)],
    ids=["one miss", "all found", "half of nine"],
)
def test_the_interval_is_wilsons(share: float, count: float, expected: float) -> None:
    assert upper_end(share, count) == pytest.approx(expected)


def test_silence_is_no_evidence_however_long() -> None:
    watch = AccuracyWatch(DEFAULTS, now=0.0)
    assert fed(watch, NOTHING, NOTHING, 1000) is Standing.NO_EVIDENCE
    verdict = watch.verdict(5000.0)
    assert (verdict.f1_50, verdict.boxes, verdict.since) == (None, 0, 0.0)
    assert verdict.reason.startswith("no evidence: 0 boxes in 0 frames within 3600 s")


def test_all_is_well_only_with_enough_boxes() -> None:
    watch = AccuracyWatch(DEFAULTS, now=0.0)
    assert fed(watch, boxes(1), boxes(1), 49) is Standing.NO_EVIDENCE
    assert fed(watch, boxes(1), boxes(1), 1) is Standing.OK
    verdict = watch.verdict(250.0)
    assert verdict.reason == (
        "agreement with the fallback engine 1.000 / 1.000 over 100 boxes in 50 frames"
    )
    assert verdict.since == 245.0


@pytest.mark.parametrize(
    ("engine", "frames"),
    [
        (NOTHING, 5),
        (boxes(1, shift=ELSEWHERE), 5),
        (boxes(1, class_id=1), 5),
        (boxes(1, shift=BESIDE), 5),
    ],
    ids=["finds nothing", "elsewhere", "another class", "not in place"],
)
def test_an_engine_that_collapsed_before_it_began_is_seen_in_five_frames(
    engine: Detections, frames: int
) -> None:
    watch = AccuracyWatch(DEFAULTS, now=0.0)
    assert fed(watch, engine, boxes(1), frames - 1) is Standing.NO_EVIDENCE
    assert fed(watch, engine, boxes(1), 1) is Standing.BREACH


def test_an_engine_that_invents_boxes_on_an_empty_belt_is_seen() -> None:
    watch = AccuracyWatch(DEFAULTS, now=0.0)
    assert fed(watch, boxes(1), NOTHING, 5) is Standing.BREACH


def test_a_collapse_after_weeks_of_agreement_is_seen_soon() -> None:
    watch = AccuracyWatch(DEFAULTS, now=0.0)
    assert fed(watch, boxes(2), boxes(2), 10_000) is Standing.OK
    assert fed(watch, NOTHING, boxes(2), 12) is Standing.BREACH
    verdict = watch.verdict(0.0)
    assert "agreement with the fallback engine at IoU 0.50 is 0." in verdict.reason
    assert "(owed: 0.975)" in verdict.reason
    assert verdict.reason.endswith("Recalibrate: edge recalibrate")
    assert (verdict.f1_50, verdict.boxes) == (None, 0)  # what counts for coming back begins here


def test_one_odd_frame_proves_nothing() -> None:
    watch = AccuracyWatch(DEFAULTS, now=0.0)
    assert fed(watch, NOTHING, boxes(300), 1) is Standing.NO_EVIDENCE


def test_old_evidence_ages_away() -> None:
    watch = AccuracyWatch(DEFAULTS, now=0.0)
    fed(watch, boxes(1), boxes(1), 100)
    assert watch.verdict(500.0).standing is Standing.OK
    assert watch.verdict(500.0 + DEFAULTS.window_s).standing is Standing.NO_EVIDENCE


def test_the_window_holds_the_newest_boxes_only() -> None:
    watch = AccuracyWatch(DEFAULTS, now=0.0)
    fed(watch, boxes(7), boxes(7), 1000)
    assert 400 <= watch.verdict(5000.0).boxes < 400 + 14


@pytest.mark.parametrize("seed", range(3))
def test_an_engine_that_keeps_what_it_owes_is_left_alone(seed: int) -> None:
    """Eight hours of comparisons with just the agreement that the gate asks for, by chance."""
    chance = random.Random(seed)
    recall = DEFAULTS.f1_50 / (2 - DEFAULTS.f1_50)  # F1 = 2 r / (1 + r) where nothing is invented
    watch = AccuracyWatch(DEFAULTS, now=0.0)
    for frame in range(5_760):
        found = sum(chance.random() < recall for _ in range(2))
        verdict = watch.add(frame * 5.0, FOUND[found], FOUND[2])
        assert verdict.standing is not Standing.BREACH, verdict.reason


@pytest.mark.parametrize("seed", range(5))
def test_slow_decay_ends_in_a_breach(seed: int) -> None:
    chance = random.Random(seed)
    watch = AccuracyWatch(DEFAULTS, now=0.0)
    for frame in range(4000):
        found = sum(chance.random() < 1.0 - frame / 20_000 for _ in range(2))
        if watch.add(frame * 5.0, FOUND[found], FOUND[2]).standing is Standing.BREACH:
            break
    assert 200 < frame < 2400  # before one box in eight is lost


def test_a_breach_stays_until_there_is_another_watch() -> None:
    watch = AccuracyWatch(DEFAULTS, now=0.0)
    fed(watch, NOTHING, boxes(1), 5)
    assert fed(watch, boxes(5), boxes(5), 2000) is Standing.BREACH
    verdict = watch.verdict(20_000.0)
    assert verdict.since == 20.0
    assert "is 0.000 over 5 boxes in 5 frames" in verdict.reason  # what it was for


def test_it_comes_back_where_that_is_wanted_after_the_dwell_time_by_new_evidence_once() -> None:
    watch = AccuracyWatch(WatchConfig(come_back=True), now=0.0)
    fed(watch, NOTHING, boxes(1), 5)  # breach at 20 s
    assert fed(watch, boxes(5), boxes(5), 119) is Standing.BREACH  # at 615 s
    assert fed(watch, boxes(5), boxes(5), 1) is Standing.OK  # at 620 s
    assert fed(watch, NOTHING, boxes(5), 20) is Standing.BREACH
    assert fed(watch, boxes(5), boxes(5), 1000) is Standing.BREACH


def test_without_evidence_it_does_not_come_back() -> None:
    watch = AccuracyWatch(WatchConfig(come_back=True), now=0.0)
    fed(watch, NOTHING, boxes(1), 5)
    assert fed(watch, NOTHING, NOTHING, 1000) is Standing.BREACH


@settings(max_examples=40)
@given(
    keeps=st.lists(st.floats(0.85, 1.0), min_size=10, max_size=40),
    come_back=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_noise_around_the_limit_never_makes_it_flap(
    keeps: list[float], come_back: bool, seed: int
) -> None:
    chance = random.Random(seed)
    nervous = WatchConfig(come_back=come_back, dwell_s=200.0, window_boxes=100, least_boxes=40)
    watch = AccuracyWatch(nervous, now=0.0)
    switches = [(0.0, False)]
    for index in range(len(keeps) * 20):
        found = sum(chance.random() < keeps[index // 20] for _ in range(3))
        now = index * 5.0
        fallback = watch.add(now, FOUND[found], FOUND[3]).standing is Standing.BREACH
        if fallback != switches[-1][1]:
            switches.append((now, fallback))
    breaches = [at for at, fallback in switches if fallback]
    returns = [at for at, fallback in switches[1:] if not fallback]
    assert len(returns) <= come_back
    assert all(back - breaches[0] >= nervous.dwell_s for back in returns)
    assert all(later - first >= nervous.dwell_s for first, later in pairwise(breaches))


@given(boxes_seen=st.integers(1, 10_000), data=st.data())
def test_more_disagreement_never_looks_better(boxes_seen: int, data: st.DataObject) -> None:
    pairs = data.draw(st.integers(0, boxes_seen // 2))
    fewer = data.draw(st.integers(0, pairs))
    seen = Comparison(boxes_seen, pairs, pairs, 10)
    worse = Comparison(boxes_seen, fewer, fewer, 10)
    assert bool(shortfall(worse, DEFAULTS)) >= bool(shortfall(seen, DEFAULTS))


def test_cameras_are_compared_in_turn_at_the_configured_pace() -> None:
    turns = Turns(5.0)
    taken = [
        camera
        for tick in range(36_000)  # an hour at ten frames a second of each camera
        for camera in ("a", "b", "c")
        if turns.due(tick / 10, camera)
    ]
    assert len(taken) == pytest.approx(720, rel=0.03)
    assert [taken.count(name) for name in "abc"] == pytest.approx([len(taken) / 3] * 3, abs=1)


def test_a_lost_camera_holds_up_no_other() -> None:
    turns = Turns(5.0)
    for tick in range(200):
        for camera in ("a", "b"):
            turns.due(tick / 10, camera)
    taken = [tick for tick in range(200, 600) if turns.due(tick / 10, "a")]
    assert len(taken) >= 6


def test_the_pace_falls_into_step_with_no_belt() -> None:
    """A part passes every 5 s, seen for 1 s: one frame in five must show it, not none or all."""
    turns = Turns(5.0)
    taken = [tick / 10 for tick in range(36_000) if turns.due(tick / 10, "a")]
    shown = sum(at % 5.0 < 1.0 for at in taken)
    assert 0.1 < shown / len(taken) < 0.3
