from __future__ import annotations

import hashlib
import multiprocessing
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.camera.pattern.part import Defect
from edge.camera.pattern.scene import ProductionLine
from edge.camera.pattern.settings import LABELS, LineSettings
from edge.core.errors import ConfigError
from edge.core.types import Size

SMALL = Size(640, 360)


def digest(index: int) -> str:
    line = ProductionLine(LineSettings(size=SMALL, seed=3))
    return hashlib.sha256(line.render(index).tobytes()).hexdigest()


def test_a_frame_depends_on_settings_and_index_alone() -> None:
    line = ProductionLine(LineSettings(size=SMALL, seed=3))
    forwards = [line.render(index) for index in range(0, 2000, 250)]
    again = ProductionLine(LineSettings(size=SMALL, seed=3))
    backwards = [again.render(index) for index in reversed(range(0, 2000, 250))]
    for one, other in zip(forwards, reversed(backwards), strict=True):
        assert np.array_equal(one, other)


def test_another_process_renders_the_same_bytes() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(digest, [777]) == [digest(777)]


def test_frames_and_seeds_differ() -> None:
    line = ProductionLine(LineSettings(size=SMALL, seed=3))
    other = ProductionLine(LineSettings(size=SMALL, seed=4))
    assert not np.array_equal(line.render(0), line.render(1))
    assert not np.array_equal(line.render(0), other.render(0))


def test_render_writes_into_the_given_buffer() -> None:
    line = ProductionLine(LineSettings(size=SMALL))
    buffer = np.zeros((360, 640, 3), np.uint8)
    assert line.render(5, buffer) is buffer
    assert np.array_equal(buffer, line.render(5))
    with pytest.raises(ValueError, match="out must be uint8"):
        line.render(5, np.zeros((360, 641, 3), np.uint8))


def test_the_belt_moves_to_the_right_and_joins_its_end() -> None:
    line = ProductionLine(LineSettings(size=SMALL, seed=2))
    length = line._belt.shape[1]
    before, after = np.empty((360, 640, 3), np.uint8), np.empty((360, 640, 3), np.uint8)
    for travel in range(0, 2 * length, 97):
        line._lay_belt(before, travel)
        line._lay_belt(after, travel + 8)
        assert np.array_equal(before[:, :-8], after[:, 8:])


def test_parts_move_with_the_belt_and_rails_stand_still() -> None:
    line = ProductionLine(LineSettings(size=SMALL, seed=2, defect_rate=0))
    moved = line.settings.travel_px(10)
    before, after = (line.render(i).astype(np.float32) for i in (60, 70))
    middle = slice(100, 260)
    still = np.abs(before[middle, 40:600] - after[middle, 40:600]).mean()
    shifted = np.abs(before[middle, 40:500] - after[middle, 40 + moved : 500 + moved]).mean()
    assert moved > 0
    assert shifted < still / 3
    assert np.abs(before[:15] - after[:15]).mean() < 5


