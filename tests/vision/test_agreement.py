from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.build import Agreement, ClassAgreement
from edge.core.errors import DataError
from edge.core.types import Detections
from edge.vision.agreement import LEAST_BOXES, LEAST_CLASS_BOXES, agreement, evidence
from edge.vision.matching import match

LABELS = ("dent", "scratch")
Found = dict[str, Detections]


def row_of_boxes(
    count: int, *, shift: float = 0, class_id: int = 0, score: float = 0.5
) -> Detections:
    """Boxes of 10 x 10 pixels that do not overlap, moved to the right."""
    left = np.arange(count, dtype=np.float32) * 100 + np.float32(shift)
    top = np.zeros(count, np.float32)
    return Detections(
        np.stack([left, top, left + 10, top + 10], axis=1),
        np.full(count, score, np.float32),
        np.full(count, class_id, np.int32),
    )


def joined(*parts: Detections) -> Detections:
    return Detections(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.class_ids for part in parts]),
    )


NONE = Detections.none()
TWO = row_of_boxes(2)


@pytest.mark.parametrize(
    ("reference", "candidate", "f1_50", "f1_85"),
    [
        pytest.param({}, {}, None, None, id="no images: no evidence"),
        pytest.param({"a": NONE}, {"a": NONE}, None, None, id="no boxes: no evidence, never 1"),
        pytest.param({"a": NONE}, {"a": TWO}, 0, 0, id="only the candidate found something"),
        pytest.param({"a": TWO}, {"a": NONE}, 0, 0, id="the candidate is blind"),
        pytest.param({"a": TWO}, {"a": TWO}, 1, 1, id="the same"),
        pytest.param({"a": TWO}, {"a": row_of_boxes(2, class_id=1)}, 0, 0, id="other classes"),
        pytest.param(
            {"a": TWO}, {"a": row_of_boxes(2, shift=3)}, 1, 0, id="found, but not in place"
        ),
        pytest.param({"a": TWO}, {"a": row_of_boxes(2, shift=5)}, 0, 0, id="beside it"),
        pytest.param({"a": TWO}, {"a": row_of_boxes(1)}, 2 / 3, 2 / 3, id="one of two missed"),
        pytest.param({"a": TWO}, {"a": row_of_boxes(6)}, 0.5, 0.5, id="four false"),
        pytest.param(
            {"a": row_of_boxes(9), "b": row_of_boxes(1)},
            {"a": row_of_boxes(9), "b": NONE},
            18 / 19,
            18 / 19,
            id="boxes are pooled, images not averaged",
        ),
    ],
)
def test_f1(reference: Found, candidate: Found, f1_50: float | None, f1_85: float | None) -> None:
    result = agreement(reference, candidate, LABELS)
    assert result.f1_50 == pytest.approx(f1_50)
    assert result.f1_85 == pytest.approx(f1_85)
    assert (result.interval_50 is None) == (f1_50 is None)
    assert (result.interval_85 is None) == (f1_85 is None)


def test_every_figure_of_one_comparison() -> None:
    reference = {"a": joined(row_of_boxes(4), row_of_boxes(1, shift=1000, class_id=1)), "b": NONE}
    candidate = {
        "a": joined(row_of_boxes(3, shift=1, score=0.4), row_of_boxes(1, shift=2000)),
        "b": row_of_boxes(2, class_id=1),
    }
    result = agreement(reference, candidate, LABELS)
    assert result.reference_boxes == 5
    assert result.images == 2
    assert result.recall_50 == pytest.approx(3 / 5)
    assert result.false_per_image == pytest.approx(3 / 2)
    assert result.mean_iou == pytest.approx(9 / 11)
    assert result.score_shift == pytest.approx(-0.1)
    assert result.f1_50 == pytest.approx(6 / 11)
    assert result.f1_85 == 0
    assert result.per_class == (
        ClassAgreement("dent", 4, 6 / 8, 0),
        ClassAgreement("scratch", 1, 0, 0),
    )


def test_without_evidence_nothing_is_claimed() -> None:
    result = agreement({"a": NONE}, {"a": NONE}, LABELS)
    assert result == Agreement(
        f1_50=None,
        f1_85=None,
        interval_50=None,
        interval_85=None,
        recall_50=None,
        false_per_image=0.0,
        mean_iou=None,
        score_shift=None,
        reference_boxes=0,
        images=1,
        per_class=tuple(ClassAgreement(label, 0, None, None) for label in LABELS),
    )


def test_the_images_must_be_the_same() -> None:
    with pytest.raises(
        DataError, match="2 images were seen by only one of the two models, such as b"
    ):
        agreement({"a": TWO, "b": TWO}, {"a": TWO, "c": TWO}, LABELS)


