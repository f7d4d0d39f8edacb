from __future__ import annotations

import threading

import numpy as np
import pytest

from edge.camera.pattern.camera import PatternCamera
from edge.core.clock import MonotonicClock
from edge.core.errors import CameraError, CameraStalledError, ConfigError
from edge.core.pool import FramePool
from edge.core.ports import Camera
from edge.core.types import Frame
from tests.camera.pattern.conftest import FakeClock

SMALL = {"size": "96x64", "fps": "10"}


def opened(clock: FakeClock, pool: FramePool | None = None, **query: str) -> PatternCamera:
    return PatternCamera.from_query("line", {**SMALL, **query}, clock, pool=pool)


def next_frame(camera: Camera) -> Frame:
    frame = camera.read()
    assert frame is not None
    return frame


def test_frames_come_at_the_lines_pace_and_are_the_lines(clock: FakeClock) -> None:
    camera = opened(clock)
    for index in range(5):
        frame = next_frame(camera)
        assert (frame.index, frame.camera) == (index, "line")
        assert frame.captured_at == clock.now() == pytest.approx(100 + index / 10)
        assert np.array_equal(frame.image, camera.line.render(index))
        assert not frame.image.flags.writeable


def test_a_late_reader_gets_the_newest_frame_and_a_gap(clock: FakeClock) -> None:
    camera = opened(clock)
    assert next_frame(camera).index == 0
    clock.time += 0.57
    late = next_frame(camera)
    assert late.index == 5
    assert late.captured_at == pytest.approx(100.5)
    assert next_frame(camera).index == 6


def test_a_reader_in_time_misses_nothing_at_an_odd_rate(clock: FakeClock) -> None:
    camera = opened(clock, fps="29.97", frames="400")
    frames = iter(camera.read, None)
    assert [frame.index for frame in frames if frame] == list(range(400))


def test_without_pace_nothing_is_dropped_and_no_time_passes(clock: FakeClock) -> None:
    camera = opened(clock, realtime="false", frames="7")
    assert [next_frame(camera).index for _ in range(7)] == list(range(7))
    assert camera.read() is None
    assert clock.now() == 100


def test_pixels_lie_in_the_pool_and_an_empty_pool_drops_frames(clock: FakeClock) -> None:
    pool = FramePool(96 * 64 * 3, slots=2)
    camera = opened(clock, pool)
    held = [next_frame(camera), next_frame(camera)]
    assert all(np.shares_memory(frame.image, pool.memory) for frame in held)
    with pytest.raises(CameraStalledError, match="0 buffers free"):
        camera.read()
    assert pool.exhausted > 0
    held.clear()
    assert next_frame(camera).index > 2


@pytest.mark.parametrize("realtime", ["true", "false"])
def test_close_ends_a_read_that_waits_and_later_reads(realtime: str) -> None:
    pool = FramePool(96 * 64 * 3, slots=1)
    query = {**SMALL, "fps": "0.01", "realtime": realtime}
    clock = MonotonicClock()
    camera = PatternCamera.from_query("line", query, clock, stall_s=300, pool=pool)
    kept = next_frame(camera)
    results: list[Frame | None] = []
    reader = threading.Thread(target=lambda: results.append(camera.read()))
    reader.start()
    camera.close()
    camera.close()
    reader.join(30)
    assert not reader.is_alive()
    assert results == [None]
    assert camera.read() is None
    assert kept.index == 0


def test_a_stalled_camera_says_so_and_comes_back(clock: FakeClock) -> None:
    camera = opened(clock, stall_at="0.5", fault_s="3")
    assert [next_frame(camera).index for _ in range(5)] == list(range(5))
    with pytest.raises(CameraStalledError, match="no frame within 2 s"):
        camera.read()
    assert clock.now() == pytest.approx(102.4)
    assert next_frame(camera).index == 35


def test_a_short_stall_is_only_a_gap(clock: FakeClock) -> None:
    camera = opened(clock, stall_at="0.2", fault_s="1")
    assert [next_frame(camera).index for _ in range(4)] == [0, 1, 12, 13]


def test_without_pace_a_stall_is_told_at_once(clock: FakeClock) -> None:
    camera = opened(clock, stall_at="0.2", fault_s="1", realtime="false")
    assert [next_frame(camera).index for _ in range(2)] == [0, 1]
    with pytest.raises(CameraStalledError):
        camera.read()
    assert next_frame(camera).index == 12


def test_a_lost_camera_raises_until_it_is_back(clock: FakeClock) -> None:
    camera = opened(clock, lose_at="0.1", fault_s="0.2")
    assert next_frame(camera).index == 0
    for _ in range(2):
        with pytest.raises(CameraError, match=r"lose_at=0\.1"):
            camera.read()
    assert next_frame(camera).index == 3


def test_a_frozen_camera_repeats_one_picture_with_new_indices(clock: FakeClock) -> None:
    camera = opened(clock, freeze_at="0.2", fault_s="0.3")
    images = [next_frame(camera).image for _ in range(6)]
    assert np.array_equal(images[2], images[3])
    assert np.array_equal(images[2], images[4])
    assert not np.array_equal(images[1], images[2])
    assert not np.array_equal(images[4], images[5])


def test_a_black_camera_shows_noise_without_contrast(clock: FakeClock) -> None:
    camera = opened(clock, black_at="0.1", fault_s="0.2")
    lit, black, also_black, back = (next_frame(camera).image for _ in range(4))
    assert min(lit.mean(), back.mean()) > 20
    assert max(black.mean(), also_black.mean()) < 4
    assert not np.array_equal(black, also_black)


BAD = [
    ("size", "1280*720", "WIDTHxHEIGHT"),
    ("size", "12x12", "64 to 4096"),
    ("fps", "fast", "frames per second"),
    ("fps", "0", "0.01 to 1000"),
    ("seed", "1.5", "whole number"),
    ("seed", "-1", "0 to"),
    ("defect_rate", "2", "0 to 1"),
    ("speed", "-3", "0 to 10000"),
    ("realtime", "maybe", "true or false"),
    ("frames", "-1", "0 to"),
    ("stall_at", "soon", "seconds after opening"),
    ("fault_s", "nan", "0 to"),
]


@pytest.mark.parametrize(("key", "value", "wanted"), BAD, ids=[f"{k}={v}" for k, v, _ in BAD])
def test_a_bad_value_is_refused_with_key_value_and_remedy(
    key: str, value: str, wanted: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        PatternCamera.from_query("line", {key: value})
    message = str(caught.value)
    assert key.split("_")[0] in message or key == "size"
    assert value in message or key == "size"
    assert wanted in message


def test_an_unknown_key_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'sede'.*did you mean 'seed'.*known: size"):
        PatternCamera.from_query("line", {"sede": "1"})


def test_a_query_reaches_the_line(clock: FakeClock) -> None:
    camera = opened(clock, seed="7", defect_rate="0.25", speed="100", exposure="0.02")
    settings = camera.line.settings
    assert str(settings.size) == "96x64"
    assert (settings.seed, settings.defect_rate) == (7, 0.25)
    assert (settings.speed_px_s, settings.exposure_s) == (100, 0.02)
