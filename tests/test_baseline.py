"""What the line looks like travels in the bundle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge.app.baseline import LEAST_BOXES, LEAST_IMAGES, baseline_of, write_baseline
from edge.app.serving import Serving
from edge.core.config import DetectConfig
from edge.core.errors import DataError
from edge.core.types import Detections
from edge.engine.bundle import write_bundle
from edge.vision.features import features
from edge.watch import BASELINE, Baseline, read_baseline
from tests.engine.bundles import a_bundle, fields, files
from tests.fakes import one_box

GREY = features(np.full((48, 64, 3), 96, np.uint8))


def found(boxes: int) -> dict[str, Detections]:
    return {str(number): one_box(0.6, number % 2) for number in range(boxes)}


@pytest.mark.parametrize(
    ("images", "boxes", "known"),
    [
        (LEAST_IMAGES, LEAST_BOXES, (True, True, True)),
        (LEAST_IMAGES - 1, LEAST_BOXES, (False, True, True)),
        (LEAST_IMAGES, LEAST_BOXES - 1, (True, False, False)),
    ],
)
def test_what_there_is_too_little_of_is_left_to_be_learned(
    images: int, boxes: int, known: tuple[bool, ...]
) -> None:
    baseline = baseline_of(dict.fromkeys(map(str, range(images)), GREY), found(boxes), 3)
    assert tuple(map(bool, (baseline.brightness, baseline.scores, baseline.classes))) == known


def test_a_bundle_brings_it_along(tmp_path: Path) -> None:
    baseline = baseline_of(dict.fromkeys(map(str, range(30)), GREY), found(60), 3)
    inside = files(tmp_path / "work") | write_baseline(baseline, tmp_path)
    bundle = write_bundle(tmp_path / "models", inside, fields(), key=tmp_path / "key")
    assert BASELINE in json.loads((bundle / "manifest.json").read_text())["files"]
    serving = Serving(bundle, DetectConfig(), tmp_path / "key")
    assert serving.baseline == baseline
    assert serving.baseline.classes == (0.5, 0.5, 0.0)
    serving.close()


def test_a_bundle_without_one_is_used_all_the_same(tmp_path: Path) -> None:
    bundle, key = a_bundle(tmp_path)
    serving = Serving(bundle, DetectConfig(), key)
    assert serving.baseline is None
    serving.close()


@pytest.mark.parametrize("text", ["", "[]", '{"brightness": 7}', '{"brightness": ["a"]}'])
def test_one_that_is_none_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / BASELINE).write_text(text)
    with pytest.raises(DataError, match=r"baseline\.json.*edge build"):
        read_baseline(tmp_path)


def test_an_empty_one_says_that_nothing_is_known(tmp_path: Path) -> None:
    write_baseline(Baseline(), tmp_path)
    assert read_baseline(tmp_path) == Baseline()
