"""USB cameras as far as a machine without one can tell: every way of not being there."""

from __future__ import annotations

import errno
import os
from contextlib import closing
from pathlib import Path

import pytest

from edge.camera import open_camera, v4l2
from edge.camera.child import Capture, ChildCamera
from edge.camera.uri import CameraUri
from edge.core.clock import MonotonicClock
from edge.core.errors import CameraError, ConfigError


def opened(uri: str) -> ChildCamera:
    camera = open_camera("usb", uri, stall_s=20.0, clock=MonotonicClock())
    assert isinstance(camera, ChildCamera)
    return camera


def test_an_absent_device_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match=r"no such device\. Is the camera plugged in"):
        opened(f"v4l2://{tmp_path}/video0")


def test_a_file_is_not_a_camera(tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    with pytest.raises(CameraError, match="not a camera"):
        opened(f"v4l2://{tmp_path}/video0")


def test_another_device_is_not_a_camera() -> None:
    with (
        closing(opened("v4l2:///dev/null")) as camera,
        pytest.raises(CameraError, match="v4l2:///dev/null: not a camera"),
    ):
        camera.read()


def test_missing_permission_names_node_and_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may open everything
    with pytest.raises(CameraError, match=r"/dev/null.*group root.*usermod -aG root \$USER"):
        opened("v4l2:///dev/null")


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.EBUSY, "fuser -v /dev/null"),
        (errno.ENODEV, "unplugged"),
        (errno.EINVAL, "list-formats"),
    ],
)
def test_the_drivers_errors_are_explained(
    monkeypatch: pytest.MonkeyPatch, number: int, says: str
) -> None:
    seen: list[Capture] = []
    monkeypatch.setattr(v4l2, "ChildCamera", lambda _name, _uri, capture, **_: seen.append(capture))
    uri = CameraUri.parse("v4l2:///dev/null")
    v4l2.open_v4l2("usb", uri, stall_s=1.0, clock=MonotonicClock())
    assert says in str(seen[0].explain("OSError", f"[Errno {number}] {os.strerror(number)}: 'x'"))


def test_options_reach_ffmpeg_under_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Capture] = []
    monkeypatch.setattr(v4l2, "ChildCamera", lambda _name, _uri, capture, **_: seen.append(capture))
    uri = CameraUri.parse("v4l2:///dev/null?size=1280x720&fps=30&format=mjpeg")
    v4l2.open_v4l2("usb", uri, stall_s=1.0, clock=MonotonicClock())
    assert seen[0].job == {
        "url": "/dev/null",
        "format": "v4l2",
        "options": {"video_size": "1280x720", "framerate": "30", "input_format": "mjpeg"},
    }


@pytest.mark.parametrize(
    "uri", ["v4l2://video0", "v4l2:///dev/video0?size=big", "v4l2:///dev/video0?exposure=3"]
)
def test_settings_that_cannot_be_used_are_refused(uri: str) -> None:
    with pytest.raises(ConfigError):
        opened(uri)