def some_images(images: int, missed: float, seed: int) -> tuple[Found, Found]:
    """Ten boxes an image, of which a share is missed, whole images at a time."""
    rng = np.random.default_rng(seed)
    names = [f"{number:05}" for number in range(images)]
    reference = dict.fromkeys(names, row_of_boxes(10))
    return reference, {name: NONE if rng.random() < missed else row_of_boxes(10) for name in names}


def test_the_interval_covers_the_score_and_narrows_with_images() -> None:
    few, many = (agreement(*some_images(images, 0.1, seed=3), LABELS) for images in (40, 640))
    widths = []
    for result in (few, many):
        assert result.interval_50 is not None
        assert result.f1_50 is not None
        assert result.interval_50.low < result.f1_50 < result.interval_50.high
        widths.append(result.interval_50.high - result.interval_50.low)
    assert widths[1] < widths[0] / 2.5  # 16 times the images: a quarter of the width


def test_the_interval_is_that_of_the_seed_and_not_of_the_order_of_images() -> None:
    reference = {str(n): row_of_boxes(n) for n in range(40)}
    candidate = {str(n): row_of_boxes(n * n % 41) for n in range(40)}
    backwards = dict(reversed(candidate.items()))
    first = agreement(reference, candidate, LABELS, seed=1)
    assert first == agreement(reference, backwards, LABELS, seed=1)
    assert first.interval_50 != agreement(reference, candidate, LABELS, seed=2).interval_50


def test_resamples_without_a_box_do_not_spoil_the_interval() -> None:
    names = [f"{number:03}" for number in range(100)]
    found = dict.fromkeys(names, NONE) | {"050": TWO}
    result = agreement(found, found, LABELS)
    assert result.interval_85 is not None
    assert (result.interval_85.low, result.interval_85.high) == (1, 1)


A_SET = st.lists(
    st.tuples(st.integers(0, 8), st.integers(1, 9), st.integers(0, 1), st.integers(1, 9)),
    max_size=8,
).map(
    lambda rows: Detections(
        np.array([(x, 0, x + w, 9) for x, w, _, _ in rows], np.float32).reshape(-1, 4),
        np.array([score / 10 for *_, score in rows], np.float32),
        np.array([class_id for _, _, class_id, _ in rows], np.int32),
    )
)


@given(st.lists(st.tuples(A_SET, A_SET), max_size=4))
def test_f1_is_that_of_the_pairs_of_all_images(sets: list[tuple[Detections, Detections]]) -> None:
    reference = {str(n): first for n, (first, _) in enumerate(sets)}
    candidate = {str(n): second for n, (_, second) in enumerate(sets)}
    result = agreement(reference, candidate, LABELS)
    boxes = sum(len(first) + len(second) for first, second in sets)
    for threshold, f1 in ((0.5, result.f1_50), (0.85, result.f1_85)):
        pairs = sum(len(match(first, second, threshold)) for first, second in sets)
        assert f1 == (pytest.approx(2 * pairs / boxes) if boxes else None)


@pytest.mark.parametrize(
    ("boxes", "shown", "reasons"),
    [
        pytest.param((0, 0), None, ["0 boxes in 1 held-out"], id="nothing found, no labels"),
        pytest.param(
            (0, 0),
            {0, 1},
            ["0 boxes in 1 held-out", "too few of dent 0, scratch 0"],
            id="nothing found of what the labels show",
        ),
        pytest.param((LEAST_BOXES, 0), None, [], id="enough, one class never found"),
        pytest.param((LEAST_BOXES, 0), {0}, [], id="enough, one class not in the set"),
        pytest.param(
            (LEAST_BOXES, 0), {0, 1}, ["too few of scratch 0 (at least 10"], id="a class is missed"
        ),
        pytest.param((LEAST_BOXES - 1, 0), None, ["49 boxes in 1"], id="one too few"),
        pytest.param(
            (LEAST_BOXES, LEAST_CLASS_BOXES - 1), None, ["too few of scratch 9"], id="a thin class"
        ),
        pytest.param((LEAST_BOXES, LEAST_CLASS_BOXES), {0, 1}, [], id="enough of both"),
    ],
)
def test_what_is_missing_for_a_proof(
    boxes: tuple[int, int], shown: set[int] | None, reasons: list[str]
) -> None:
    found = {"a": joined(*(row_of_boxes(n, class_id=k) for k, n in enumerate(boxes)))}
    lacking = evidence(agreement(found, found, LABELS), shown=shown)
    assert len(lacking) == len(reasons)
    for text, reason in zip(lacking, reasons, strict=True):
        assert reason in text
