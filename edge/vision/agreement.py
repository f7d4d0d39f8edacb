"""How far a candidate finds what the FP32 model finds. It needs no label."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.core.build import Agreement, ClassAgreement, Interval
from edge.core.errors import DataError
from edge.core.types import Detections
from edge.vision.matching import match

FOUND_IOU = 0.50
"""Overlap from which a box counts as found again (docs/decisions/0009)."""
IN_PLACE_IOU = 0.85
"""Overlap from which it counts as still in place: a graph that lost 23 points of mAP kept an F1 of
0.983 at IoU 0.50, and fell to 0.222 here (docs/decisions/0009)."""
LEAST_BOXES = 50
"""Reference boxes under which nothing is proven (docs/decisions/0009)."""
LEAST_CLASS_BOXES = 10
"""The same for each class that the model knows and the set shows."""
RESAMPLES = 1000
"""Of the images, for the bootstrap intervals: from seed to seed their ends move by about 2 % of
their width (the sampling error of a 2.5 % quantile)."""

_REFERENCE, _CANDIDATE, _FOUND, _IN_PLACE = range(4)  # what is counted


@dataclass(frozen=True, slots=True, eq=False)
class _Compared:
    """One image: boxes counted int64 (4, classes), and the pairs at ``FOUND_IOU``, (K,)."""

    counts: NDArray[np.int64]
    ious: NDArray[np.float32]
    score_shifts: NDArray[np.float32]


def agreement(
    reference: Mapping[str, Detections],
    candidate: Mapping[str, Detections],
    labels: Sequence[str],
    *,
    seed: int = 0,
) -> Agreement:
    """Compare what two models found in the same images, at one and the same threshold.

    F1 is ``2 pairs / (reference boxes + candidate boxes)``, over all images together. Where
    neither model found anything it is None: silence is no evidence. Where only the candidate
    found something it is 0. Intervals are percentile bootstraps over the images (Efron 1979),
    not over the boxes: boxes of one image stand and fall together.

    Args:
        reference: what FP32 found, by image.
        candidate: what the candidate found, by image.
        labels: class names, by class id.
        seed: of the bootstrap.

    Raises:
        DataError: the images differ.
    """
    if reference.keys() != candidate.keys():
        odd = sorted(reference.keys() ^ candidate.keys())
        raise DataError(
            f"{len(odd)} images were seen by only one of the two models, such as {odd[0]}; "
            "agreement is of the same images"
        )
    compared = [_compare(reference[n], candidate[n], len(labels)) for n in sorted(reference)]
    by_image = np.array([each.counts for each in compared]).reshape(-1, 4, len(labels))
    by_class = by_image.sum(axis=0)
    totals = by_class.sum(axis=1)
    resampled = _resampled(by_image.sum(axis=2), seed)
    return Agreement(
        f1_50=_f1(totals, _FOUND),
        f1_85=_f1(totals, _IN_PLACE),
        interval_50=_interval(resampled, _FOUND),
        interval_85=_interval(resampled, _IN_PLACE),
        recall_50=_ratio(totals[_FOUND], totals[_REFERENCE]),
        false_per_image=_ratio(totals[_CANDIDATE] - totals[_FOUND], len(compared)) or 0.0,
        mean_iou=_mean([each.ious for each in compared]),
        score_shift=_mean([each.score_shifts for each in compared]),
        reference_boxes=int(totals[_REFERENCE]),
        images=len(compared),
        per_class=tuple(_of_class(*each) for each in zip(labels, by_class.T, strict=True)),
    )


def evidence(agreement: Agreement, *, shown: Collection[int] | None = None) -> list[str]:
    """Why the agreement proves nothing yet, for people; empty when there is enough to judge.

    Args:
        agreement: of a candidate.
        shown: class ids that the set's labels hold; without labels, the classes that the
            reference found at least once.
    """
    lacking = []
    if agreement.reference_boxes < LEAST_BOXES:
        lacking.append(
            f"FP32 found {agreement.reference_boxes} boxes in {agreement.images} held-out images, "
            f"at least {LEAST_BOXES} are needed"
        )
    thin = [
        f"{each.label} {each.reference_boxes}"
        for class_id, each in enumerate(agreement.per_class)
        if (each.reference_boxes > 0 if shown is None else class_id in shown)
        and each.reference_boxes < LEAST_CLASS_BOXES
    ]
    if thin:
        lacking.append(f"too few of {', '.join(thin)} (at least {LEAST_CLASS_BOXES} each)")
    return lacking


def _compare(reference: Detections, candidate: Detections, classes: int) -> _Compared:
    found = match(reference, candidate, FOUND_IOU)
    in_place = match(reference, candidate, IN_PLACE_IOU)
    first, second = found.pairs.T
    counted = (
        reference.class_ids,
        candidate.class_ids,
        reference.class_ids[first],
        reference.class_ids[in_place.pairs[:, 0]],
    )
    counts = np.array([np.bincount(ids, minlength=classes) for ids in counted])
    return _Compared(counts, found.ious, candidate.scores[second] - reference.scores[first])


def _of_class(label: str, counts: NDArray[np.int64]) -> ClassAgreement:
    boxes = int(counts[_REFERENCE])
    return ClassAgreement(label, boxes, _f1(counts, _FOUND), _f1(counts, _IN_PLACE))


def _f1(counts: NDArray[np.int64], pairs: int) -> float | None:
    return _ratio(2 * counts[pairs], counts[_REFERENCE] + counts[_CANDIDATE])


def _ratio(part: np.int64, whole: np.int64 | int) -> float | None:
    return float(part / whole) if whole else None


def _mean(values: Sequence[NDArray[np.float32]]) -> float | None:
    joined = np.concatenate([*values, np.zeros(0, np.float32)])
    return float(joined.mean(dtype=np.float64)) if joined.size else None


def _resampled(by_image: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Counts (N, 4) of resampled sets, drawn from those by image (images, 4).

    A resample in which neither model found a box says nothing and is left out.
    """
    rng, images = np.random.default_rng(seed), len(by_image)
    if not images:
        return by_image
    sums = [by_image[rng.integers(images, size=images)].sum(axis=0) for _ in range(RESAMPLES)]
    drawn = np.array(sums)
    return drawn[drawn.any(axis=1)]


def _interval(resampled: NDArray[np.int64], pairs: int) -> Interval | None:
    if not len(resampled):
        return None
    boxes = resampled[:, _REFERENCE] + resampled[:, _CANDIDATE]
    low, high = np.quantile(2 * resampled[:, pairs] / boxes, (0.025, 0.975))
    return Interval(float(low), float(high))
