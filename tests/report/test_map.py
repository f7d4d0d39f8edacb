from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from edge.core.errors import DataError
from edge.core.types import Detections
from edge.report.labels import Truth
from edge.report.map import MOST_BOXES, MapReport, mean_average_precision

CLASSES = ("scratch", "dent", "crack", "stain")


def truth(*rows: tuple[int, list[float]], crowd: bool = False) -> Truth:
    boxes = np.array([box for _, box in rows], np.float32).reshape(-1, 4)
    class_ids = np.array([class_id for class_id, _ in rows], np.int32)
    return Truth(boxes, class_ids, np.full(len(rows), crowd))


def found(*rows: tuple[int, list[float], float]) -> Detections:
    boxes = np.array([row[1] for row in rows], np.float32).reshape(-1, 4)
    scores = np.array([row[2] for row in rows], np.float32)
    return Detections(boxes, scores, np.array([row[0] for row in rows], np.int32))


HERE = [10.0, 10.0, 50.0, 50.0]
NEAR = [10.0, 10.0, 50.0, 40.0]  # IoU 0.75 with HERE: right at 0.50 to 0.75, six of ten
FAR = [200.0, 200.0, 240.0, 240.0]


@pytest.mark.parametrize(
    ("detections", "expected", "expected50"),
    [
        pytest.param([], 0, 0, id="nothing found"),
        pytest.param([(0, HERE, 0.9)], 1, 1, id="found"),
        pytest.param([(0, NEAR, 0.9)], 0.6, 1, id="found, not quite in place"),
        pytest.param([(1, HERE, 0.9)], 0, 0, id="another class"),
        pytest.param([(0, FAR, 0.9)], 0, 0, id="elsewhere"),
        pytest.param([(0, FAR, 0.9), (0, HERE, 0.8)], 0.5, 0.5, id="a false box first"),
        pytest.param([(0, HERE, 0.9), (0, FAR, 0.8)], 1, 1, id="a false box last"),
    ],
)
def test_one_object(
    detections: list[tuple[int, list[float], float]], expected: float, expected50: float
) -> None:
    report = mean_average_precision({"a": found(*detections)}, {"a": truth((0, HERE))}, CLASSES)
    assert report.map == pytest.approx(expected, abs=1e-6)
    assert report.map50 == pytest.approx(expected50, abs=1e-6)


def test_classes_without_objects_have_no_score_and_do_not_count() -> None:
    report = mean_average_precision(
        {"a": found((0, HERE, 0.9), (1, FAR, 0.8)), "b": Detections.none()},
        {"a": truth((0, HERE)), "b": truth((2, FAR))},
        CLASSES,
    )
    assert [(score.label, score.objects) for score in report.per_class] == [
        ("scratch", 1),
        ("dent", 0),
        ("crack", 1),
        ("stain", 0),
    ]
    assert [score.map50 for score in report.per_class] == [pytest.approx(1), None, 0, None]
    assert report.map == pytest.approx(0.5)
    assert report.images == 2


def test_a_crowd_is_neither_right_nor_wrong() -> None:
    around_far = [100.0, 100.0, 400.0, 400.0]
    truths = {"a": truth((0, HERE)), "b": truth((0, around_far), crowd=True)}
    report = mean_average_precision(
        {"a": found((0, HERE, 0.5)), "b": found((0, FAR, 0.9))}, truths, CLASSES
    )
    assert report.map == pytest.approx(1)
    assert report.per_class[0].objects == 1


@pytest.mark.parametrize(
    ("detections", "truths", "message"),
    [
        pytest.param({}, {}, "hold no object", id="nothing at all"),
        pytest.param({"a": found()}, {"a": truth()}, "hold no object", id="no object"),
        pytest.param({"a": found()}, {"b": truth((0, HERE))}, "2 images have only", id="others"),
    ],
)
def test_what_cannot_be_scored_is_refused(
    detections: dict[str, Detections], truths: dict[str, Truth], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        mean_average_precision(detections, truths, CLASSES)


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    mean_average_precision({"a": found((0, HERE, 0.9))}, {"a": truth((0, HERE))}, CLASSES)
    assert capfd.readouterr() == ("", "")


def random_set(seed: int) -> tuple[dict[str, Detections], dict[str, Truth]]:
    """Objects, most of them found a little off, some twice, some not; and false boxes."""
    rng = np.random.default_rng(seed)
    detections, truths = {}, {}
    for image in range(12):
        count = int(rng.integers(0, 9))
        corners = rng.uniform(0, 500, (count, 2))
        boxes = np.hstack([corners, corners + rng.uniform(4, 120, (count, 2))])
        class_ids = rng.integers(0, 3, count)
        truths[f"{image}.jpg"] = truth(*zip(class_ids.tolist(), boxes.tolist(), strict=True))
        again = rng.integers(0, max(1, count), int(rng.integers(0, 150)) if count else 0)
        rows = [
            (
                int(class_ids[k]) if rng.random() < 0.9 else int(rng.integers(0, 4)),
                (boxes[k] + rng.normal(0, 6, 4) + [0, 0, 12, 12]).tolist(),
                round(float(rng.random()), 2),
            )
            for k in again
        ]
        detections[f"{image}.jpg"] = found(*rows)
    return detections, truths


@pytest.mark.parametrize("seed", range(4))
def test_scores_are_those_of_pycocotools(seed: int) -> None:
    detections, truths = random_set(seed)
    report = mean_average_precision(detections, truths, CLASSES)
    expected = by_pycocotools(detections, truths)
    assert 0.01 < report.map < report.map50 < 0.99
    assert (report.map, report.map50) == pytest.approx(expected, abs=1e-3)


def by_pycocotools(
    detections: dict[str, Detections], truths: dict[str, Truth]
) -> tuple[float, float]:
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for image, name in enumerate(truths):
        for box, class_id in zip(truths[name].boxes, truths[name].class_ids, strict=True):
            x1, y1, x2, y2 = map(float, box)
            wide, high = x2 - x1, y2 - y1
            entry = {"image_id": image, "category_id": int(class_id), "bbox": [x1, y1, wide, high]}
            annotations.append(
                {**entry, "id": len(annotations) + 1, "area": wide * high, "iscrowd": 0}
            )
        rows = detections[name]
        for box, score, class_id in zip(rows.boxes, rows.scores, rows.class_ids, strict=True):
            x1, y1, x2, y2 = map(float, box)
            entry = {
                "image_id": image,
                "category_id": int(class_id),
                "bbox": [x1, y1, x2 - x1, y2 - y1],
            }
            results.append({**entry, "score": float(score)})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "info": {},
            "images": [{"id": image} for image in range(len(truths))],
            "categories": [{"id": k, "name": name} for k, name in enumerate(CLASSES)],
            "annotations": annotations,
        }
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.params.maxDets = [1, 10, MOST_BOXES]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][..., 0, -1]
    every, half = precision, precision[0]
    return float(every[every > -1].mean()), float(half[half > -1].mean())


def test_a_report_is_plain_numbers() -> None:
    report = mean_average_precision({"a": found((0, HERE, 0.9))}, {"a": truth((0, HERE))}, CLASSES)
    assert isinstance(report, MapReport)
    assert {type(report.map), type(report.map50), type(report.images)} == {float, int}
