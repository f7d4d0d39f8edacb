from __future__ import annotations

import io

import av
import cv2
import numpy as np
import pytest

from edge.camera.health import FROZEN_S, PictureJudge
from edge.core.types import CameraState, Frame, Image, Size
from tests.camera.fakes import frame, noisy_picture

LIVE, FROZEN, BLACK, RESIZED = (
    CameraState.LIVE,
    CameraState.FROZEN,
    CameraState.BLACK,
    CameraState.RESIZED,
)


def judged(judge: PictureJudge, images: list[Image], period_s: float = 0.1) -> list[CameraState]:
    return [judge.judge(frame(i, x), i * period_s).state for i, x in enumerate(images)]


def one_colour(*bgr: int) -> Image:
    return np.full((48, 64, 3), bgr, np.uint8)


def test_a_noisy_still_scene_is_live() -> None:
    scene = noisy_picture(0).astype(np.int16)
    noise = np.random.default_rng(1)
    images = [
        np.clip(scene + noise.normal(0, 1, scene.shape), 0, 255).astype(np.uint8) for _ in range(50)
    ]
    assert set(judged(PictureJudge(frozen_s=1), images)) == {LIVE}


def test_the_same_picture_is_frozen_only_after_its_time() -> None:
    states = judged(PictureJudge(frozen_s=1), [noisy_picture(0)] * 15)
    assert states == [LIVE] * 10 + [FROZEN] * 5


def test_a_slow_camera_needs_three_repeats_to_be_frozen() -> None:
    states = judged(PictureJudge(frozen_s=1), [noisy_picture(0)] * 5, period_s=2.0)
    assert states == [LIVE] * 3 + [FROZEN] * 2


def test_a_new_picture_ends_the_freeze_at_once() -> None:
    states = judged(PictureJudge(frozen_s=0.2), [noisy_picture(0)] * 5 + [noisy_picture(1)])
    assert states[-2:] == [FROZEN, LIVE]


def test_a_picture_before_a_gap_is_no_repeat() -> None:
    judge = PictureJudge(frozen_s=1)
    judged(judge, [noisy_picture(0)] * 3)
    judge.forget_picture()
    assert judge.judge(frame(9, noisy_picture(0)), 60.0).state is LIVE
    assert judge.judge(frame(10, noisy_picture(0)), 60.1).state is LIVE


@pytest.mark.parametrize("crf", [23, 38])
def test_a_live_still_scene_through_h264_is_not_frozen(crf: int) -> None:
    # The harder rate repeats every group of pictures bit by bit: 2 s here.
    judge = PictureJudge(frozen_s=FROZEN_S["rtsp"])
    states = judged(judge, decoded_still_scene(crf=crf, group=30, frames=120), period_s=1 / 15)
    assert set(states) == {LIVE}


def decoded_still_scene(*, crf: int, group: int, frames: int) -> list[Image]:
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)
    scene = np.asarray(cv2.resize(coarse, (320, 180)), np.float64)
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=15)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "crf": str(crf),
            "g": str(group),
        }
        for _ in range(frames):
            noisy = np.clip(scene + rng.normal(0, 4, scene.shape), 0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noisy, format="bgr24")))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file, "r") as container:
        return [np.asarray(f.to_ndarray(format="bgr24")) for f in container.decode(video=0)]


@pytest.mark.parametrize(
    ("image", "says"),
    [
        pytest.param(one_colour(0, 0, 0), "black", id="black"),
        pytest.param(np.maximum(noisy_picture(0), 155) - 155, "black", id="black with noise"),
        pytest.param(one_colour(255, 255, 255), "uniform", id="white"),
        pytest.param(one_colour(0, 135, 0), "uniform", id="decoder green"),
        pytest.param(one_colour(128, 128, 128), "uniform", id="grey"),
    ],
)
def test_a_picture_that_shows_nothing_is_black(image: Image, says: str) -> None:
    verdict = PictureJudge(frozen_s=1).judge(frame(0, image), 0.0)
    assert verdict.state is BLACK
    assert says in verdict.reason


def test_a_dark_picture_with_something_bright_in_it_is_live() -> None:
    image = one_colour(2, 2, 2)
    image[10:30, 10:30] = 200
    assert judged(PictureJudge(frozen_s=1), [image]) == [LIVE]


def test_a_small_part_on_an_even_belt_is_seen() -> None:
    image = np.full((480, 640, 3), 120, np.uint8)
    image[200:212, 306:318] = 200  # lies between the columns that are looked at first
    assert judged(PictureJudge(frozen_s=1), [image]) == [LIVE]


def test_the_black_test_can_be_turned_off() -> None:
    assert judged(PictureJudge(frozen_s=1, black_luma=0), [one_colour(0, 0, 0)]) == [LIVE]


def test_another_size_than_so_far_is_resized_until_it_is_accepted() -> None:
    judge = PictureJudge(frozen_s=1)
    judged(judge, [noisy_picture(0)])
    verdict = judge.judge(frame(1, noisy_picture(1, 32, 24)), 0.1)
    assert verdict.state is RESIZED
    assert "32x24 pixels, not the 64x48 it delivered so far" in verdict.reason
    judge.accept_size()
    assert judge.judge(frame(2, noisy_picture(2, 32, 24)), 0.2).state is LIVE


def test_another_size_than_expected_is_never_accepted() -> None:
    judge = PictureJudge(frozen_s=1, expected=Size(64, 48))
    judge.accept_size()
    assert judge.judge(frame(0, noisy_picture(0, 32, 24)), 0.0).state is RESIZED
    judge.accept_size()
    assert judge.judge(frame(1, noisy_picture(1, 32, 24)), 0.1).state is RESIZED
    assert judge.judge(frame(2, noisy_picture(2)), 0.2).state is LIVE


def test_nv12_is_judged_by_its_luma() -> None:
    nv12 = np.full((72, 64), 128, np.uint8)
    nv12[:48] = 0
    black = Frame(nv12, 0, 0.0, pixel_format="nv12")
    assert PictureJudge(frozen_s=1).judge(black, 0.0).state is BLACK
    nv12 = np.random.default_rng(0).integers(0, 255, (72, 64), dtype=np.uint8)
    assert (
        PictureJudge(frozen_s=1).judge(Frame(nv12, 0, 0.0, pixel_format="nv12"), 0.0).state is LIVE
    )
