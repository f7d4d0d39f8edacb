"""The rules of a line: what can be drawn and written, and what is refused with a clear word."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge.core.line import LineRules
from edge.core.polygon import Point, area, crosses_itself

SQUARE = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]
BOW_TIE = [[0.1, 0.1], [0.9, 0.9], [0.9, 0.1], [0.1, 0.9]]
SPIKE = [[0.1, 0.1], [0.9, 0.1], [0.5, 0.1], [0.5, 0.9]]
TOUCHING = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 0.0], [0.0, 1.0]]


def rules(polygon: list[list[float]] = SQUARE, **classes: Any) -> str:
    return json.dumps({"regions": [{"name": "belt", "polygon": polygon}], "classes": classes})


def test_rules_come_back_from_json_as_they_were() -> None:
    text = rules(dent={"ng": True, "min_score": 0.5, "min_width_px": 12})
    read = LineRules.model_validate_json(text)
    assert LineRules.model_validate_json(read.model_dump_json()) == read
    assert read.ng_labels == ("dent",)
    assert LineRules.model_validate_json("{}").regions == ()


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (rules(BOW_TIE), "regions.0.polygon", "crosses or touches itself"),
        (rules(SPIKE), "regions.0.polygon", "crosses or touches itself"),
        (rules(TOUCHING), "regions.0.polygon", "crosses or touches itself"),
        (rules([[0, 0], [0, 0], [1, 0], [1, 1]]), "regions.0.polygon", "crosses or touches"),
        (rules([[0, 0], [0.009, 0], [0, 0.009]]), "regions.0.polygon", "draw it larger"),
        (rules([[0, 0], [0.5, 0.5], [1, 1]]), "regions.0.polygon", "itself"),
        (rules([[0, 0], [1, 1]]), "regions.0.polygon", "at least 3"),
        (rules([[0, 0], [1.1, 0], [1, 1]]), "regions.0.polygon.1.0", "less than or equal to 1"),
        (rules(dent={"min_score": 2}), "classes.dent.min_score", "less than or equal to 1"),
        (rules(dent={"min_score": "0.5"}), "classes.dent.min_score", "valid number"),
        (rules(dent={"min_width_px": -1}), "classes.dent.min_width_px", "greater than"),
        (rules(dent={"nq": True}), "classes.dent.nq", "Extra"),
        ('{"max_age_ms": 0}', "max_age_ms", "greater than 0"),
        ('{"max_age_ms": NaN}', "max_age_ms", "finite"),
        (
            json.dumps({"regions": [{"name": "a", "polygon": SQUARE}] * 2}),
            "regions",
            "two regions are named 'a'",
        ),
        ('{"regions": [{"name": "", "polygon": []}]}', "regions.0.name", "at least 1"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(text: str, where: str, what: str) -> None:
    with pytest.raises(ValidationError) as caught:
        LineRules.model_validate_json(text)
    problems = {
        ".".join(map(str, problem["loc"])): problem["msg"] for problem in caught.value.errors()
    }
    assert what in problems[where]


@pytest.mark.parametrize(
    ("polygon", "expected"),
    [
        ([(0, 0), (1, 0), (1, 1), (0, 1)], False),
        ([(0, 0), (2, 0), (2, 2), (1, 1), (0, 2)], False),
        ([(0, 0), (1, 0), (2, 0), (2, 2)], False),
        ([(0, 0), (2, 2), (2, 0), (0, 2)], True),
        ([(0, 0), (2, 0), (1, 0), (1, 1)], True),
        ([(0, 0), (2, 0), (2, 2), (1, 0), (0, 2)], True),
        ([(0, 0), (1, 0), (1, 0), (0, 1)], True),
        ([(0, 0), (1, 0), (0, 0), (1, 1)], True),
    ],
    ids=[
        "square",
        "concave",
        "corner on a straight side",
        "bow tie",
        "spike",
        "corner on another side",
        "corner twice",
        "there and back",
    ],
)
def test_what_crosses_itself_is_noticed(polygon: list[Point], expected: bool) -> None:
    for turn in range(len(polygon)):
        turned = [*polygon[turn:], *polygon[:turn]]
        assert crosses_itself(turned) is expected
        assert crosses_itself(turned[::-1]) is expected


@given(st.lists(st.floats(0.1, 1.0), min_size=4, max_size=20))
def test_a_star_around_a_point_never_crosses_itself_and_has_the_area_of_its_triangles(
    radii: list[float],
) -> None:
    step = 2 * math.pi / len(radii)
    star = [(r * math.cos(k * step), r * math.sin(k * step)) for k, r in enumerate(radii)]
    assert not crosses_itself(star)
    pairs = zip(radii, [*radii[1:], radii[0]], strict=True)
    assert area(star) == pytest.approx(sum(a * b * math.sin(step) / 2 for a, b in pairs))


def test_a_circle_crosses_itself_when_two_corners_are_exchanged() -> None:
    circle = [(math.cos(k), math.sin(k)) for k in range(6)]
    assert not crosses_itself(circle)
    for k in range(5):
        swapped = list(circle)
        swapped[k], swapped[k + 1] = swapped[k + 1], swapped[k]
        assert crosses_itself(swapped)
