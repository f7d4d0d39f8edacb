"""Does the line still look as it did? Brightness, scores and class mix against a baseline.

Distances are those of Jensen and Shannon, the root of their divergence to base 2 (Lin 1991, doi
10.1109/18.61115; a metric: Endres and Schindelin 2003, doi 10.1109/TIT.2003.813506): 0 for equal
distributions, 1 for those that share nothing, and finite where one has what the other lacks.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.core.config import WatchConfig
from edge.core.errors import DataError, InputMissingError
from edge.core.types import Detections, Frame
from edge.vision.features import features

BASELINE = "baseline.json"
"""Where a bundle keeps what the line looked like."""
BRIGHTNESS_STEP = 32.0
"""Luma levels between two points of the brightness distribution; a value counts for the two points
beside it, in proportion, so that a shift of a third of a step is seen, and of a tenth is not."""
SCORE_STEP = 0.2
"""The same for scores."""
_ENDS_AT = 0.8  # of the limit: what began above it has ended below this share of it

Shares = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the line looked like: three distributions, each adding up to 1; empty: not known.

    Attributes:
        brightness: mean luma of a frame, at 0, 32 ... 256.
        scores: of a box, at 0, 0.2 ... 1.
        classes: share of each class id.
    """

    brightness: tuple[float, ...] = ()
    scores: tuple[float, ...] = ()
    classes: tuple[float, ...] = ()

    @classmethod
    def of(cls, brightness: Iterable[float], found: Iterable[Detections], classes: int) -> Baseline:
        """From images, such as those that calibrated.

        Args:
            brightness: mean luma of each image, 0..255.
            found: what was found in each, at the service's thresholds.
            classes: that the model knows.
        """
        kept = list(found)
        none = Detections.none()
        scores = np.concatenate([each.scores for each in [*kept, none]])
        class_ids = np.concatenate([each.class_ids for each in [*kept, none]])
        return cls(
            _plain(_of_brightness(np.array(list(brightness), np.float64))),
            _plain(_of_scores(scores)),
            _plain(_of_classes(classes, class_ids)),
        )

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Baseline:
        """From what ``dataclasses.asdict`` gave, by way of JSON.

        Raises:
            DataError: it is something else.
        """
        try:
            values = {each.name: tuple(map(float, plain[each.name])) for each in fields(cls)}
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"this is no baseline of the line: {error!r}") from error
        return cls(**values)


