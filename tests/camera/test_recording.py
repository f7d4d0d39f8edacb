from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from edge.camera import open_camera
from edge.core.clock import Clock, MonotonicClock
from edge.core.errors import CameraError, ConfigError, DataError, EdgeError, InputMissingError
from edge.core.ports import Camera
from edge.core.types import Frame, Image
from tests.camera.fakes import FakeClock, noisy_picture

FRAMES = 40


def picture(index: int) -> Image:
    """A moving square whose place tells the frame's number."""
    image = np.full((120, 160, 3), 60, np.uint8)
    image[20:60, 3 * index : 3 * index + 20] = (40, 200, 240)
    return image


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "clip.mkv")


def write_video(path: Path, **options: str) -> Path:
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=Fraction(20))
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        stream.options = {"g": "10", "preset": "ultrafast"}
        for index in range(FRAMES):
            encoded = av.VideoFrame.from_ndarray(picture(index), format="bgr24")
            container.mux(stream.encode(encoded))
        container.mux(stream.encode())
    return path


def play(uri: str | Path, clock: Clock | None = None) -> tuple[list[Frame], EdgeError | None]:
    """All frames, and the error that ended them."""
    frames: list[Frame] = []
    try:
        camera = opened(uri, clock)
    except EdgeError as error:
        return frames, error
    try:
        while (frame := camera.read()) is not None:
            frames.append(frame)
    except EdgeError as error:
        return frames, error
    finally:
        camera.close()
    return frames, None


def opened(uri: str | Path, clock: Clock | None = None) -> Camera:
    return open_camera("clip", str(uri), stall_s=2.0, clock=clock or MonotonicClock())


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
def test_every_frame_of_a_video_comes_once_and_in_order(tmp_path: Path, suffix: str) -> None:
    frames, error = play(write_video(tmp_path / f"clip.{suffix}"))
    assert error is None
    assert [frame.index for frame in frames] == list(range(FRAMES))
    for frame in frames:
        assert frame.camera == "clip"
        assert np.abs(frame.image.astype(int) - picture(frame.index)).mean() < 8


def test_frames_are_stamped_when_read(video: Path) -> None:
    clock = FakeClock()
    camera = opened(video, clock)
    stamps = []
    for _ in range(3):
        frame = camera.read()
        assert frame is not None
        stamps.append(frame.captured_at)
        clock.pass_by(1.0)
    camera.close()
    assert stamps == [100.0, 101.0, 102.0]


@pytest.mark.parametrize(
    ("suffix", "kept"), [("mp4", 0.5), ("mp4", 0.9), ("mkv", 0.5), ("mkv", 0.9), ("avi", 0.9)]
)
def test_a_video_that_was_cut_off_says_how_far_it_got(
    tmp_path: Path, suffix: str, kept: float
) -> None:
    early_header = {"movflags": "faststart"} if suffix == "mp4" else {}
    path = write_video(tmp_path / f"clip.{suffix}", **early_header)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    frames, error = play(path)
    assert isinstance(error, CameraError)
    assert 0 < len(frames) < FRAMES
    assert f"breaks off after {len(frames)} frames" in str(error)


