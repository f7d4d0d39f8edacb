"""OK, NG, UNKNOWN: the arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.line import LineRules
from edge.core.types import Detections, Size, Verdict
from edge.vision.verdict import Judge, Regions

LABELS = ("scratch", "dent")
SIZE = Size(200, 100)
LEFT = {"name": "left", "polygon": ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))}
OK, NG, UNKNOWN = Verdict.OK, Verdict.NG, Verdict.UNKNOWN


def a_box(x: float, y: float, *, side: float = 10, score: float = 0.9, of: int = 0) -> Detections:
    """One box around x, y."""
    half = side / 2
    return Detections(
        np.array([[x - half, y - half, x + half, y + half]], np.float32),
        np.array([score], np.float32),
        np.array([of], np.int32),
    )


def judge(found: Detections, age_s: float = 0.1, **rules: Any) -> Verdict:
    return Judge(LineRules.model_validate(rules), LABELS)(found, SIZE, age_s)


@pytest.mark.parametrize(
    ("found", "rules", "verdict"),
    [
        (Detections.none(), {}, OK),
        (a_box(50, 50), {}, OK),
        (a_box(50, 50), {"classes": {"scratch": {}}}, NG),
        (a_box(50, 50), {"classes": {"scratch": {"ng": False}}}, OK),
        (a_box(50, 50), {"classes": {"dent": {}}}, OK),
        (a_box(50, 50, of=7), {"classes": {"scratch": {}, "dent": {}}}, OK),
        (a_box(50, 50, score=0.5), {"classes": {"scratch": {"min_score": 0.5}}}, NG),
        (a_box(50, 50, score=0.49), {"classes": {"scratch": {"min_score": 0.5}}}, OK),
        (a_box(50, 50), {"classes": {"scratch": {"min_width_px": 10.0}}}, NG),
        (a_box(50, 50), {"classes": {"scratch": {"min_width_px": 11.0}}}, OK),
        (a_box(50, 50), {"classes": {"scratch": {"min_height_px": 11.0}}}, OK),
        (a_box(99, 50), {"classes": {"scratch": {}}, "regions": (LEFT,)}, NG),
        (a_box(101, 50), {"classes": {"scratch": {}}, "regions": (LEFT,)}, OK),
        (a_box(104, 50, side=20), {"classes": {"scratch": {}}, "regions": (LEFT,)}, OK),
    ],
    ids=[
        "nothing found",
        "no class listed",
        "listed",
        "listed as harmless",
        "another class",
        "a class without a name",
        "just sure enough",
        "not sure enough",
        "just wide enough",
        "too narrow",
        "too low",
        "centre inside",
        "centre outside",
        "edge inside, centre outside",
    ],
)
def test_a_frame_is_ng_when_a_listed_class_is_large_and_sure_enough_inside_a_region(
    found: Detections, rules: dict[str, Any], verdict: Verdict
) -> None:
    assert judge(found, **rules) is verdict


@pytest.mark.parametrize(
    ("age_s", "verdict"), [(0.2, NG), (0.201, UNKNOWN)], ids=["in time", "late"]
)
def test_a_late_result_is_unknown_whatever_was_found(age_s: float, verdict: Verdict) -> None:
    assert judge(a_box(5, 5), age_s, classes={"scratch": {}}, max_age_ms=200.0) is verdict


def test_a_rule_for_a_class_that_the_model_does_not_find_makes_every_frame_unknown() -> None:
    rules = LineRules.model_validate({"classes": {"crack": {}, "stain": {"ng": False}}})
    strict = Judge(rules, LABELS)
    assert strict.unknown == ("crack",)
    assert strict(Detections.none(), SIZE, 0.0) is UNKNOWN
    assert Judge(rules, ())(a_box(5, 5), SIZE, 0.0) is UNKNOWN


def test_a_model_without_classes_finds_nothing_that_counts() -> None:
    assert Judge(LineRules(), ())(a_box(5, 5), SIZE, 0.0) is OK


cells = st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(1, 8), st.integers(1, 8))


@given(cells, st.lists(st.tuples(st.integers(0, 16), st.integers(0, 16)), min_size=1))
def test_a_rectangle_holds_just_the_points_between_its_sides(
    cell: tuple[int, int, int, int], halves: list[tuple[int, int]]
) -> None:
    left, top, width, height = cell
    right, bottom = left + width, top + height
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)
    points = np.array(halves, np.float32) + np.float32(0.5)
    x, y = points.T
    expected = (x > left) & (x < right) & (y > top) & (y < bottom)
    for polygon in (corners, corners[::-1], np.roll(corners, 1, axis=0)):
        assert np.array_equal(Regions([polygon]).hold(points), expected)


unit = st.floats(0, 1, width=32)


@given(st.lists(st.tuples(unit, unit), min_size=1), unit, unit)
def test_two_regions_that_share_a_side_split_their_points_without_gap_or_overlap(
    points: list[tuple[float, float]], above: float, below: float
) -> None:
    at = np.array([*points, (above, 0.5), ((above + below) / 2, 0.5)], np.float32)
    whole = np.array([(-1, -1), (2, -1), (2, 2), (-1, 2)], np.float32)
    left = np.array([(-1, -1), (above, -1), (below, 2), (-1, 2)], np.float32)
    right = np.array([(above, -1), (2, -1), (2, 2), (below, 2)], np.float32)
    in_left, in_right = Regions([left]).hold(at), Regions([right]).hold(at)
    assert np.array_equal(in_left ^ in_right, Regions([whole]).hold(at))
    assert not (in_left & in_right).any()
    assert np.array_equal(in_left | in_right, Regions([left, right]).hold(at))


def test_of_several_regions_any_will_do_and_each_has_its_own_corners() -> None:
    triangle = np.array([(0, 0), (1, 0), (0, 1)], np.float32)
    shapes = [triangle, triangle + 2, np.array([(5, 5), (6, 5), (6, 6), (5, 6)], np.float32)]
    points = np.array([(0.2, 0.2), (0.9, 0.9), (2.2, 2.2), (5.5, 5.5), (4, 4)], np.float32)
    assert Regions(shapes).hold(points).tolist() == [True, False, True, True, False]


def test_no_points_lie_in_no_polygon() -> None:
    triangle = np.array([(0, 0), (1, 0), (0, 1)], np.float32)
    assert Regions([triangle]).hold(np.zeros((0, 2), np.float32)).shape == (0,)
