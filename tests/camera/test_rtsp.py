"""Against a real RTSP server: GStreamer's, in a process of its own.

Decoding by hardware is the Jetson's whole way but for NVIDIA's two elements, in whose place
software decodes and converts.
"""

from __future__ import annotations

import functools
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from edge.camera import open_feed
from edge.camera.child import ChildCamera
from edge.camera.rtsp import JETSON, open_rtsp
from edge.camera.uri import CameraUri
from edge.core.clock import MonotonicClock
from edge.core.config import CameraConfig
from edge.core.errors import CameraError, CameraStalledError, ConfigError, MissingLibraryError
from edge.core.ports import CameraFeed
from edge.core.types import CameraEvent, CameraState, CameraStatus, Frame
from edge.detect import CpuDetector
from tests.test_detect import FixedEngine

PYTHON = "/usr/bin/python3"
PACKAGES = (
    "gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly"
)
CLOCK = MonotonicClock()
JETSONS_OWN = "nvv4l2decoder ! nvvidconv"
STAND_IN = {
    codec: elements.replace(JETSONS_OWN, f"{decoder} ! videoconvert")
    for (codec, elements), decoder in zip(
        JETSON.items(), ("openh264dec", "libde265dec"), strict=True
    )
}


@functools.cache
def server_missing() -> bool:
    check = (
        "import gi; gi.require_version('GstRtspServer', '1.0'); "
        "from gi.repository import Gst, GstRtspServer; Gst.init(None); "
        "assert all(map(Gst.ElementFactory.find, "
        "'x264enc x265enc rtph264pay h264parse openh264dec libde265dec'.split()))"
    )
    return not Path(PYTHON).exists() or bool(
        subprocess.run([PYTHON, "-c", check], capture_output=True, check=False).returncode
    )


pytestmark = pytest.mark.skipif(server_missing(), reason=f"needs: apt install {PACKAGES}")


class Server:
    """The RTSP server's process; it can be told things, stopped, and killed."""

    def __init__(self, port: int, *options: str) -> None:
        self.port = port
        script = Path(__file__).with_name("rtsp_server.py")
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [PYTHON, str(script), str(port), *options], stdin=pipe, stdout=pipe, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def uri(self, path: str = "/cam", login: str = "") -> str:
        return f"rtsp://{login}127.0.0.1:{self.port}{path}"

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        with self._process:
            self._process.kill()


Serve = Callable[..., Server]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[Server] = []

    def start(*options: str, port: int | None = None) -> Server:
        servers.append(Server(port or free_port(), *options))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(params=["software", "hardware"])
def decode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


ONE_SLICE = ("--threads", "1")
"""OpenH264, which stands in for the Jetson's decoder, takes no pictures of several slices."""


def opened(
    uri: str, decode: str = "software", *, stall_s: float = 20.0, open_s: float = 30.0
) -> ChildCamera:
    parsed = CameraUri.parse(f"{uri}?channel=1&decode={decode}")
    return open_rtsp(
        "press-3", parsed, stall_s=stall_s, clock=CLOCK, open_s=open_s, decoders=STAND_IN
    )


def fault_of(uri: str, decode: str, **waits: float) -> CameraError:
    with closing(opened(uri, decode, **waits)) as camera, pytest.raises(CameraError) as fault:
        camera.read()
    return fault.value


def feed_of(uri: str, name: str = "press-3", **settings: object) -> CameraFeed:
    config = {"name": name, "uri": uri, "stall_s": 1.0, "reopen_min_s": 0.1, "reopen_max_s": 0.2}
    return open_feed(CameraConfig.model_validate({**config, **settings}), CLOCK)


def exhaust(camera: ChildCamera) -> None:
    while camera.read() is not None:
        pass


def until(events: Iterator[CameraEvent], *states: CameraState) -> CameraStatus:
    """The next status with one of these states."""
    return next(e for e in events if isinstance(e, CameraStatus) and e.state in states)


