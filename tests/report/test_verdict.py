from __future__ import annotations

import pytest

from edge.core.build import BuildReport, Interval, Precision, Rung, Score
from edge.report.verdict import beyond_limit, closest_rung, map_change, verdict
from tests.report.builds import BAD, GOOD, agreement, build, rung

GOOD_INT8 = rung("int8 minmax")
BAD_INT8 = rung("int8 entropy", BAD, passed=False)
NEAR_INT8 = rung("int8 mse", (0.98, 0.94, 0.6), passed=False)
THIN_INT8 = rung("int8 minmax", passed=False, unproven=True, reason="unproven: 31 boxes of 50")
NOT_MADE = Rung("int8 mse", Precision.INT8, None, False, "could not be made: disk full")
MIXED, FP16 = rung("mixed minmax -model.22"), rung("fp16")
ACCEPTED = rung("int8 minmax", unproven=True, reason="accepted though unproven: 31 boxes")


@pytest.mark.parametrize(
    ("report", "tone", "badge", "headline"),
    [
        pytest.param(
            build(GOOD_INT8, published="int8 minmax"),
            "good",
            "Published",
            "INT8 is published",
            id="INT8",
        ),
        pytest.param(
            build(BAD_INT8, MIXED, published=MIXED.candidate),
            "good",
            "Published",
            "Mixed precision is published",
            id="mixed",
        ),
        pytest.param(
            build(BAD_INT8, FP16, published="fp16"),
            "warn",
            "Fallback",
            "FP16 is published, not INT8",
            id="FP16 after INT8 failed",
        ),
        pytest.param(
            build(FP16, published="fp16"),
            "good",
            "Published",
            "FP16 is published, as asked",
            id="FP16 asked for",
        ),
        pytest.param(
            build(THIN_INT8, FP16, published="fp16"),
            "warn",
            "Unproven",
            "FP16 is published; INT8 is unproven",
            id="FP16, INT8 unproven",
        ),
        pytest.param(
            build(ACCEPTED, published="int8 minmax"),
            "warn",
            "Unproven",
            "INT8 is published, but unproven",
            id="unproven, accepted by hand",
        ),
        pytest.param(
            build(BAD_INT8), "bad", "Refused", "Nothing is published", id="everything failed"
        ),
        pytest.param(
            build(THIN_INT8),
            "bad",
            "Unproven",
            "Nothing is published: INT8 is unproven",
            id="nothing, INT8 unproven",
        ),
        pytest.param(build(), "bad", "Refused", "Nothing is published", id="an empty ladder"),
    ],
)
def test_the_headline_says_what_is_published(
    report: BuildReport, tone: str, badge: str, headline: str
) -> None:
    said = verdict(report)
    assert (said.tone, said.badge, said.headline) == (tone, badge, headline)
    assert said.why
    assert said.next_steps


def test_the_numbers_stand_with_their_intervals() -> None:
    why = " ".join(verdict(build(GOOD_INT8, published="int8 minmax")).why)
    assert "412 boxes on 40 held-out images" in why
    assert "F1 0.991 at IoU 0.50 (95 %: 0.987 to 0.995)" in why
    assert "0.984 at IoU 0.85 (95 %: 0.976 to 0.992)" in why
    assert "mAP50-95 is 0.600, where FP32 has 0.602: \N{MINUS SIGN}0.2 points" in why


def test_without_labels_it_says_that_there_is_no_map() -> None:
    score = Score(None, None, agreement(0.99, 0.98))
    unlabelled = build(
        rung("int8 minmax", score=score),
        published="int8 minmax",
        reference=Score(None, None, None),
    )
    assert "no labels, so there is no mAP" in " ".join(verdict(unlabelled).why)


def test_an_interval_that_reaches_below_the_limit_is_said() -> None:
    wide = agreement(*GOOD[:2], interval_85=Interval(0.93, 0.99))
    report = build(rung("int8 minmax", score=Score(0.6, 0.9, wide)), published="int8 minmax")
    assert "at IoU 0.85 the interval reaches below the limit" in " ".join(verdict(report).why)
    narrow = build(GOOD_INT8, published="int8 minmax")
    assert "reaches below" not in " ".join(verdict(narrow).why)


def test_when_nothing_passes_the_closest_is_named_with_its_reason() -> None:
    said = verdict(build(BAD_INT8, NEAR_INT8, NOT_MADE))
    assert said.subject == NEAR_INT8
    assert said.why[0] == (
        "Not one of 3 INT8 or mixed candidates passed. "
        "The closest is int8 mse: why int8 mse failed."
    )
    assert "still the current one" in said.why[1]


def test_when_nothing_could_be_made_the_cause_is_named() -> None:
    said = verdict(build(NOT_MADE))
    assert said.why[0].endswith("could be made. int8 mse: could not be made: disk full.")
    assert said.subject is None


def test_thin_evidence_asks_for_images_and_bad_numbers_for_calibration() -> None:
    assert "images that show defects" in verdict(build(THIN_INT8)).next_steps[0]
    steps = " ".join(verdict(build(BAD_INT8)).next_steps)
    assert "calibration images" in steps
    assert "--accept-unproven" not in steps


def test_thin_evidence_never_excuses_bad_numbers() -> None:
    both = rung("int8 entropy", BAD, passed=False, unproven=True)
    assert verdict(build(both)).headline == "Nothing is published"


@pytest.mark.parametrize(
    ("numbers", "beyond"),
    [
        pytest.param((0.975, 0.95, 0.5971), set(), id="at the limits"),
        pytest.param((0.9749, 0.95, 0.602), {"f1_50"}, id="not found"),
        pytest.param((0.99, 0.9499, 0.602), {"f1_85"}, id="not in place"),
        pytest.param((0.99, 0.98, 0.5969), {"map"}, id="mAP"),
        pytest.param(BAD, {"f1_50", "f1_85", "map"}, id="everything"),
    ],
)
def test_numbers_beyond_the_limits_are_known(
    numbers: tuple[float, float, float], beyond: set[str]
) -> None:
    assert beyond_limit(build(), rung("int8 minmax", numbers)) == beyond


def test_the_closest_candidate_is_the_one_whose_boxes_are_in_place() -> None:
    in_place, better_map = rung("int8 mse", (0.98, 0.94, 0.5)), rung("int8 minmax", (1, 0.9, 0.6))
    assert closest_rung(build(in_place, better_map, FP16)) == in_place
    thin = rung("int8 entropy", (0.98, 0.96, 0.6), passed=False, unproven=True)
    fell = rung("int8 minmax", (1, 1, 0.5), passed=False, unproven=True)
    assert closest_rung(build(thin, fell)) == thin  # no number speaks against it
    assert closest_rung(build(FP16, NOT_MADE)) is None


def test_a_published_candidate_outside_the_ladder_is_a_mistake_not_nothing() -> None:
    with pytest.raises(ValueError, match="'int8 mse' was published"):
        verdict(build(GOOD_INT8, published="int8 mse"))


def test_a_change_of_map_needs_both_numbers() -> None:
    assert map_change(build(), GOOD_INT8) == pytest.approx(-0.002)
    assert map_change(build(), NOT_MADE) is None
