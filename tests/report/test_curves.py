from __future__ import annotations

import numpy as np
import pytest

from edge.core.types import Detections
from edge.report.curves import precision_recall
from edge.report.labels import Truth
from edge.report.map import mean_average_precision
from tests.report.builds import LABELS, found

HERE, THERE, ELSEWHERE = [10.0, 10, 50, 50], [100.0, 10, 150, 60], [200.0, 100, 260, 140]


def truth(*objects: tuple[int, list[float]]) -> Truth:
    return Truth(
        np.array([box for _, box in objects], np.float32).reshape(-1, 4),
        np.array([class_id for class_id, _ in objects], np.int32),
        np.zeros(len(objects), np.bool_),
    )


def test_a_small_case_by_hand() -> None:
    # Best first: right, wrong, right. Precision 1 to recall 1/2, then 2/3.
    detections = {"a": found((0, HERE, 0.9), (0, ELSEWHERE, 0.8), (0, THERE, 0.7))}
    curve = precision_recall("FP32", detections, {"a": truth((0, HERE), (0, THERE))}, LABELS)
    assert curve.recall[:2] == [0.0, pytest.approx(0.01)]
    assert curve.precision[:51] == [1.0] * 51
    assert curve.precision[51:] == pytest.approx([2 / 3] * 50)


def test_the_mean_of_the_curve_is_map50() -> None:
    rng = np.random.default_rng(7)
    truths, detections = {}, {}
    for image in "abcdef":
        boxes = [(int(rng.integers(2)), [x, 20.0, x + 30, 60.0]) for x in range(0, 400, 50)]
        truths[image] = truth(*boxes)
        moved = [(c, [b[0] + rng.uniform(-18, 18), *b[1:]], rng.uniform()) for c, b in boxes]
        detections[image] = found(*sorted(moved, key=lambda one: -one[2]))
    curve = precision_recall("FP32", detections, truths, LABELS)
    scored = mean_average_precision(detections, truths, LABELS)
    assert 0.1 < scored.map50 < 0.95
    assert np.mean(curve.precision) == pytest.approx(scored.map50)


def test_finding_nothing_is_a_flat_line_and_unseen_classes_do_not_count() -> None:
    curve = precision_recall("int8", {"a": Detections.none()}, {"a": truth((0, HERE))}, LABELS)
    assert curve.precision == [0.0] * 101
    perfect = {"a": found((0, HERE, 0.9))}
    assert precision_recall("FP32", perfect, {"a": truth((0, HERE))}, LABELS).precision == [1] * 101