def test_frames_come_with_size_index_and_age(serve: Serve, decode: str) -> None:
    with closing(opened(serve("--size", "320x240", *ONE_SLICE).uri(), decode)) as camera:
        frames = [camera.read() for _ in range(8)]
        for frame in frames:
            assert frame is not None
            assert str(frame.size) == "320x240"
            assert 0 <= CLOCK.now() - frame.captured_at < 20
        indices = [frame.index for frame in frames if frame is not None]
        assert indices == sorted(set(indices))
        assert frames[0] is not None
        assert frames[0].bgr().max() > 200  # the ball


@pytest.mark.parametrize(
    ("path", "login", "says", "retry_after_s"),
    [
        ("/cam", "", "401", 30.0),
        ("/cam", "bob:wrong@", "401", 30.0),
        ("/nothing", "bob:s3cret@", "404", 0.0),
    ],
    ids=["no login", "wrong password", "wrong path"],
)
def test_a_refusal_says_which_and_keeps_the_password(
    serve: Serve, decode: str, path: str, login: str, says: str, retry_after_s: float
) -> None:
    server = serve("--login", "bob:s3cret")
    fault = fault_of(server.uri(path, login), decode)
    assert says in str(fault)
    assert fault.retry_after_s == retry_after_s
    assert "s3cret" not in str(fault)
    assert "wrong" not in str(fault)


def test_the_right_password_opens(serve: Serve, decode: str) -> None:
    server = serve("--login", "bob:s3:cr@t", *ONE_SLICE)
    with closing(opened(server.uri(login="bob:s3%3Acr%40t@"), decode)) as camera:
        assert camera.read() is not None


def test_a_stream_without_video_says_so(serve: Serve, decode: str) -> None:
    assert "holds no video" in str(fault_of(serve().uri("/audio"), decode))


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        (f"rtsp://127.0.0.1:{free_port()}/cam", "connection refused"),
        ("rtsp://no-such-camera.invalid/cam", "host name is unknown"),
    ],
    ids=["refused", "unknown host"],
)
def test_a_camera_that_is_not_there_says_why(uri: str, says: str, decode: str) -> None:
    assert says in str(fault_of(uri, decode))


def test_a_port_that_accepts_and_never_answers_is_left_after_our_own_deadline(decode: str) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        uri = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/cam"
        fault = fault_of(uri, decode, stall_s=0.5, open_s=1.0)
    assert "no answer for 1 s" in str(fault)


def test_a_uri_without_a_host_is_refused() -> None:
    with pytest.raises(ConfigError, match="names no host"):
        opened("rtsp:///cam")


def test_a_half_open_connection_stalls_after_our_own_deadline(serve: Serve, decode: str) -> None:
    server = serve(*ONE_SLICE)
    with closing(opened(server.uri(), decode, stall_s=1.0)) as camera:
        assert camera.read() is not None
        server.signal(signal.SIGSTOP)
        started = CLOCK.now()
        with pytest.raises(CameraStalledError, match=r"no frame for 1 s \(camera.stall_s\)"):
            exhaust(camera)
        # FFmpeg's own timeouts return after twice or three times their value, or never.
        assert CLOCK.now() - started < 8
    server.signal(signal.SIGCONT)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_hardware_frames_stay_nv12_up_to_the_detector(serve: Serve, codec: str) -> None:
    server = serve("--size", "320x240", "--codec", codec, *ONE_SLICE)
    server.tell("pattern blue")
    with closing(opened(server.uri(), "hardware")) as camera:
        frame = camera.read()
    assert frame is not None
    assert (frame.pixel_format, frame.image.shape) == ("nv12", (360, 320))
    assert np.abs(frame.bgr()[8:-8, 8:-8].astype(int) - (255, 0, 0)).max() <= 12
    tensor, _ = CpuDetector(FixedEngine()).preprocess(frame)
    assert tensor[0, :, 32, 32] == pytest.approx((0, 0, 1), abs=0.05)


def test_after_lost_packets_nothing_is_shown_before_a_key_frame(serve: Serve) -> None:
    server = serve("--size", "320x240", *ONE_SLICE)
    with closing(opened(server.uri(), "hardware")) as camera:
        gaps = [0]
        frame = camera.read()
        for turn in range(200):
            if max(gaps) > 4:
                break
            if turn % 25 == 0:  # every twelfth is a key frame: now and then one follows at once
                server.tell("lose 4")
            before, frame = frame, camera.read()
            assert before is not None
            assert frame is not None
            gaps.append(frame.index - before.index)
        assert max(gaps) > 4


