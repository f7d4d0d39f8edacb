from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.types import Detections
from edge.vision.matching import match
from edge.vision.nms import iou

Row = tuple[tuple[int, int, int, int], int, int]

# Small whole numbers: equal overlaps and equal scores are common.
A_BOX = st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6), st.integers(0, 6)).map(
    lambda sides: (sides[0], sides[1], sides[0] + sides[2], sides[1] + sides[3])
)
SOME_ROWS = st.lists(st.tuples(A_BOX, st.integers(0, 4), st.integers(0, 2)), max_size=12)
A_THRESHOLD = st.sampled_from([0.01, 0.25, 0.5, 0.85, 1.0])


def detections(rows: list[Row]) -> Detections:
    return Detections(
        np.array([row[0] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[1] / 4 for row in rows], np.float32),
        np.array([row[2] for row in rows], np.int32),
    )


def the_slow_way(
    reference: Detections, candidate: Detections, threshold: float
) -> list[tuple[int, int]]:
    """One candidate at a time, one reference at a time, as the definition reads."""
    overlap = iou(reference.boxes, candidate.boxes)
    free, pairs = set(range(len(reference))), []
    for k in sorted(range(len(candidate)), key=lambda k: -float(candidate.scores[k])):
        fitting = [
            r
            for r in sorted(free)
            if reference.class_ids[r] == candidate.class_ids[k]
            and overlap[r, k] >= np.float32(threshold)
        ]
        if fitting:
            best = max(fitting, key=lambda r: float(overlap[r, k]))
            free.remove(best)
            pairs.append((best, k))
    return pairs


@given(SOME_ROWS, SOME_ROWS, A_THRESHOLD)
def test_it_agrees_with_the_slow_way(first: list[Row], second: list[Row], threshold: float) -> None:
    reference, candidate = detections(first), detections(second)
    found = match(reference, candidate, threshold)
    expected = the_slow_way(reference, candidate, threshold)
    assert [tuple(pair) for pair in found.pairs.tolist()] == expected
    overlap = iou(reference.boxes, candidate.boxes)
    assert found.ious.tolist() == [overlap[pair] for pair in expected]


@given(SOME_ROWS, A_THRESHOLD)
def test_a_set_matches_itself_perfectly(rows: list[Row], threshold: float) -> None:
    with_area = [row for row in rows if row[0][2] > row[0][0] and row[0][3] > row[0][1]]
    found = match(detections(with_area), detections(with_area), threshold)
    assert sorted(found.pairs[:, 0]) == sorted(found.pairs[:, 1]) == list(range(len(with_area)))
    assert found.ious.tolist() == [1.0] * len(with_area)


def box(left: int, right: int, score: int = 4, class_id: int = 0) -> Row:
    return ((left, 0, right, 10), score, class_id)


@pytest.mark.parametrize(
    ("reference", "candidate", "pairs"),
    [
        pytest.param([], [], [], id="nothing"),
        pytest.param([], [box(0, 10)], [], id="nothing to find"),
        pytest.param([box(0, 10)], [], [], id="nothing found"),
        pytest.param([box(0, 10)], [box(0, 10)], [[0, 0]], id="the same"),
        pytest.param([box(0, 10)], [box(0, 10, class_id=1)], [], id="another class"),
        pytest.param([box(0, 10)], [box(0, 4)], [], id="too little overlap"),
        pytest.param([box(0, 10)], [box(0, 5)], [[0, 0]], id="overlap exactly at the threshold"),
        pytest.param(
            [box(0, 10)], [box(0, 10, 2), box(0, 9, 3)], [[0, 1]], id="best score first, not IoU"
        ),
        pytest.param(
            [box(0, 9), box(0, 10)], [box(0, 10)], [[1, 0]], id="the larger overlap is taken"
        ),
        pytest.param(
            [box(0, 10), box(0, 9)],
            [box(0, 10, 3), box(0, 10, 2)],
            [[0, 0], [1, 1]],
            id="what is taken is taken: the second best",
        ),
        pytest.param([box(0, 10)], [box(0, 9), box(0, 10)], [[0, 0]], id="equal scores: earlier"),
        pytest.param([box(0, 8), box(2, 10)], [box(1, 9)], [[0, 0]], id="equal overlaps: earlier"),
        pytest.param([box(5, 5)], [box(5, 5)], [], id="boxes without area"),
    ],
)
def test_which_boxes_pair(
    reference: list[Row], candidate: list[Row], pairs: list[list[int]]
) -> None:
    found = match(detections(reference), detections(candidate), 0.5)
    assert found.pairs.tolist() == pairs
    assert found.pairs.shape == (len(found), 2)


@pytest.mark.parametrize("threshold", [0.0, -0.5, 1.01, float("nan")])
def test_a_threshold_that_any_two_boxes_reach_or_none_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="iou_threshold must be above 0"):
        match(Detections.none(), Detections.none(), threshold)
