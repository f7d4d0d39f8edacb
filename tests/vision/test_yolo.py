from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.core.errors import DataError
from edge.vision.nms import area
from edge.vision.yolo import corners_from_centres, decode


def a_head(anchors: int = 50, classes: int = 3) -> NDArray[np.float32]:
    """Boxes of 10 x 20 around (100, 100), every score 0."""
    head = np.zeros((4 + classes, anchors), np.float32)
    head[:4] = np.array([100, 100, 10, 20], np.float32)[:, None]
    return head


@pytest.mark.parametrize(
    ("scores", "found"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({(0, 7): 0.249}, [], id="below the threshold"),
        pytest.param({(0, 7): 0.25}, [(0, 0.25)], id="on the threshold"),
        pytest.param({(2, 7): 0.9}, [(2, 0.9)], id="one box"),
        pytest.param({(1, 7): 0.5, (2, 7): 0.6}, [(2, 0.6)], id="best class of an anchor"),
        pytest.param({(0, 3): 0.5, (1, 9): 0.6}, [(0, 0.5), (1, 0.6)], id="two anchors"),
    ],
)
def test_anchors_above_the_threshold_are_found(
    scores: dict[tuple[int, int], float], found: list[tuple[int, float]]
) -> None:
    head = a_head()
    for (class_id, anchor), score in scores.items():
        head[4 + class_id, anchor] = score
    candidates = decode(head, 0.25)
    result = zip(candidates.class_ids.tolist(), candidates.scores, strict=True)
    assert list(result) == [(class_id, np.float32(score)) for class_id, score in found]
    assert candidates.boxes.tolist() == [[95, 90, 105, 110]] * len(found)
    assert candidates.boxes.dtype == np.float32
    assert candidates.class_ids.dtype == np.int32


def test_a_head_in_which_everything_passes_is_read_whole() -> None:
    head = a_head(8400)
    head[4:] = 1
    assert len(decode(head, 0.25).scores) == 8400


def test_a_head_without_anchors_holds_nothing() -> None:
    assert len(decode(a_head(0), 0.25).scores) == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 3, 4, 6], ids=["cx", "h", "first class", "last class"])
def test_a_head_that_is_not_finite_is_never_no_detections(row: int, value: float) -> None:
    head = a_head()
    head[row, 13] = value
    with pytest.raises(DataError, match=r"holds 1 values that are NaN or infinite \(of 350\)"):
        decode(head, 0.25)


def test_scores_above_one_are_no_scores() -> None:
    head = a_head()
    head[4, 0] = 3.5
    with pytest.raises(DataError, match=r"class score of 3\.5, above 1"):
        decode(head, 0.25)


def test_absurd_boxes_have_finite_areas() -> None:
    boxes = corners_from_centres(np.array([[1e38, -1e38, 3e38, 3e38], [0, 0, 1e38, 1]], np.float32))
    assert np.isfinite(area(boxes)).all()
