"""Values refuse what they are not, and say what they got."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge.core.types import Detections, Frame, Image, Size
from tests.fakes import a_frame


def test_the_pixels_of_a_frame_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        a_frame().image[0, 0] = 1


@pytest.mark.parametrize(
    ("image", "pixel_format", "message"),
    [
        (np.zeros((4, 6), np.uint8), "bgr", r"bgr image must be uint8 \(H, W, 3\), got uint8"),
        (np.zeros((4, 6, 4), np.uint8), "bgr", r"got uint8 \(4, 6, 4\)"),
        (np.zeros((4, 6, 3), np.uint16), "bgr", r"got uint16 \(4, 6, 3\)"),
        (np.zeros((0, 6, 3), np.uint8), "bgr", r"got uint8 \(0, 6, 3\)"),
        (np.zeros((4, 6), np.uint8), "nv12", r"nv12 image must be uint8 \(H \* 3 / 2, W\)"),
        (np.zeros((6, 6, 3), np.uint8), "nv12", r"got uint8 \(6, 6, 3\)"),
    ],
    ids=["grey", "alpha", "16-bit", "empty", "nv12 of odd height", "bgr called nv12"],
)
def test_a_frame_refuses_other_arrays(image: Any, pixel_format: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Frame(image, 0, 0.0, pixel_format=pixel_format)


def test_an_nv12_frame_knows_its_size_and_is_converted_once() -> None:
    calls = []

    def to_bgr(image: Image) -> Image:
        calls.append(image.shape)
        return np.zeros((4, 6, 3), np.uint8)

    frame = Frame(np.zeros((6, 6), np.uint8), 0, 0.0, pixel_format="nv12", to_bgr=to_bgr)
    assert frame.size == Size(6, 4)
    assert frame.bgr() is frame.bgr()
    assert calls == [(6, 6)]
    assert not frame.bgr().flags.writeable


def test_a_bgr_frame_is_not_converted() -> None:
    frame = a_frame()
    assert frame.bgr() is frame.image


@pytest.mark.parametrize(
    ("boxes", "scores", "class_ids", "message"),
    [
        (np.zeros((1, 4)), np.zeros(1, np.float32), np.zeros(1, np.int32), "got float64"),
        (
            np.zeros((2, 4), np.float32),
            np.zeros(1, np.float32),
            np.zeros(1, np.int32),
            r"boxes must be float32 \(1, 4\), got float32 \(2, 4\)",
        ),
        (
            np.zeros((1, 4), np.float32),
            np.zeros(1, np.float32),
            np.zeros(1, np.int64),
            "class_ids must be int32",
        ),
    ],
    ids=["double boxes", "more boxes than scores", "64-bit class ids"],
)
def test_detections_say_what_is_wrong(
    boxes: Any, scores: Any, class_ids: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Detections(boxes, scores, class_ids)


def test_no_detections_are_three_empty_arrays() -> None:
    assert len(Detections.none()) == 0
