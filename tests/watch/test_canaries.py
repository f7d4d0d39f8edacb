"""Canary images: the same engine on the same pixels gives the same answer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge.app.canaries import ANSWERS as WRITTEN
from edge.app.canaries import write_canaries
from edge.app.referee import Findings
from edge.core.errors import DataError
from edge.core.types import Detections, Frame, Image
from edge.watch import Canary, Standing, check_canaries, read_canaries
from edge.watch.canaries import ANSWERS
from tests.watch.parts import BESIDE, NOTHING, boxes

FIRM = boxes(2, score=0.8)


def a_canary(answer: Detections, name: str = "canaries/00.jpg") -> Canary:
    return Canary(name, Frame(np.zeros((48, 64, 3), np.uint8), 0, 0.0, "canary"), answer)


@pytest.mark.parametrize(
    ("answer", "found", "standing"),
    [
        (FIRM, FIRM, Standing.OK),
        (FIRM, boxes(2, score=0.77), Standing.OK),
        (FIRM, boxes(2, score=0.7), Standing.BREACH),
        (FIRM, boxes(1, score=0.8), Standing.BREACH),
        (FIRM, boxes(3, score=0.8), Standing.BREACH),
        (FIRM, boxes(2, score=0.8, shift=BESIDE), Standing.BREACH),
        (FIRM, boxes(2, score=0.8, class_id=1), Standing.BREACH),
        (FIRM, NOTHING, Standing.BREACH),
        (boxes(1, score=0.27), NOTHING, Standing.NO_EVIDENCE),
        (NOTHING, boxes(1, score=0.29), Standing.NO_EVIDENCE),
        (NOTHING, boxes(1, score=0.9), Standing.BREACH),
        (NOTHING, NOTHING, Standing.NO_EVIDENCE),
    ],
    ids=[
        "same",
        "scores move a little",
        "scores move",
        "one lost",
        "one more",
        "not in place",
        "renamed",
        "all lost",
        "weak one lost",
        "weak one more",
        "one on an empty image",
        "an image that shows nothing",
    ],
)
def test_an_answer_is_the_same_or_it_is_not(
    answer: Detections, found: Detections, standing: Standing
) -> None:
    verdict = check_canaries(lambda _: found, [a_canary(answer)])
    assert verdict.standing is standing
    assert verdict.failed == (("canaries/00.jpg",) if standing is Standing.BREACH else ())


def test_an_engine_that_finds_nothing_fails_though_the_empty_image_agrees() -> None:
    canaries = [a_canary(FIRM, "canaries/00.jpg"), a_canary(NOTHING, "canaries/01.jpg")]
    verdict = check_canaries(lambda _: NOTHING, canaries)
    assert verdict.reason == (
        "1 of 2 canary images get another answer than when the bundle was built, such as "
        "canaries/00.jpg. Check the machine: edge doctor"
    )


def test_without_canaries_there_is_no_evidence() -> None:
    assert check_canaries(lambda _: FIRM, []).standing is Standing.NO_EVIDENCE


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle's canaries as the build writes them, both engines' answers."""
    found = {"busy.png": FIRM, "empty.png": NOTHING}
    paths = {name: tmp_path / name for name in found}
    answers = {
        "engine": Findings(found, {}, 1.0),
        "fallback": Findings(dict.fromkeys(found, NOTHING), {}, 1.0),
    }
    folder = tmp_path / "bundle"
    (folder / "canaries").mkdir(parents=True)
    files = write_canaries(sorted(found), paths, answers, tmp_path)
    (folder / ANSWERS).write_bytes(files[WRITTEN].read_bytes())
    return folder


def read_image(path: Path) -> Image:
    assert path.parent.name == "canaries"
    return np.full((48, 64, 3), int(path.stem), np.uint8)


def test_what_a_build_writes_is_read_back_with_its_images(bundle: Path) -> None:
    busy, empty = read_canaries(bundle, read_image)
    assert (busy.name, empty.name) == ("canaries/00.png", "canaries/01.png")
    np.testing.assert_allclose(busy.answer.boxes, FIRM.boxes, atol=1e-3)
    assert len(empty.answer) == 0
    assert int(empty.frame.image.max()) == 1
    assert check_canaries(lambda _: FIRM, [busy]).standing is Standing.OK


def test_the_fallback_engine_has_answers_of_its_own(bundle: Path) -> None:
    assert [len(canary.answer) for canary in read_canaries(bundle, read_image, "fallback")] == [
        0,
        0,
    ]


def test_a_bundle_without_canaries_or_without_this_engine_has_none(
    bundle: Path, tmp_path: Path
) -> None:
    assert read_canaries(tmp_path, read_image) == ()
    plain = json.loads((bundle / ANSWERS).read_text())
    for row in plain["canaries"]:
        del row["fallback"]
    (bundle / ANSWERS).write_text(json.dumps(plain))
    assert read_canaries(bundle, read_image, "fallback") == ()


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"canaries": [{"engine": []}]}', '{"canaries": [{"file": "a", "engine": [{}]}]}'],
    ids=["empty", "a list", "no file", "no box"],
)
def test_answers_that_make_no_sense_are_refused_by_name(bundle: Path, text: str) -> None:
    (bundle / ANSWERS).write_text(text)
    with pytest.raises(DataError, match=r"answers\.json: holds no canary answers.*edge build"):
        read_canaries(bundle, read_image)
