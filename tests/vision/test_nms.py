from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.vision.nms import area, iou, keep_best

Floats = NDArray[np.float32]


def the_slow_way(
    boxes: Floats, scores: Floats, class_ids: NDArray[np.int32], threshold: float
) -> list[int]:
    """Greedy suppression as the textbook has it, one pair at a time."""
    kept: list[int] = []
    for index in sorted(range(len(scores)), key=lambda i: -scores[i]):
        rivals = (k for k in kept if class_ids[k] == class_ids[index])
        if all(slow_iou(boxes[index], boxes[k]) <= np.float32(threshold) for k in rivals):
            kept.append(index)
    return kept


def slow_iou(a: Floats, b: Floats) -> float:
    def extent(box: list[float]) -> float:
        return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])

    shared = [max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])]
    overlap = extent([float(side) for side in shared])
    union = extent([float(side) for side in a]) + extent([float(side) for side in b]) - overlap
    return float(np.float32(overlap / union)) if union > 0 else 0.0


# Small whole numbers: overlaps and ties are common, and their areas are exact in float32.
A_BOX = st.tuples(*[st.integers(-3, 12)] * 4)
SOME_BOXES = st.lists(st.tuples(A_BOX, st.integers(0, 5), st.integers(0, 2)), max_size=40)


def arrays(
    rows: list[tuple[tuple[int, ...], int, int]],
) -> tuple[Floats, Floats, NDArray[np.int32]]:
    boxes = np.array([row[0] for row in rows], np.float32).reshape(-1, 4)
    scores = np.array([row[1] / 5 for row in rows], np.float32)
    return boxes, scores, np.array([row[2] for row in rows], np.int32)


@settings(deadline=None)
@given(SOME_BOXES, st.sampled_from([0.0, 0.3, 0.45, 0.7, 1.0]))
def test_it_agrees_with_the_slow_way(
    rows: list[tuple[tuple[int, ...], int, int]], threshold: float
) -> None:
    boxes, scores, class_ids = arrays(rows)
    kept = keep_best(boxes, scores, class_ids, threshold, 1000)
    assert kept.tolist() == the_slow_way(boxes, scores, class_ids, threshold)


def test_it_agrees_with_the_slow_way_beyond_one_block() -> None:
    rng = np.random.default_rng(1)
    corners = rng.integers(0, 120, (900, 2))
    boxes = np.hstack([corners, corners + rng.integers(1, 30, (900, 2))]).astype(np.float32)
    scores = (rng.integers(0, 50, 900) / 50).astype(np.float32)
    class_ids = rng.integers(0, 3, 900).astype(np.int32)
    expected = the_slow_way(boxes, scores, class_ids, 0.3)
    assert keep_best(boxes, scores, class_ids, 0.3, 1000).tolist() == expected
    assert keep_best(boxes, scores, class_ids, 0.3, 50).tolist() == expected[:50]


ONE = [[0, 0, 10, 10]]
TWICE = [[0, 0, 10, 10], [0, 0, 10, 9]]


@pytest.mark.parametrize(
    ("boxes", "scores", "class_ids", "kept"),
    [
        pytest.param([], [], [], [], id="nothing"),
        pytest.param(ONE, [0.5], [0], [0], id="one box"),
        pytest.param(TWICE, [0.8, 0.9], [0, 0], [1], id="the better of two"),
        pytest.param(TWICE, [0.8, 0.9], [0, 1], [1, 0], id="classes never suppress each other"),
        pytest.param(ONE * 3, [0.5] * 3, [2] * 3, [0], id="all equal: the first"),
        pytest.param([[5, 5, 5, 5]] * 2, [0.9, 0.8], [0, 0], [0, 1], id="points overlap nothing"),
        pytest.param([[9, 9, 1, 1]] * 2, [0.9, 0.8], [0, 0], [0, 1], id="nor boxes inside out"),
    ],
)
def test_which_boxes_survive(
    boxes: list[list[float]], scores: list[float], class_ids: list[int], kept: list[int]
) -> None:
    result = keep_best(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(class_ids, np.int32),
        0.5,
        300,
    )
    assert result.tolist() == kept


def test_a_picture_full_of_boxes_is_capped_at_the_best() -> None:
    corners = np.arange(8400, dtype=np.float32)[:, None] * 20
    boxes = np.hstack([corners, corners, corners + 10, corners + 10])
    scores = np.linspace(0.1, 1, 8400, dtype=np.float32)
    kept = keep_best(boxes, scores, np.zeros(8400, np.int32), 0.45, 300)
    assert kept.tolist() == list(range(8399, 8099, -1))


@settings(deadline=None)
@given(st.lists(A_BOX, max_size=8), st.lists(A_BOX, max_size=8))
def test_iou_of_all_pairs_agrees_with_one_pair_at_a_time(
    first: list[tuple[int, ...]], second: list[tuple[int, ...]]
) -> None:
    boxes = np.array(first, np.float32).reshape(-1, 4)
    others = np.array(second, np.float32).reshape(-1, 4)
    expected = [[slow_iou(a, b) for b in others] for a in boxes]
    result = iou(boxes, others)
    assert result.shape == (len(boxes), len(others))
    np.testing.assert_allclose(result, np.reshape(expected, result.shape), rtol=1e-6)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        pytest.param([3, 3, 3, 9], 0, id="a line"),
        pytest.param([9, 9, 3, 3], 0, id="inside out"),
        pytest.param([0, 0, 4, 5], 20, id="a box"),
        pytest.param([-(2.0**19), 0, 2.0**19, 2.0**20], 2.0**40, id="huge"),
    ],
)
def test_area(box: list[float], expected: float) -> None:
    assert area(np.array([box], np.float32)).tolist() == [expected]
