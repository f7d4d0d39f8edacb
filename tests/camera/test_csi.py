"""The Jetson's pipeline with another source: everything but NVIDIA's elements is real here."""

from __future__ import annotations

import functools
import subprocess
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from edge.camera.child import ChildCamera
from edge.camera.csi import ARGUS, CsiSettings, open_csi, pipeline
from edge.camera.gstreamer import SYSTEM_PYTHON
from edge.camera.uri import CameraUri
from edge.core.clock import MonotonicClock
from edge.core.errors import CameraError, ConfigError, MissingLibraryError
from edge.core.types import Size

TEST_PICTURE = (
    "videotestsrc is-live=true pattern=blue num-buffers={sensor} ! "
    "video/x-raw,format=NV12,width={width},height={height},framerate={rate}/1 ! identity"
)
"""Ends after ``sensor`` frames."""
PACKAGES = "python3-gi gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-base gstreamer1.0-tools"


@functools.cache
def gstreamer_missing() -> bool:
    check = "import gi; gi.require_version('GstVideo', '1.0'); from gi.repository import GstVideo"
    return not Path(SYSTEM_PYTHON).exists() or bool(
        subprocess.run([SYSTEM_PYTHON, "-c", check], capture_output=True, check=False).returncode
    )


needs_gstreamer = pytest.mark.skipif(gstreamer_missing(), reason=f"needs: apt install {PACKAGES}")


@needs_gstreamer
@pytest.mark.parametrize("size", ["320x240", "322x242"], ids=["packed rows", "padded rows"])
def test_frames_are_nv12_with_their_true_colours(size: str) -> None:
    uri = CameraUri.parse(f"csi://1000?size={size}&fps=30")
    clock = MonotonicClock()
    with closing(
        open_csi("press-3", uri, stall_s=20.0, clock=clock, source=TEST_PICTURE)
    ) as camera:
        for _ in range(3):
            frame = camera.read()
    assert frame is not None
    assert frame.pixel_format == "nv12"
    assert str(frame.size) == size
    assert frame.index >= 2
    assert np.abs(frame.bgr().astype(int) - (255, 0, 0)).max() <= 8


@needs_gstreamer
def test_a_frame_that_the_pipeline_held_back_says_when_it_was_taken() -> None:
    uri, clock = CameraUri.parse("csi://1000?size=320x240&fps=30"), MonotonicClock()
    held = f"{TEST_PICTURE} ! queue min-threshold-time=300000000"  # nanoseconds
    with closing(open_csi("c", uri, stall_s=20.0, clock=clock, source=held)) as camera:
        frame = camera.read()
    assert frame is not None
    assert 0.29 < clock.now() - frame.captured_at < 20


@needs_gstreamer
def test_the_end_of_the_stream_is_an_error_with_a_remedy() -> None:
    uri, clock = CameraUri.parse("csi://3?size=320x240"), MonotonicClock()
    with (
        closing(open_csi("c", uri, stall_s=20.0, clock=clock, source=TEST_PICTURE)) as camera,
        pytest.raises(CameraError, match=r"the stream ended\. Check the ribbon cable"),
    ):
        exhaust(camera)


def exhaust(camera: ChildCamera) -> None:
    while camera.read() is not None:
        pass


@needs_gstreamer
def test_without_nvidias_source_the_error_says_how_to_get_it() -> None:
    uri = CameraUri.parse("csi://0")
    with (
        closing(open_csi("c", uri, stall_s=20.0, clock=MonotonicClock())) as camera,
        pytest.raises(MissingLibraryError, match=r"nvarguscamerasrc.*nvidia-l4t-gstreamer"),
    ):
        camera.read()


@needs_gstreamer
def test_gstreamer_can_read_the_pipeline_up_to_nvidias_elements() -> None:
    text = pipeline(CsiSettings(0, Size(1920, 1080), 30))
    for element, standing_in in {
        "nvarguscamerasrc sensor-id=0": "videotestsrc",
        "(memory:NVMM)": "",
        "nvvidconv": "identity",
    }.items():
        assert element in text
        text = text.replace(element, standing_in)
    code = (
        "import sys, gi; gi.require_version('Gst', '1.0'); from gi.repository import Gst; "
        "Gst.init(None); Gst.parse_launch(sys.argv[1])"
    )
    subprocess.run([SYSTEM_PYTHON, "-c", code, text], check=True, capture_output=True)


def test_the_uri_becomes_the_jetsons_pipeline() -> None:
    settings = CsiSettings.from_uri(CameraUri.parse("csi://1?size=1280x720&fps=60"))
    assert settings == CsiSettings(1, Size(1280, 720), 60)
    assert pipeline(settings, ARGUS) == (
        "nvarguscamerasrc sensor-id=1 ! video/x-raw(memory:NVMM),format=NV12,width=1280,"
        "height=720,framerate=60/1 ! nvvidconv ! video/x-raw,format=NV12 ! appsink name=sink "
        "emit-signals=true sync=false max-buffers=1 drop=true"
    )


@pytest.mark.parametrize(
    "uri",
    [
        "csi://",
        "csi://left",
        "csi://0?size=1920",
        "csi://0?size=641x480",
        "csi://0?fps=0",
        "csi://0?x=1",
    ],
)
def test_settings_that_cannot_be_used_are_refused(uri: str) -> None:
    with pytest.raises(ConfigError):
        CsiSettings.from_uri(CameraUri.parse(uri))
