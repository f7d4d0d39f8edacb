"""How a network camera's stream is decoded: who chooses, what is asked of it, what is shown."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge.camera import rtsp
from edge.camera.child import Capture
from edge.camera.gst_frames import KeyFrameGate
from edge.camera.gstreamer import CHILD, has_plugins
from edge.camera.uri import CameraUri
from edge.core.clock import MonotonicClock
from edge.core.errors import ConfigError
from tests.camera.test_csi import needs_gstreamer


def capture_of(uri: str) -> Capture:
    """What the camera's process is asked to do; nobody is at home at that port."""
    camera = rtsp.open_rtsp("c", CameraUri.parse(uri), stall_s=1.0, clock=MonotonicClock())
    with closing(camera):
        return camera._capture


def installed(root: Path, *left_out: str) -> Path:
    """The files of GStreamer on a Jetson, but for these."""
    library = Path("lib/aarch64-linux-gnu")
    plugins = [library / "gstreamer-1.0" / name for name in (*rtsp.PLUGINS, *rtsp.JETSON_PLUGINS)]
    typelibs = [
        library / "girepository-1.0" / f"{name}-1.0.typelib" for name in ("Gst", "GstVideo")
    ]
    for path in (*plugins, *typelibs, Path("lib/python3/dist-packages/gi")):
        if path.name not in left_out:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).touch()
    return root


@pytest.mark.parametrize(
    ("left_out", "module"),
    [
        pytest.param([], CHILD, id="all there"),
        pytest.param(rtsp.JETSON_PLUGINS, "edge.camera.av_child", id="no Jetson"),
        *[
            pytest.param([name], "edge.camera.av_child", id=f"without {name}")
            for name in ("libgstnvvidconv.so", "libgstrtp.so", "GstVideo-1.0.typelib", "gi")
        ],
    ],
)
def test_hardware_decodes_where_all_is_there_for_it(
    left_out: Sequence[str], module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = installed(tmp_path, *left_out)
    monkeypatch.setattr(rtsp, "has_plugins", lambda *files: has_plugins(*files, root=root))
    assert capture_of("rtsp://127.0.0.1:1/x").module == module
    assert capture_of("rtsp://127.0.0.1:1/x?decode=software").module == "edge.camera.av_child"
    assert capture_of("rtsp://127.0.0.1:1/x?decode=hardware").module == CHILD


@needs_gstreamer
def test_the_files_that_are_looked_for_are_those_that_a_system_has() -> None:
    if not Path("/usr/lib/python3/dist-packages").exists():
        pytest.skip("Debian's and Ubuntu's names; so are the Jetson's")
    assert has_plugins(*rtsp.PLUGINS)
    assert not has_plugins(*rtsp.PLUGINS, "libgstnothing.so")


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ("", ""),
        ("?decode={}", ""),
        ("?channel=1&decode={}&subtype=0", "?channel=1&subtype=0"),
        ("?decode={}&x=a%20b&flag", "?x=a%20b&flag"),
        ("?decoder=7", "?decoder=7"),
    ],
    ids=["none", "ours alone", "ours between", "as written", "only alike"],
)
def test_the_camera_gets_its_own_options_as_they_were_written(query: str, sent: str) -> None:
    software = capture_of("rtsp://bob:s3@127.0.0.1:1/cam" + query.format("software"))
    assert software.job["url"] == f"rtsp://bob:s3@127.0.0.1:1/cam{sent}"
    uri = CameraUri.parse("rtsp://bob:s3@127.0.0.1:1/cam" + query.format("hardware"))
    hardware = rtsp._hardware(uri, rtsp.JETSON, "127.0.0.1", 1)
    camera = hardware.job["properties"]["camera"]
    assert camera["location"] == f"rtsp://127.0.0.1:1/cam{sent}"


@pytest.mark.parametrize("decode", ["", "hardwar", "gpu"])
def test_another_way_of_decoding_is_refused(decode: str) -> None:
    with pytest.raises(ConfigError, match="write decode=hardware or decode=software"):
        capture_of(f"rtsp://127.0.0.1:1/x?decode={decode}")


@pytest.mark.parametrize(
    ("login", "user", "password"),
    [
        ("", None, None),
        ("bob@", "bob", None),
        ("bob:s3cret@", "bob", "s3cret"),
        ("bob:a%3Ab%40c@", "bob", "a:b@c"),
        ("bob:p ! filesink location=x@", "bob", "p ! filesink location=x"),
    ],
    ids=["none", "no password", "both", "quoted", "elements"],
)
def test_nothing_of_a_uri_gets_into_the_pipelines_text(
    login: str, user: str | None, password: str | None
) -> None:
    uri = CameraUri.parse(f"rtsp://{login}127.0.0.1:1/cam!x?a=b ! filesink")
    job: dict[str, Any] = rtsp._hardware(uri, rtsp.JETSON, "127.0.0.1", 1).job
    assert (job["pipeline"], job["host"], job["port"]) == (rtsp.SOURCE, "127.0.0.1", 1)
    assert "filesink" not in "".join(job["branches"].values())
    camera = job["properties"]["camera"]
    assert (camera["user-id"], camera["user-pw"]) == (user, password)


def test_the_jetsons_decoder_and_converter_lead_from_each_codec_to_nv12() -> None:
    job = rtsp._hardware(CameraUri.parse("rtsp://h/x"), rtsp.JETSON, "h", 554).job
    assert job["branches"] == {
        codec: f"rtp{codec.lower()}depay ! {codec.lower()}parse name=parser ! "
        "nvv4l2decoder ! nvvidconv ! video/x-raw,format=NV12 ! appsink name=sink "
        "emit-signals=true sync=false max-buffers=1 drop=true"
        for codec in ("H264", "H265")
    }


@pytest.mark.parametrize(
    ("buffers", "shown"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("KddKd", "KddKd", id="whole"),
        pytest.param("ddKd", "..Kd", id="joined between key frames"),
        pytest.param("Kd!dddKd", "Kd...Kd", id="a gap"),
        pytest.param("Kd!Kd", "KdKd", id="a gap before a key frame"),
        pytest.param("K!d!dKd", "K..Kd", id="gap after gap"),
    ],
)
def test_between_a_gap_and_the_next_key_frame_nothing_passes(buffers: str, shown: str) -> None:
    gate, gap, passed = KeyFrameGate(), False, ""
    for each in buffers:
        if each == "!":
            gap = True
            continue
        passed += each if gate.passes(gap=gap, key_frame=each == "K") else "."
        gap = False
    assert passed == shown