SIZES = [Size(64, 64), Size(320, 320), Size(640, 480), Size(1281, 719), Size(1920, 1080)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_size_is_rendered_with_boxes_inside(size: Size) -> None:
    line = ProductionLine(LineSettings(size=size, seed=5, defect_rate=1))
    for index in (0, 300):
        image, truth = line.render(index), line.truth(index)
        assert image.shape == (size.height, size.width, 3)
        assert 20 < image.mean() < 160
        assert (truth.boxes >= 0).all()
        assert (truth.boxes[:, 2] <= size.width).all()
        assert (truth.boxes[:, 3] <= size.height).all()
        assert (truth.boxes[:, 2:] > truth.boxes[:, :2]).all()


def test_every_class_occurs_and_half_the_parts_are_good() -> None:
    line = ProductionLine(LineSettings(size=SMALL, seed=1))
    parts = [line._part(number) for number in range(120)]
    seen = np.bincount([d.class_id for part in parts for d in part.defects], minlength=5)
    assert len(LABELS) == len(seen) == 5
    assert (seen >= 10).all(), dict(zip(LABELS, seen, strict=True))
    assert 0.35 < np.mean([not part.defects for part in parts]) < 0.65
    assert max(len(part.defects) for part in parts) <= 3


def test_no_defects_when_none_are_asked_for() -> None:
    line = ProductionLine(LineSettings(size=SMALL, defect_rate=0))
    assert all(len(line.truth(index)) == 0 for index in range(0, 3000, 100))


def changes(bad: ProductionLine, good: ProductionLine, index: int) -> NDArray[np.int16]:
    """How much each pixel differs from the same frame without defects, brightest channel."""
    difference = bad.render(index).astype(np.int16) - good.render(index).astype(np.int16)
    return np.abs(difference).max(axis=2)


@pytest.mark.parametrize("seed", range(4))
def test_boxes_are_tight_around_what_a_defect_changes(seed: int) -> None:
    bad, good = (ProductionLine(LineSettings(seed=seed, defect_rate=rate)) for rate in (1.0, 0.0))
    defects = 0
    for index in range(100, 1100, 130):
        change, truth = changes(bad, good, index), bad.truth(index)
        covered = np.zeros(change.shape, bool)
        for box in truth.boxes.astype(int):
            x1, y1, x2, y2 = box
            inside = change[y1:y2, x1:x2] > 12
            assert inside.mean() > 0.02
            rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
            slack = 5  # pixels: soft ends of a shape are in its box, but hardly seen
            assert rows[0] <= slack
            assert columns[0] <= slack
            assert rows[-1] >= y2 - y1 - 1 - slack
            assert columns[-1] >= x2 - x1 - 1 - slack
            covered[max(0, y1 - 5) : y2 + 5, max(0, x1 - 5) : x2 + 5] = True
        whole = slice(200, 1080)  # left and right of it, defects may be too hidden to be true
        assert (change[:, whole] > 12)[~covered[:, whole]].mean() < 1e-4
        defects += len(truth)
    assert defects > 20


def test_defects_are_large_enough_for_a_detector_at_half_the_scale() -> None:
    line = ProductionLine(LineSettings(seed=8, defect_rate=1))
    boxes = np.concatenate([line.truth(index).boxes for index in range(0, 4000, 50)])
    assert (boxes[:, 2:] - boxes[:, :2]).min() >= 11
    assert np.percentile((boxes[:, 2:] - boxes[:, :2]).min(axis=1), 5) >= 14


# A defect 40 pixels wide, or 10, in a picture 640 wide; at this scale a box needs 5.5 pixels.
LEAVING = [
    (40, 600, (600, 640)),
    (40, 623, (623, 640)),
    (40, 624, None),
    (40, 700, None),
    (40, -23, (0, 17)),
    (40, -24, None),
    (40, -90, None),
    (10, 634, (634, 640)),
    (10, 635, None),
]


@pytest.mark.parametrize(("width", "left", "seen"), LEAVING)
def test_a_defect_is_true_while_enough_of_it_is_in_the_picture(
    width: int, left: int, seen: tuple[int, int] | None
) -> None:
    line = ProductionLine(LineSettings(size=SMALL))
    defect = Defect(0, 0, 5, np.ones((20, width), np.bool_))
    box = line._visible_box(defect, left, 100)
    assert box == (None if seen is None else (seen[0], 105, seen[1], 125))


BAD = [
    ("width", {"size": Size(63, 64)}),
    ("height", {"size": Size(64, 5000)}),
    ("fps", {"fps": 0.0}),
    ("fps", {"fps": float("nan")}),
    ("seed", {"seed": -1}),
    ("defect_rate", {"defect_rate": 1.5}),
    ("speed_px_s", {"speed_px_s": -1.0}),
]


@pytest.mark.parametrize(("key", "values"), BAD, ids=[str(v) for _, v in BAD])
def test_settings_that_cannot_be_are_refused_by_name(key: str, values: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"{key} is .*; it must be"):
        LineSettings(**values)  # type: ignore[arg-type]


def test_the_package_needs_numpy_and_opencv_only() -> None:
    blocked = ("pydantic", "yaml", "onnx", "onnxruntime", "av", "PIL", "edge.core.config")
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked!r}))\n"
        "import edge.camera.pattern\n"
        "rooms = [m for m in sys.modules if m.startswith('edge.')]\n"
        "allowed = ('edge.camera', 'edge.core')\n"
        "sys.exit(any(not m.startswith(allowed) for m in rooms))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
