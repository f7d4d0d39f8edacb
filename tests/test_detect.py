from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.core.config import DetectConfig
from edge.core.errors import DataError
from edge.core.ports import Detector
from edge.core.types import Detections, Frame, Size
from edge.detect import CpuDetector
from edge.engine import open_engine
from edge.vision.nms import iou
from tests.engine.models import colour_model, constant_model, saved

Row = tuple[float, float, float, float, int, float]
"""A candidate: cx cy w h in model pixels, class id, score."""


class FixedEngine:
    """Always answers with these candidates, on a canvas of 64 x 64."""

    description = "fixed"
    labels: tuple[str, ...] = ("a", "b", "c")
    input_size = Size(64, 64)

    def __init__(self, *rows: Row, anchors: int = 400) -> None:
        self.head = np.zeros((1, 7, anchors), np.float32)
        for anchor, (cx, cy, width, height, class_id, score) in enumerate(rows):
            self.head[0, :4, anchor] = cx, cy, width, height
            self.head[0, 4 + class_id, anchor] = score

    def infer(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.head

    def close(self) -> None:
        pass


def a_frame(width: int = 128, height: int = 64, colour: tuple[int, int, int] = (0, 0, 0)) -> Frame:
    image = np.empty((height, width, 3), np.uint8)
    image[:] = colour
    return Frame(image, 0, 0.0)


def as_rows(found: Detections) -> list[tuple[list[float], int]]:
    return list(zip(found.boxes.tolist(), found.class_ids.tolist(), strict=True))


# A frame of 128 x 64 on a canvas of 64 x 64: scale 0.5, 16 model pixels of border above.
@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([], [], id="empty head"),
        pytest.param([(32, 32, 8, 8, 0, 0.2)], [], id="nothing above the threshold"),
        pytest.param([(32, 32, 8, 8, 2, 0.9)], [([56, 24, 72, 40], 2)], id="one box"),
        pytest.param(
            [(32, 32, 8, 8, 1, 0.5), (32, 32, 8, 9, 1, 0.9)],
            [([56, 23, 72, 41], 1)],
            id="two of one",
        ),
        pytest.param(
            [(32, 32, 8, 8, 1, 0.5), (32, 32, 8, 8, 0, 0.9)],
            [([56, 24, 72, 40], 0), ([56, 24, 72, 40], 1)],
            id="two classes in one place",
        ),
        pytest.param([(4, 20, 16, 16, 0, 0.9)], [([0, 0, 24, 24], 0)], id="over the edge"),
        pytest.param([(32, 8, 8, 8, 0, 0.9)], [], id="outside the picture"),
        pytest.param([(32, 32, -8, 8, 0, 0.9)], [], id="inside out"),
    ],
)
def test_boxes_are_in_pixels_of_the_image(
    rows: list[Row], expected: list[tuple[list[float], int]]
) -> None:
    assert as_rows(CpuDetector(FixedEngine(*rows))(a_frame())) == expected


def test_of_many_boxes_the_best_are_kept() -> None:
    rows = [(2.0 + i % 16 * 4, 2.0 + i // 16 * 4, 3, 3, 0, 0.5 + i / 1000) for i in range(256)]
    detect = CpuDetector(FixedEngine(*rows), DetectConfig(max_boxes=100))
    scores = detect(a_frame(64, 64)).scores
    assert len(scores) == 100
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)
    assert scores.min() == np.float32(0.5 + 156 / 1000)


def test_a_head_in_which_everything_passes_is_bounded() -> None:
    engine = FixedEngine(anchors=8400)
    engine.head[:] = np.random.default_rng(0).random(engine.head.shape, np.float32)
    engine.head[0, :4] *= 60
    assert len(CpuDetector(engine)(a_frame())) <= 300


@pytest.mark.parametrize(("confidence", "count"), [(0.0, 2), (0.5, 2), (0.9, 1), (1.0, 0)])
def test_the_settings_decide_what_counts(confidence: float, count: int) -> None:
    engine = FixedEngine((32, 32, 8, 8, 0, 0.6), (8, 32, 8, 8, 0, 0.95), anchors=2)
    found = CpuDetector(engine, DetectConfig(confidence=confidence))(a_frame())
    assert len(found) == count


def test_a_broken_head_is_an_error_and_not_an_empty_frame() -> None:
    engine = FixedEngine()
    engine.head[:] = np.nan
    with pytest.raises(DataError, match="not inspected"):
        CpuDetector(engine)(a_frame())


@pytest.mark.parametrize(
    ("bgr", "label"),
    [((0, 0, 255), "red"), ((0, 255, 0), "green"), ((255, 0, 0), "blue")],
    ids=["red", "green", "blue"],
)
@pytest.mark.parametrize("size", [(96, 64), ("h", "w")], ids=["fixed size", "open size"])
def test_a_real_network_sees_the_colours_of_the_frame(
    tmp_path: Path, bgr: tuple[int, int, int], label: str, size: tuple[int, int]
) -> None:
    metadata = {"names": "{0: 'red', 1: 'green', 2: 'blue'}", "imgsz": "[64, 96]"}
    engine = open_engine(saved(colour_model(size=size, metadata=metadata), tmp_path / "m.onnx"))
    detect: Detector = CpuDetector(engine, DetectConfig(confidence=0.6))
    found = detect(a_frame(engine.input_size.width, engine.input_size.height, bgr))
    assert [detect.labels[class_id] for class_id in found.class_ids] == [label]
    assert iou(found.boxes, np.array([[20, 20, 40, 60]], np.float32))[0, 0] > 0.9
    assert detect.description == engine.description


def test_stages_one_by_one_are_the_whole(tmp_path: Path) -> None:
    head = np.random.default_rng(3).random((1, 7, 84), np.float32)
    head[0, :4] *= 30
    detect = CpuDetector(open_engine(saved(constant_model(head), tmp_path / "m.onnx")))
    frame = a_frame(100, 50)
    tensor, letterbox = detect.preprocess(frame)
    staged = detect.postprocess(detect.engine.infer(tensor), letterbox)
    whole = detect(frame)
    assert len(whole) > 0
    assert as_rows(staged) == as_rows(whole)


def test_a_frame_in_another_pixel_format_is_converted() -> None:
    nv12 = np.zeros((96, 128), np.uint8)
    converted = np.full((64, 128, 3), 255, np.uint8)
    frame = Frame(nv12, 0, 0.0, pixel_format="nv12", to_bgr=lambda image: converted)
    tensor, letterbox = CpuDetector(FixedEngine()).preprocess(frame)
    assert letterbox.image == Size(128, 64)
    assert tensor[0, :, 32, 32].tolist() == [1, 1, 1]