def test_a_codec_that_hardware_does_not_know_says_what_to_do(serve: Serve) -> None:
    said = str(fault_of(serve().uri("/jpeg"), "hardware"))
    assert "sends JPEG, hardware decodes H264, H265" in said
    assert "decode=software" in said


def test_without_nvidias_decoder_the_error_says_what_to_do(serve: Serve) -> None:
    uri = CameraUri.parse(f"{serve().uri()}?decode=hardware")
    with (
        closing(open_rtsp("c", uri, stall_s=20.0, clock=CLOCK)) as camera,
        pytest.raises(MissingLibraryError, match=r"nvv4l2decoder.*nvidia-l4t-gstreamer"),
    ):
        camera.read()


def test_a_changed_resolution_is_told_and_the_camera_goes_on(serve: Serve) -> None:
    server = serve("--size", "320x240")
    with closing(feed_of(server.uri(), stall_s=20.0)) as feed:
        events = iter(feed)
        until(events, CameraState.LIVE)
        server.tell("size 640x480")
        assert "640x480 pixels, not the 320x240" in until(events, CameraState.RESIZED).reason
        live = until(events, CameraState.LIVE)
        assert "640x480" in live.reason
        assert "320x240" in live.reason
        frame = next(events)
        assert isinstance(frame, Frame)
        assert str(frame.size) == "640x480"
        del frame


def test_a_black_picture_is_told_and_the_light_comes_back(serve: Serve) -> None:
    server = serve()
    with closing(feed_of(server.uri(), stall_s=20.0)) as feed:
        events = iter(feed)
        until(events, CameraState.LIVE)
        server.tell("pattern black")
        assert "black" in until(events, CameraState.BLACK).reason
        server.tell("pattern ball")
        until(events, CameraState.LIVE)


def test_a_killed_server_is_lost_and_its_return_is_live_again(serve: Serve) -> None:
    server = serve()
    with closing(feed_of(server.uri(), stall_s=20.0)) as feed:
        events = iter(feed)
        until(events, CameraState.LIVE)
        server.kill()
        until(events, CameraState.LOST)
        serve(port=server.port)
        assert until(events, CameraState.LIVE).reopened >= 1


def test_a_crashed_capture_process_is_replaced(serve: Serve) -> None:
    server = serve()
    with closing(feed_of(server.uri(), stall_s=20.0)) as feed:
        events = iter(feed)
        until(events, CameraState.LIVE)
        for child in capture_processes(server):
            os.kill(child, signal.SIGKILL)
        assert "killed by SIGKILL" in until(events, CameraState.LOST).reason
        until(events, CameraState.LIVE)


def capture_processes(server: Server) -> list[int]:
    lists = Path("/proc/self/task").glob("*/children")
    mine = [int(child) for one in lists for child in one.read_text().split()]
    return [pid for pid in mine if b"av_child" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_no_command_line_shows_the_password(serve: Serve, decode: str) -> None:
    server = serve("--login", "bob:s3cret", *ONE_SLICE)
    with closing(opened(server.uri(login="bob:s3cret@"), decode)) as camera:
        assert camera.read() is not None
        assert b"s3cret" not in Path(f"/proc/{camera.pid}/cmdline").read_bytes()


def test_one_dead_camera_does_not_stop_another(serve: Serve) -> None:
    dying, healthy = serve(), serve()
    states: list[CameraState] = []
    lost = threading.Event()
    dead = feed_of(dying.uri(), "dead")

    def watch() -> None:
        for event in dead:
            if isinstance(event, CameraStatus):
                states.append(event.state)
                if event.state is CameraState.LOST:
                    lost.set()

    thread = threading.Thread(target=watch)
    thread.start()
    with closing(feed_of(healthy.uri(), "healthy", stall_s=20.0)) as feed:
        events = iter(feed)
        until(events, CameraState.LIVE)
        dying.kill()
        assert lost.wait(60)
        assert sum(isinstance(next(events), Frame) for _ in range(10)) == 10
    dead.close()
    thread.join(30)
    assert not thread.is_alive()
