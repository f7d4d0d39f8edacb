"""A new bundle's trial: failed soon, confirmed by evidence only."""

from __future__ import annotations

import pytest

from edge.core.config import WatchConfig
from edge.core.types import Detections
from edge.watch import Outcome, Trial
from tests.watch.parts import BESIDE, ELSEWHERE, NOTHING, boxes

DEFAULTS = WatchConfig()


def frames_until_decided(engine: Detections, fallback: Detections) -> tuple[int, Outcome]:
    trial = Trial(DEFAULTS)
    for frames in range(1, 1000):
        outcome = trial.add(engine, fallback).outcome
        if outcome is not Outcome.PENDING:
            return frames, outcome
    return frames, Outcome.PENDING


@pytest.mark.parametrize(
    ("engine", "fallback", "expected"),
    [
        (NOTHING, NOTHING, (999, Outcome.PENDING)),
        (boxes(1), boxes(1), (50, Outcome.CONFIRMED)),
        (boxes(30), boxes(30), (10, Outcome.CONFIRMED)),
        (NOTHING, boxes(1), (5, Outcome.FAILED)),
        (boxes(1), NOTHING, (5, Outcome.FAILED)),
        (boxes(1, shift=BESIDE), boxes(1), (5, Outcome.FAILED)),
        (boxes(1, shift=ELSEWHERE), boxes(1), (5, Outcome.FAILED)),
        (boxes(3), boxes(4), (5, Outcome.FAILED)),
    ],
    ids=[
        "silence decides nothing",
        "same",
        "same on crowded frames",
        "finds nothing",
        "invents",
        "not in place",
        "elsewhere",
        "misses one in four",
    ],
)
def test_a_trial_is_decided_by_boxes(
    engine: Detections, fallback: Detections, expected: tuple[int, Outcome]
) -> None:
    assert frames_until_decided(engine, fallback) == expected


def test_a_decision_is_final_and_says_why() -> None:
    trial = Trial(DEFAULTS)
    assert trial.verdict().reason == "on trial: 0 boxes in 0 frames (of 100 in 10)"
    for _ in range(5):
        failed = trial.add(NOTHING, boxes(1))
    for _ in range(100):
        assert trial.add(boxes(5), boxes(5)) == failed
    assert failed.reason.startswith("agreement with the fallback engine at IoU 0.50 is 0.000")


def test_a_rare_odd_frame_does_not_fail_a_trial() -> None:
    trial = Trial(DEFAULTS)
    trial.add(NOTHING, boxes(1))
    for _ in range(50):
        verdict = trial.add(boxes(1), boxes(1))
    assert verdict.outcome is Outcome.CONFIRMED
    assert verdict.f1_50 == pytest.approx(100 / 101, abs=0.01)
