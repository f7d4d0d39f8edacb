from __future__ import annotations

import re

import numpy as np

from edge.core.types import Detections
from edge.report.differences import differences
from edge.report.markup import el
from edge.report.panels import Part, candidate_side, reference_side
from tests.report.builds import LABELS, found

PART = Part(100, 50, 320, 180, LABELS)
BOX, MOVED, OUTSIDE = [150.0, 100, 250, 200], [170.0, 100, 270, 200], [500.0, 100, 560, 160]


def drawn(reference: Detections, candidate: Detections) -> tuple[str, str]:
    found_differences = differences(reference, candidate)
    sides = (reference_side, candidate_side)
    return tuple(side(PART, el("image"), found_differences, reference, candidate) for side in sides)  # type: ignore[return-value]


def kinds(side: str) -> list[str]:
    """Every box of a side, by the look that tells what became of it."""
    return sorted(re.findall(r'<g class="box ([a-z ]+)"><path', side))


def test_each_side_marks_what_the_other_has_not() -> None:
    before, after = drawn(found((0, BOX, 0.9)), found((1, BOX, 0.4)))
    assert kinds(before) == ["extra ghost", "missed"]
    assert kinds(after) == ["extra", "missed ghost"]
    assert "\N{MINUS SIGN} scratch 0.90" in before
    assert "+ dent 0.40" in after


def test_a_moved_box_is_shown_with_where_it_was() -> None:
    before, after = drawn(found((0, BOX, 0.9)), found((0, MOVED, 0.8)))
    assert kinds(before) == ["moved"]
    assert kinds(after) == ["moved", "moved ghost"]
    assert "M70.0 50.0H170.0V150.0H70.0Z" in after  # in pixels of the part


def test_boxes_outside_the_part_are_not_drawn() -> None:
    both = found((0, BOX, 0.9), (1, OUTSIDE, 0.8))
    before, after = drawn(both, both)
    assert kinds(before) == kinds(after) == ["agreed"]


def test_labels_keep_out_of_each_others_way_and_in_the_picture() -> None:
    crowd = found(*((0, [150.0 + i, 100, 250 + i, 200], 0.9 - i / 100) for i in range(30)))
    before, _ = drawn(crowd, Detections.none())
    places = [
        (float(x), float(y)) for x, y in re.findall(r'<text x="([\d.]+)" y="([\d.]+)', before)
    ]
    width, height = len("- scratch 0.90") * PART.letter * 0.6, PART.letter * 1.2
    assert 4 <= len(places) < 30
    for i, (x, y) in enumerate(places):
        assert 0 <= x <= PART.width - width + 0.01
        assert 0 < y < PART.height
        apart = np.abs(np.array(places[:i]).reshape(-1, 2) - (x, y))
        assert ((apart[:, 0] > width - 0.1) | (apart[:, 1] > height - 0.1)).all()
