from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.core.errors import MissingLibraryError
from edge.core.types import Image, Size
from edge.export import load_ultralytics
from edge.vision.letterbox import BORDER, Letterbox, Preprocessor

MODEL = Size(640, 640)
SIDES = st.integers(1, 3000)


def an_image(size: Size, seed: int = 0) -> Image:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (size.height, size.width, 3), dtype=np.uint8)


def reference(image: Image, model: Size) -> NDArray[np.float32]:
    """The rule once more, in the plainest OpenCV."""
    height, width = image.shape[:2]
    scale = min(model.height / height, model.width / width)
    inner = max(1, round(width * scale)), max(1, round(height * scale))
    dx, dy = (model.width - inner[0]) / 2, (model.height - inner[1]) / 2
    if inner != (width, height):
        image = cv2.resize(image, inner, interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    sides = (round(dy - 0.1), round(dy + 0.1), round(dx - 0.1), round(dx + 0.1))
    bordered = cv2.copyMakeBorder(image, *sides, cv2.BORDER_CONSTANT, value=[BORDER] * 3)
    return np.asarray(bordered[..., ::-1].transpose(2, 0, 1), np.float32) / np.float32(255)


@pytest.mark.parametrize(
    ("image", "inner", "left", "top"),
    [
        pytest.param(Size(640, 640), Size(640, 640), 0, 0, id="fits"),
        pytest.param(Size(1280, 720), Size(640, 360), 0, 140, id="wide"),
        pytest.param(Size(720, 1280), Size(360, 640), 140, 0, id="tall"),
        pytest.param(Size(320, 320), Size(640, 640), 0, 0, id="small grows"),
        pytest.param(Size(641, 479), Size(640, 478), 0, 81, id="even padding"),
        pytest.param(Size(640, 479), Size(640, 479), 0, 80, id="odd pixel goes below"),
        pytest.param(Size(1, 5000), Size(1, 640), 319, 0, id="a line keeps a pixel"),
        pytest.param(Size(1, 1), Size(640, 640), 0, 0, id="one pixel"),
    ],
)
def test_an_image_is_placed_in_the_middle(image: Size, inner: Size, left: int, top: int) -> None:
    letterbox = Letterbox.fit(image, MODEL)
    assert (letterbox.inner, letterbox.left, letterbox.top) == (inner, left, top)


@settings(deadline=None)
@given(SIDES, SIDES)
def test_boxes_come_back_from_the_model(width: int, height: int) -> None:
    letterbox = Letterbox.fit(Size(width, height), MODEL)
    boxes = np.array([[0, 0, width, height], [width / 5, height / 3, width, height]], np.float32)
    back = letterbox.image_from_model(letterbox.model_from_image(boxes))
    np.testing.assert_allclose(back, boxes, atol=max(width, height) * 1e-4)


@settings(deadline=None)
@given(SIDES, SIDES)
def test_the_whole_image_covers_its_place_on_the_canvas(width: int, height: int) -> None:
    letterbox = Letterbox.fit(Size(width, height), MODEL)
    corners = np.array([[0, 0, width, height]], np.float32)
    left, top, right, bottom = letterbox.model_from_image(corners)[0]
    assert (left, top) == (letterbox.left, letterbox.top)
    # Half a pixel of rounding, except for a line that is thinner than one model pixel.
    assert abs(right - letterbox.left - letterbox.inner.width) < 1
    assert abs(bottom - letterbox.top - letterbox.inner.height) < 1


@pytest.mark.parametrize(
    ("box", "clipped"),
    [
        pytest.param([-50, 0, 700, 640], [0, 0, 1280, 720], id="larger than the image"),
        pytest.param([0, 0, 640, 100], [0, 0, 1280, 0], id="in the border above"),
        pytest.param([320, 320, 330, 340], [640, 360, 660, 400], id="inside"),
    ],
)
def test_boxes_are_clipped_to_the_image(box: list[float], clipped: list[float]) -> None:
    letterbox = Letterbox.fit(Size(1280, 720), MODEL)
    moved = letterbox.image_from_model(np.array([box], np.float32))
    assert moved.tolist() == [clipped]
    assert moved.dtype == np.float32


@settings(deadline=None, max_examples=50)
@given(SIDES, SIDES, st.sampled_from([(640, 640), (320, 640), (96, 32)]))
def test_the_tensor_is_the_letterboxed_image_to_the_bit(
    width: int, height: int, model: tuple[int, int]
) -> None:
    image = an_image(Size(width, height))
    tensor, _ = Preprocessor(Size(*model))(image)
    np.testing.assert_array_equal(tensor[0], reference(image, Size(*model)))


def test_the_border_is_renewed_when_the_image_changes_its_size() -> None:
    preprocess = Preprocessor(MODEL)
    for size in (Size(640, 640), Size(1280, 720), Size(720, 1280), Size(640, 640)):
        tensor, _ = preprocess(an_image(size))
        np.testing.assert_array_equal(tensor[0], reference(an_image(size), MODEL))


def test_every_frame_of_a_stream_is_converted() -> None:
    preprocess = Preprocessor(MODEL)
    for seed in range(3):
        image = an_image(Size(1280, 720), seed)
        tensor, _ = preprocess(image)
        np.testing.assert_array_equal(tensor[0], reference(image, MODEL))


def test_the_tensor_is_what_engines_ask_for() -> None:
    tensor, letterbox = Preprocessor(Size(96, 64))(an_image(Size(50, 50)))
    assert tensor.dtype == np.float32
    assert tensor.shape == (1, 3, 64, 96)
    assert tensor.flags.c_contiguous
    assert 0 <= tensor.min() <= tensor.max() <= 1
    assert letterbox.model == Size(96, 64)


def test_blue_green_red_becomes_red_green_blue() -> None:
    blue = np.zeros((64, 64, 3), np.uint8)
    blue[..., 0] = 255
    tensor, _ = Preprocessor(Size(64, 64))(blue)
    assert tensor[0].mean(axis=(1, 2)).tolist() == [0, 0, 1]


def test_a_read_only_cut_out_of_a_larger_image_is_taken() -> None:
    image = an_image(Size(300, 200))
    image.setflags(write=False)
    cut = image[10:190, 20:280]
    tensor, _ = Preprocessor(Size(64, 64))(cut)
    np.testing.assert_array_equal(tensor[0], reference(cut, Size(64, 64)))


@pytest.mark.export
@pytest.mark.filterwarnings("default")
def test_pixels_equal_those_of_ultralytics_for_random_sizes() -> None:
    try:
        load_ultralytics()
    except MissingLibraryError as error:
        pytest.skip(str(error))
    from ultralytics.data.augment import LetterBox

    theirs = LetterBox(new_shape=(640, 640), auto=False, scaleup=True)
    preprocess = Preprocessor(MODEL)
    rng = np.random.default_rng(7)
    for width, height in rng.integers(16, 2000, (60, 2)).tolist():
        image = an_image(Size(width, height))
        expected = np.asarray(theirs(image=image)[..., ::-1].transpose(2, 0, 1), np.float32)
        tensor, _ = preprocess(image)
        np.testing.assert_array_equal(tensor[0], expected / np.float32(255), f"{width}x{height}")