def read_baseline(bundle: Path) -> Baseline | None:
    """What the line looked like when a bundle was built; None: it has to be learned.

    Args:
        bundle: folder of a bundle that has been verified.

    Raises:
        DataError: it cannot be understood.
        InputMissingError: it cannot be read.
    """
    path = bundle / BASELINE
    try:
        return Baseline.from_plain(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputMissingError(f"{path}: cannot be read: {error.strerror}") from error
    except (DataError, ValueError, TypeError) as error:
        raise DataError(f"{path}: {error}. Build the bundle anew: edge build") from error


@dataclass(frozen=True, slots=True)
class DriftVerdict:
    """How far the line is from its baseline.

    Attributes:
        drifted: names of what has drifted: ``brightness``, ``scores``, ``classes``.
        reason: one line for a person.
        distances: by name, 0..1; None while there are too few samples or no baseline.
    """

    drifted: tuple[str, ...]
    reason: str
    distances: Mapping[str, float | None]


class _Quantity:
    """The newest values of one kind, and what they were like before."""

    def __init__(
        self,
        shares_of: Callable[[NDArray[Any]], Shares],
        baseline: Sequence[float],
        settings: WatchConfig,
    ) -> None:
        self.baseline = np.array(baseline, np.float64)
        self.distance: float | None = None
        self.drifted = False
        self._shares_of = shares_of
        self._values: deque[float] = deque(maxlen=settings.drift_samples)
        self._wanted = settings.drift_samples
        self._limit = settings.drift

    def add(self, values: Iterable[float]) -> None:
        self._values.extend(values)
        if len(self._values) < self._wanted:
            return
        shares = self._shares_of(np.array(self._values))
        if len(self.baseline):
            self.distance = jensen_shannon(self.baseline, shares)
            self.drifted = self.distance > self._limit * (_ENDS_AT if self.drifted else 1.0)
        else:
            self.baseline = shares
            self._values.clear()


class DriftWatch:
    """Compares the newest frames with a baseline; without one, with the first it is shown.

    Show it a frame every few seconds: frames in a row hold the same parts, and few parts are no
    mix. At 300 boxes, 5 s apart, the rendered line's class mix stays within 0.11 of its baseline.
    Brightness is that of all frames shown: of cameras in unlike light, watch each by itself.
    """

    def __init__(
        self, settings: WatchConfig, classes: int, baseline: Baseline | None = None
    ) -> None:
        """Watch.

        Args:
            settings: limit, and samples to judge over.
            classes: that the model knows.
            baseline: of the bundle; what it does not know is learned from the first samples.
        """
        known = baseline or Baseline()
        self._limit = settings.drift
        self._brightness = _Quantity(_of_brightness, known.brightness, settings)
        self._scores = _Quantity(_of_scores, known.scores, settings)
        self._classes = _Quantity(partial(_of_classes, classes), known.classes, settings)

    @property
    def baseline(self) -> Baseline:
        """What is compared with; empty where it is still being learned."""
        return Baseline(*(_plain(each.baseline) for each in self._quantities().values()))

    def add(self, frame: Frame, detections: Detections) -> DriftVerdict:
        """Judge anew by one more frame and what was found in it; takes a few milliseconds."""
        return self.add_measured(features(frame.bgr()).brightness, detections)

    def add_measured(self, brightness: float, detections: Detections) -> DriftVerdict:
        """The same for a frame whose mean luma, 0..255, is known."""
        self._brightness.add([brightness])
        self._scores.add(detections.scores.tolist())
        self._classes.add(detections.class_ids.tolist())
        return self.verdict()

    def verdict(self) -> DriftVerdict:
        """How it stands now."""
        quantities = self._quantities()
        distances = {name: each.distance for name, each in quantities.items()}
        drifted = tuple(name for name, each in quantities.items() if each.drifted)
        return DriftVerdict(drifted, self._reason(drifted, distances), distances)

    def _quantities(self) -> dict[str, _Quantity]:
        return {
            "brightness": self._brightness,
            "scores": self._scores,
            "classes": self._classes,
        }

    def _reason(self, drifted: Sequence[str], distances: Mapping[str, float | None]) -> str:
        if drifted:
            far = ", ".join(f"{name} by {distances[name]:.2f}" for name in drifted)
            return (
                f"the line has drifted from its baseline: {far} (limit {self._limit:g}). Check "
                "light and lens; if this is how it looks from now on: edge recalibrate"
            )
        unknown = [name for name, distance in distances.items() if distance is None]
        if unknown:
            return f"no evidence yet of {', '.join(unknown)}: too few samples"
        return "the line looks as its baseline does"


def jensen_shannon(one: Shares, other: Shares) -> float:
    """Distance of two distributions, 0..1; see the module's text.

    Args:
        one: float64 (K,), adding up to 1.
        other: the same; a shorter one is continued with zeros.
    """
    p, q = np.zeros((2, max(len(one), len(other))))
    p[: len(one)], q[: len(other)] = one, other
    middle = (p + q) / 2
    divergence = (_information(p, middle) + _information(q, middle)) / 2
    return float(np.sqrt(np.clip(divergence, 0.0, 1.0)))


def _information(p: Shares, q: Shares) -> float:
    some = (p > 0) & (q > 0)  # half of the least number there is, is 0
    return float((p[some] * np.log2(p[some] / q[some])).sum())


def _of_brightness(values: NDArray[Any]) -> Shares:
    return _spread(values, BRIGHTNESS_STEP, 256.0)


def _of_scores(values: NDArray[Any]) -> Shares:
    return _spread(values, SCORE_STEP, 1.0)


def _of_classes(classes: int, values: NDArray[Any]) -> Shares:
    return _shares(np.bincount(values.astype(np.intp), minlength=classes))


def _spread(values: NDArray[Any], step: float, end: float) -> Shares:
    """Shares at 0, step ... end; each value counts for the two points beside it."""
    places = np.clip(np.asarray(values, np.float64), 0.0, end) / step
    points = round(end / step) + 1
    below = np.minimum(places.astype(np.intp), points - 2)
    part = places - below
    counts = np.bincount(below, 1 - part, points) + np.bincount(below + 1, part, points)
    return _shares(counts)


def _shares(counts: NDArray[Any]) -> Shares:
    total = counts.sum()
    return counts / total if total else np.zeros(0)


def _plain(shares: Shares) -> tuple[float, ...]:
    return tuple(shares.tolist())
