from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.core.types import Image
from edge.vision.features import (
    BLURRED_SHARE,
    LEAST_FOR_BLUR,
    NEAR_DUPLICATE,
    blurred,
    difference,
    features,
    is_black,
    is_blank,
    near_duplicates,
)

Thumbnails = NDArray[np.uint8]


def scene(seed: int = 0, *, height: int = 480, width: int = 640, light: float = 1) -> Image:
    """Rectangles of many sizes and colours: hard edges, as on parts."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), 90, np.uint8)
    for _ in range(60):
        left, top = int(rng.integers(0, width)), int(rng.integers(0, height))
        size = int(rng.integers(4, 60))
        colour = rng.integers(0, 256, 3).tolist()
        cv2.rectangle(image, (left, top), (left + size, top + size), colour, cv2.FILLED)
    return (image * light).astype(np.uint8)


def noisy(image: Image, deviation: float, seed: int = 0) -> Image:
    rng = np.random.default_rng(seed)
    return np.clip(image + rng.normal(0, deviation, image.shape), 0, 255).astype(np.uint8)


def one_colour(*bgr: int) -> Image:
    return np.full((48, 64, 3), bgr, np.uint8)


@pytest.mark.parametrize(
    ("image", "brightness", "saturation"),
    [
        pytest.param(one_colour(0, 0, 0), 0, 0, id="black"),
        pytest.param(one_colour(255, 255, 255), 255, 0, id="white"),
        pytest.param(one_colour(0, 0, 255), 76, 255, id="red is the last channel"),
        pytest.param(one_colour(200, 100, 100), 111, 100, id="bluish"),
    ],
)
def test_images_of_one_colour(image: Image, brightness: float, saturation: float) -> None:
    result = features(image)
    assert result.brightness == pytest.approx(brightness, abs=1)
    assert result.contrast == 0
    assert result.saturation == saturation
    assert result.colour == tuple(image[0, 0])
    assert (result.thumbnail == round(result.brightness)).all()
    assert is_blank(result)


def test_contrast_is_the_deviation_of_the_luma() -> None:
    image = one_colour(100, 100, 100)
    image[:, 32:] = 140
    assert features(image).contrast == pytest.approx(20)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (31, 33), (1440, 2560)])
def test_images_of_any_shape(shape: tuple[int, int]) -> None:
    result = features(np.full((*shape, 3), 77, np.uint8))
    assert result.thumbnail.shape == (32, 32)
    assert result.brightness == 77
    assert np.isfinite(result.sharpness)


@pytest.mark.parametrize(
    ("image", "black", "blank"),
    [
        pytest.param(one_colour(0, 0, 0), True, True, id="black"),
        pytest.param(noisy(one_colour(1, 1, 1), 3), True, True, id="lens cap, with noise"),
        pytest.param(one_colour(255, 255, 255), False, True, id="over-exposed"),
        pytest.param(noisy(one_colour(120, 120, 120), 2), False, True, id="fog"),
        pytest.param(scene(), False, False, id="a scene"),
        pytest.param(scene(light=0.15), False, False, id="a dim scene is not black"),
    ],
)
def test_black_and_blank(image: Image, black: bool, blank: bool) -> None:
    result = features(image)
    assert (is_black(result), is_blank(result)) == (black, blank)


@pytest.mark.parametrize("seed", range(4))
def test_each_further_blur_lowers_the_sharpness(seed: int) -> None:
    image = scene(seed)
    blurs = [cv2.GaussianBlur(image, (0, 0), width) for width in (1, 1.5, 2, 3)]
    values = [features(np.asarray(each, np.uint8)).sharpness for each in (image, *blurs)]
    assert values == sorted(values, reverse=True)
    assert values[1] < BLURRED_SHARE * values[0]


def test_little_light_or_little_to_see_is_not_taken_for_blur() -> None:
    busy, usual = scene(), features(scene()).sharpness
    empty = np.full_like(busy, 90)
    empty[:100, :100] = busy[:100, :100]
    for image in (empty, scene(light=0.5), scene(light=0.25)):
        assert BLURRED_SHARE < features(image).sharpness / usual < 1.5


def test_a_larger_camera_sees_the_same() -> None:
    image = scene()
    larger = cv2.resize(image, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    small, large = features(image), features(np.asarray(larger, np.uint8))
    assert large.sharpness == pytest.approx(small.sharpness, rel=0.01)
    assert difference(small, large) <= 1


@pytest.mark.parametrize(
    ("sharpness", "expected"),
    [
        pytest.param([], [], id="no images"),
        pytest.param([20.0], [], id="one"),
        pytest.param([20.0] * (LEAST_FOR_BLUR - 2) + [1.0], [], id="too few to know the normal"),
        pytest.param([20.0] * 7 + [1.0], [7], id="one of eight"),
        pytest.param([20.0] * 9 + [11.0], [], id="softer, but more than half"),
        pytest.param([20.0] * 9 + [9.0], [9], id="less than half"),
        pytest.param([0.0] * 9, [], id="none sharper than the others"),
        pytest.param([20.0] * 9 + [100.0], [], id="sharper is no fault"),
        pytest.param([4.0, 8.0, 16.0, 32.0, 64.0] * 3, [], id="a set that varies by nature"),
    ],
)
def test_blurred_is_judged_by_the_rest_of_the_set(
    sharpness: list[float], expected: list[int]
) -> None:
    assert np.flatnonzero(blurred(np.array(sharpness))).tolist() == expected


def test_an_exposure_taken_again_is_a_near_duplicate_and_a_small_defect_is_none() -> None:
    image = scene(height=720, width=1280)
    again = cv2.imdecode(cv2.imencode(".jpg", noisy(image, 4))[1], cv2.IMREAD_COLOR)
    defect = image.copy()
    cv2.circle(defect, (500, 300), 12, (255, 255, 255), cv2.FILLED)
    first = features(image)
    assert difference(first, features(np.asarray(again, np.uint8))) <= NEAR_DUPLICATE
    assert difference(first, features(defect)) > NEAR_DUPLICATE


def thumbnails(*levels: int) -> Thumbnails:
    return np.stack([np.full((32, 32), level, np.uint8) for level in levels])


ONE_SPOT = thumbnails(9, 9)
ONE_SPOT[1, 20, 20] = 60


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        pytest.param(np.zeros((0, 32, 32), np.uint8), {}, id="no images"),
        pytest.param(thumbnails(9), {}, id="one"),
        pytest.param(thumbnails(9, 9), {1: 0}, id="the later one goes"),
        pytest.param(thumbnails(9, 13), {1: 0}, id="at the limit"),
        pytest.param(thumbnails(9, 14), {}, id="beyond it"),
        pytest.param(ONE_SPOT, {}, id="alike but for one spot"),
        pytest.param(thumbnails(14, 9, 14, 9), {2: 0, 3: 1}, id="two scenes"),
        pytest.param(thumbnails(0, 3, 6, 9), {1: 0, 3: 2}, id="a slow drift is not one image"),
        pytest.param(thumbnails(*[7] * 500), dict.fromkeys(range(1, 500), 0), id="a frozen camera"),
    ],
)
def test_which_images_repeat_others(images: Thumbnails, expected: dict[int, int]) -> None:
    assert near_duplicates(images) == expected


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.lists(st.integers(0, 9), min_size=1, max_size=60))
def test_every_repetition_is_found_and_one_of_each_is_kept(seed: int, scenes: list[int]) -> None:
    rng = np.random.default_rng(seed)
    originals = rng.integers(10, 240, (10, 32, 32))
    images = originals[scenes] + rng.integers(-2, 3, (len(scenes), 32, 32))
    first = {each: scenes.index(each) for each in scenes}
    expected = {k: first[each] for k, each in enumerate(scenes) if k != first[each]}
    assert near_duplicates(images.astype(np.uint8)) == expected


def test_a_large_set_is_searched() -> None:  # comparing all pairs would end in a time-out
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20_000, 32, 32), dtype=np.uint8)
    images[15_000:15_100] = images[:100]
    assert near_duplicates(images) == {15_000 + k: k for k in range(100)}
