from __future__ import annotations

import numpy as np
import pytest

from edge.core.types import Detections
from edge.report.differences import differences, score_pairs, worst_images
from tests.report.builds import found

BOX, OTHER = [100.0, 100, 200, 200], [300.0, 100, 400, 200]
NUDGED = [104.0, 100, 204, 200]  # IoU 0.92
MOVED = [120.0, 100, 220, 200]  # IoU 0.67
GONE = [160.0, 100, 260, 200]  # IoU 0.25
EXPECTED = found((0, BOX, 0.9), (1, OTHER, 0.8))


@pytest.mark.parametrize(
    ("candidate", "agreed", "moved", "missed", "extra"),
    [
        pytest.param(EXPECTED, [[0, 0], [1, 1]], [], [], [], id="the same"),
        pytest.param(found((0, NUDGED, 0.9)), [[0, 0]], [], [1], [], id="nudged and one missed"),
        pytest.param(found((1, OTHER, 0.8)), [[1, 0]], [], [0], [], id="the first missed"),
        pytest.param(
            found((0, GONE, 0.9), (0, BOX, 0.8)), [[0, 1]], [], [1], [0], id="one more before"
        ),
        pytest.param(found((0, MOVED, 0.9)), [], [[0, 0]], [1], [], id="moved"),
        pytest.param(found((0, GONE, 0.9)), [], [], [0, 1], [0], id="somewhere else"),
        pytest.param(found((1, BOX, 0.9)), [], [], [0, 1], [0], id="of another class"),
        pytest.param(Detections.none(), [], [], [0, 1], [], id="nothing found"),
    ],
)
def test_boxes_are_sorted_by_what_became_of_them(
    candidate: Detections,
    agreed: list[list[int]],
    moved: list[list[int]],
    missed: list[int],
    extra: list[int],
) -> None:
    difference = differences(EXPECTED, candidate)
    assert sorted(difference.agreed.tolist()) == agreed
    assert difference.moved.tolist() == moved
    assert difference.missed.tolist() == missed
    assert difference.extra.tolist() == extra


def test_the_worst_images_come_first_and_those_that_agree_not_at_all() -> None:
    reference = dict.fromkeys("abcd", EXPECTED)
    candidate = {
        "a": found((0, MOVED, 0.9), (1, OTHER, 0.8)),
        "b": EXPECTED,
        "c": Detections.none(),
        "d": found((0, BOX, 0.9)),
    }
    assert worst_images(reference, candidate, 8) == ["c", "d", "a"]
    assert worst_images(reference, candidate, 1) == ["c"]


def test_scores_are_paired_where_both_found_the_box() -> None:
    candidate = {"a": found((1, OTHER, 0.95), (0, MOVED, 0.5)), "b": Detections.none()}
    pairs = score_pairs("int8", {"a": EXPECTED, "b": EXPECTED}, candidate)
    assert dict(zip(np.round(pairs.reference, 3), np.round(pairs.scores, 3), strict=True)) == {
        0.8: 0.95,
        0.9: 0.5,
    }
