from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.camera.child import SLOTS, Capture, ChildCamera
from edge.camera.uri import CameraUri
from edge.core.clock import MonotonicClock
from edge.core.errors import CameraError, CameraStalledError
from edge.core.types import Frame

URI = CameraUri.parse("rtsp://bob:s3cret@cam/1")
SMALL, LARGE = [8, 4], [64, 48]

Start = Callable[..., ChildCamera]


@pytest.fixture
def start() -> Iterator[Start]:
    cameras: list[ChildCamera] = []

    def start_one(then: str = "silence", *, stall_s: float = 30.0, **job: Any) -> ChildCamera:
        explain = lambda kind, text: CameraError(f"{kind}: {URI.scrub(text)}")  # noqa: E731
        work = Capture("tests.camera.fake_child", {"then": then, **job}, explain)
        clock = MonotonicClock()
        camera = ChildCamera("press-3", URI, work, stall_s=stall_s, open_s=stall_s, clock=clock)
        cameras.append(camera)
        return camera

    yield start_one
    for camera in cameras:
        camera.close()


def read(camera: ChildCamera) -> Frame:
    frame = camera.read()
    assert frame is not None
    return frame


def test_frames_arrive_in_the_pools_memory(start: Start) -> None:
    camera = start(frames=[SMALL, SMALL])
    before = time.monotonic()
    first, second = read(camera), read(camera)
    assert camera.pool is not None
    assert np.shares_memory(first.image, camera.pool.memory)
    assert (first.index, second.index) == (0, 1)
    assert (first.image == 0).all()
    assert (second.image == 1).all()
    assert first.image.shape == (4, 8, 3)
    assert before <= first.captured_at <= second.captured_at <= time.monotonic()
    assert first.camera == "press-3"


def test_a_frame_in_use_is_never_overwritten_and_its_slot_comes_back(start: Start) -> None:
    camera = start(frames=[SMALL] * 40)
    kept = [read(camera) for _ in range(3)]
    for _ in range(30):
        read(camera)
    for value, frame in enumerate(kept):
        assert (frame.image == value).all()
    assert camera.pool is not None
    pool = camera.pool
    del kept, frame
    gc.collect()
    assert pool.free == SLOTS


def test_frames_nobody_wanted_are_gaps(start: Start) -> None:
    camera = start(frames=[SMALL] * 4, unwanted=[0, 1])
    index = read(camera).index
    while index < 3:
        index = read(camera).index
    assert index == 3


def test_a_larger_picture_gets_a_larger_pool_and_old_frames_stay(start: Start) -> None:
    camera = start(frames=[SMALL, LARGE, SMALL])
    small, large, again = read(camera), read(camera), read(camera)
    assert [str(f.size) for f in (small, large, again)] == ["8x4", "64x48", "8x4"]
    assert [int(f.image.min()) for f in (small, large, again)] == [0, 1, 2]
    assert [int(f.image.max()) for f in (small, large, again)] == [0, 1, 2]


def test_frames_outlive_their_camera(start: Start) -> None:
    camera = start(frames=[SMALL, SMALL])
    read(camera)
    frame = read(camera)
    camera.close()
    del camera
    gc.collect()
    assert (frame.image == 1).all()


def test_a_silent_camera_stalls(start: Start) -> None:
    camera = start(frames=[SMALL], stall_s=0.5)
    read(camera)
    with pytest.raises(CameraStalledError, match=r"no frame for 0.5 s \(camera.stall_s\)"):
        camera.read()


@pytest.mark.parametrize(
    ("opens", "kind", "says"),
    [(False, CameraError, "no answer for 0.5 s"), (True, CameraStalledError, "no first frame")],
    ids=["no answer", "no first frame"],
)
def test_a_camera_that_never_starts_says_how_far_it_came(
    start: Start, opens: bool, kind: type[CameraError], says: str
) -> None:
    camera = start(frames=[], opens=opens, stall_s=0.5)
    with pytest.raises(CameraError, match=says) as silence:
        camera.read()
    assert type(silence.value) is kind


def test_keeping_every_buffer_is_called_by_its_name(start: Start) -> None:
    camera = start(frames=[SMALL] * 20, stall_s=0.5)
    kept = [read(camera) for _ in range(SLOTS)]
    with pytest.raises(CameraStalledError, match="all 8 frame buffers have been in use"):
        camera.read()
    kept.clear()
    assert read(camera).index >= SLOTS


def test_a_crash_in_the_library_is_an_error_with_its_last_words(start: Start) -> None:
    camera = start("segfault", frames=[SMALL])
    read(camera)
    with pytest.raises(CameraError, match=r"died \(killed by SIGSEGV\).*bad state") as crash:
        camera.read()
    assert "s3cret" not in str(crash.value)


def test_a_killed_process_is_an_error_at_once(start: Start) -> None:
    camera = start(frames=[SMALL])
    read(camera)
    os.kill(camera.pid, signal.SIGKILL)
    with pytest.raises(CameraError, match="killed by SIGKILL"):
        camera.read()


def test_the_librarys_error_is_explained_without_the_password(start: Start) -> None:
    camera = start("error", frames=[SMALL])
    read(camera)
    with pytest.raises(CameraError, match=r"^ValueError: rtsp://bob:\*\*\*@cam/1 misbehaves$"):
        camera.read()


def test_close_ends_a_read_in_another_thread(start: Start) -> None:
    camera = start(frames=[SMALL])
    read(camera)
    heard: list[Frame | None] = []
    thread = threading.Thread(target=lambda: heard.append(camera.read()))
    thread.start()
    camera.close()
    thread.join(30)
    camera.close()
    assert heard == [None]
    assert camera.read() is None


def test_a_stopped_process_can_still_be_closed(start: Start) -> None:
    camera = start(frames=[SMALL])
    read(camera)
    os.kill(camera.pid, signal.SIGSTOP)
    camera.close()
    assert not Path(f"/proc/{camera.pid}").exists()


def test_no_descriptor_is_left_behind(start: Start) -> None:
    def open_one() -> None:
        with closing(start(frames=[SMALL])) as camera:
            read(camera)

    open_one()
    gc.collect()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        open_one()
    gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_the_process_dies_with_its_parent() -> None:
    program = (
        "from tests.camera.test_child import *\n"
        "work = Capture('tests.camera.fake_child', {'then': 'silence', 'frames': [SMALL]}, None)\n"
        "c = ChildCamera('c', URI, work, stall_s=30, open_s=30, clock=MonotonicClock())\n"
        "c.read(); print(c.pid, flush=True); c.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 30
    while running(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not running(child)


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
