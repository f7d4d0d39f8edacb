from __future__ import annotations

import itertools

import numpy as np
import pytest

from edge.core.types import Detections, Image
from edge.vision.draw import PALETTE, colour_of, draw

LABELS = ("scratch", "dent", "Öffnung")


def grey(width: int, height: int) -> Image:
    return np.full((height, width, 3), 128, np.uint8)


def found(*boxes: list[float]) -> Detections:
    scores = np.linspace(0.9, 0.3, len(boxes), dtype=np.float32)
    class_ids = np.arange(len(boxes), dtype=np.int32) % len(LABELS)
    return Detections(np.array(boxes, np.float32).reshape(-1, 4), scores, class_ids)


def test_nothing_found_leaves_the_picture_as_it_was() -> None:
    image = grey(320, 240)
    drawn = draw(image, Detections.none(), LABELS)
    np.testing.assert_array_equal(drawn, image)
    assert drawn is not image


@pytest.mark.parametrize("size", [(8, 8), (320, 240), (1280, 720), (3840, 2160)])
def test_a_box_is_drawn_in_the_colour_of_its_class(size: tuple[int, int]) -> None:
    width, height = size
    box = [width * 0.25, height * 0.4, width * 0.75, height * 0.9]
    drawn = draw(grey(width, height), found(box), LABELS)
    row, column = drawn[round(height * 0.65)], round(width * 0.25)
    near = row[max(0, column - 2) : column + 3]
    assert (near == colour_of(0)).all(axis=1).any()


@pytest.mark.parametrize(
    "box",
    [
        pytest.param([0, 0, 30, 20], id="at the upper left"),
        pytest.param([300, 220, 320, 240], id="at the lower right"),
        pytest.param([-40, -40, 700, 500], id="larger than the picture"),
        pytest.param([50, 50, 50, 50], id="a point"),
    ],
)
def test_a_label_stays_in_the_picture(box: list[float]) -> None:
    image = grey(320, 240)
    drawn = draw(image, found(box), LABELS)
    assert drawn.shape == image.shape
    # The plate is a filled area of the class's colour: more than the outline alone has.
    assert np.count_nonzero((drawn == colour_of(0)).all(axis=2)) > 500


def test_the_best_box_lies_on_top() -> None:
    box = [100.0, 100.0, 200.0, 200.0]
    drawn = draw(grey(320, 240), found(box, box), LABELS)
    assert tuple(drawn[150, 100]) == colour_of(0)


def test_a_read_only_picture_is_not_touched() -> None:
    image = grey(320, 240)
    image.setflags(write=False)
    assert draw(image, found([10, 50, 60, 90]), LABELS).flags.writeable
    assert (image == 128).all()


def test_labels_of_any_language_are_drawn() -> None:
    draw(grey(320, 240), found([0, 0, 9, 9], [0, 0, 9, 9], [90, 90, 120, 120]), LABELS)


def test_colours_differ_in_brightness_or_hue_and_begin_again() -> None:
    for one, other in itertools.combinations(PALETTE, 2):
        assert np.abs(np.subtract(one, other)).sum() > 80
    assert colour_of(len(PALETTE)) == colour_of(0)
