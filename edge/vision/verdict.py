"""OK, NG or UNKNOWN: what a line's rules say of one frame's detections."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.core.line import ClassRule, LineRules
from edge.core.types import Detections, Size, Verdict

_NO_RULE = ClassRule(ng=False)


class Regions:
    """Polygons, ready to tell which points lie in any of them, by the even-odd rule.

    A point on a side that two polygons share lies in exactly one of them.
    """

    def __init__(self, polygons: Sequence[NDArray[np.float32]]) -> None:
        """Prepare polygons, at least one, each float32 (P, 2): its corners x y in order."""
        sides = [np.stack([each, np.roll(each, -1, axis=0)], axis=1) for each in polygons]
        # From top to bottom, so that both polygons at a side find the same crossing to the bit.
        ordered = [
            np.where(side[:, :1, 1:] <= side[:, 1:, 1:], side, side[:, ::-1]) for side in sides
        ]
        (self._x, self._top), (x2, self._bottom) = np.concatenate(ordered).transpose(1, 2, 0)
        rise = np.where(self._top == self._bottom, np.float32(1), self._bottom - self._top)
        self._slope = (x2 - self._x) / rise
        self._starts = np.cumsum([0, *(len(each) for each in polygons[:-1])])

    def hold(self, points: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which points lie in any, bool (N,).

        Args:
            points: float32 (N, 2), x y, in the space of the polygons.
        """
        x, y = points.T[:, :, None]
        crossed = (self._top <= y) & (y < self._bottom)
        crossed &= x < self._x + (y - self._top) * self._slope
        return np.asarray(np.logical_xor.reduceat(crossed, self._starts, axis=1).any(axis=1))


class Judge:
    """One camera's rules, ready for every frame.

    Attributes:
        rules: that it goes by.
        unknown: classes that would make a frame NG and that the model does not find; with any of
            them no frame is judged.
    """

    def __init__(self, rules: LineRules, labels: Sequence[str]) -> None:
        """Prepare ``rules`` for a model with these class names, by class id."""
        self.rules = rules
        self.unknown = tuple(label for label in rules.ng_labels if label not in labels)
        self._classes = len(labels)
        by_class = [rules.classes.get(label, _NO_RULE) for label in labels] or [_NO_RULE]
        self._ng = np.array([rule.ng for rule in by_class], np.bool_)
        self._score = _limits(by_class, lambda rule: rule.min_score)
        self._width = _limits(by_class, lambda rule: rule.min_width_px)
        self._height = _limits(by_class, lambda rule: rule.min_height_px)
        polygons = [np.array(region.polygon, np.float32) for region in rules.regions]
        self._regions = Regions(polygons) if polygons else None

    def __call__(self, detections: Detections, size: Size, age_s: float) -> Verdict:
        """The verdict on one inspected frame.

        Args:
            detections: boxes in pixels of the frame's image.
            size: of that image.
            age_s: from capture until now, seconds.
        """
        if self.unknown or age_s * 1000 > self.rules.max_age_ms:
            return Verdict.UNKNOWN
        return Verdict.NG if self.decisive(detections, size).any() else Verdict.OK

    def decisive(self, detections: Detections, size: Size) -> NDArray[np.bool_]:
        """Which detections make the frame NG, bool (N,)."""
        ids, boxes = detections.class_ids, detections.boxes
        known = (ids >= 0) & (ids < self._classes)
        ids = np.where(known, ids, 0)
        width, height = (boxes[:, 2:] - boxes[:, :2]).T
        counts = known & self._ng[ids] & (detections.scores >= self._score[ids])
        counts &= (width >= self._width[ids]) & (height >= self._height[ids])
        if self._regions and counts.any():
            corners = boxes.reshape(-1, 2, 2)
            centres = corners.mean(axis=1, dtype=np.float32)
            centres /= np.array((size.width, size.height), np.float32)
            counts &= self._regions.hold(centres)
        return np.asarray(counts)


def _limits(
    rules: Sequence[ClassRule], of: Callable[[ClassRule], float | None]
) -> NDArray[np.float32]:
    """The limit of each class (C,), 0 where it has none."""
    return np.array([of(rule) or 0.0 for rule in rules], np.float32)