def test_a_transport_stream_that_ends_mid_packet_is_broken(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.ts")
    path.write_bytes(path.read_bytes()[:-100])
    frames, error = play(path)
    assert isinstance(error, CameraError)
    assert f"after {len(frames)} frames (the last packet is incomplete)" in str(error)


def test_a_damaged_middle_is_an_error_and_not_a_smeared_picture(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = np.random.default_rng(1).bytes(300)
    path.write_bytes(data)
    frames, error = play(path)
    assert isinstance(error, CameraError)
    for frame in frames:
        assert np.abs(frame.image.astype(int) - picture(frame.index)).mean() < 8


@pytest.mark.parametrize(
    ("content", "kind", "says"),
    [
        (b"", DataError, "is no video"),
        (b"hello world", DataError, "is no video"),
        (None, InputMissingError, "no such file"),
    ],
    ids=["empty", "text", "missing"],
)
def test_what_is_no_video_is_refused(
    tmp_path: Path, content: bytes | None, kind: type[EdgeError], says: str
) -> None:
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    frames, error = play(path)
    assert frames == []
    assert isinstance(error, kind)
    assert says in str(error)


def test_a_sound_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        silence.sample_rate = 8000
        container.mux(stream.encode(silence))
    assert "holds no video" in str(play(path)[1])


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_rotation_is_applied_as_opencv_does(tmp_path: Path, turn: int) -> None:
    path = write_video(tmp_path / "clip.mp4")
    data = path.read_bytes()
    one, corner = 1 << 16, 1 << 30
    matrices = {
        0: (one, 0, 0, 0, one, 0, 0, 0, corner),
        90: (0, one, 0, -one, 0, 0, 0, 0, corner),
        180: (-one, 0, 0, 0, -one, 0, 0, 0, corner),
        270: (0, -one, 0, one, 0, 0, 0, 0, corner),
    }  # ISO 14496-12, track header box
    start = data.index(b"tkhd") + 4 + 40
    old, new = (np.array(matrices[t], ">i4").tobytes() for t in (0, turn))
    assert data[start : start + 36] == old
    path.write_bytes(data[:start] + new + data[start + 36 :])
    capture = cv2.VideoCapture(str(path))
    reference = capture.read()[1]
    capture.release()
    frame = play(path)[0][0]
    assert frame.image.shape == reference.shape
    assert np.abs(frame.image.astype(int) - reference).mean() < 4


def test_a_folder_of_images_is_played_in_counting_order(tmp_path: Path) -> None:
    for index in (2, 10, 1):
        cv2.imwrite(str(tmp_path / f"{index}.png"), noisy_picture(index))
    frames, error = play(f"file://{tmp_path}")
    assert error is None
    for frame, seed in zip(frames, (1, 2, 10), strict=True):
        np.testing.assert_array_equal(frame.image, noisy_picture(seed))


def test_a_relative_glob_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "clips").mkdir()
    cv2.imwrite(str(tmp_path / "clips" / "1.png"), noisy_picture(1))
    monkeypatch.chdir(tmp_path)
    assert len(play("clips/*.png")[0]) == len(play("file://clips/1.png")[0]) == 1


def test_a_broken_image_ends_the_recording_with_its_name(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.jpg"), noisy_picture(1))
    (tmp_path / "2.jpg").write_bytes((tmp_path / "1.jpg").read_bytes()[:600])
    frames, error = play(tmp_path)
    assert len(frames) == 1
    assert isinstance(error, DataError)
    assert "2.jpg" in str(error)


def test_a_loop_starts_over_and_keeps_counting(video: Path) -> None:
    camera = opened(f"{video}?loop=true")
    indices = [frame.index for _ in range(2 * FRAMES + 5) if (frame := camera.read()) is not None]
    camera.close()
    assert indices == list(range(2 * FRAMES + 5))


def test_a_frame_rate_plays_in_real_time_and_a_slow_reader_drops(video: Path) -> None:
    clock = FakeClock()
    camera = opened(f"{video}?fps=10", clock)
    indices = []
    for pause in (0.0, 0.0, 0.55, 0.0):
        frame = camera.read()
        assert frame is not None
        indices.append(frame.index)
        clock.pass_by(pause)
    camera.close()
    assert indices == [0, 1, 2, 7]
    assert clock.now() == pytest.approx(100.75)


def test_close_ends_a_read_that_waits_for_its_turn(video: Path) -> None:
    camera = opened(f"{video}?fps=0.01")
    assert camera.read() is not None
    read: list[Frame | None] = []
    thread = threading.Thread(target=lambda: read.append(camera.read()))
    thread.start()
    camera.close()
    thread.join(30)
    camera.close()
    assert read == [None]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("fps=fast", "fps has to be"),
        ("fps=0", "fps"),
        ("fps=nan", "fps"),
        ("loop=2", "loop"),
        ("x=1", "'x'"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(video: Path, query: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        opened(f"{video}?{query}")


def test_a_glob_of_videos_names_one(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4")
    assert "did you mean" in str(play(f"{tmp_path}/*.mp4")[1])
