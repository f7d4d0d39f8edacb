"""USB cameras: ``v4l2:///dev/video0?size=1280x720&fps=30&format=mjpeg``, in a capture process.

A camera keeps its name over replugging under ``/dev/v4l/by-id/``: prefer that to ``/dev/video0``.
"""

from __future__ import annotations

import errno
import grp
import os
import re
import stat
from importlib.util import find_spec
from pathlib import Path

from edge.camera.child import Capture, ChildCamera
from edge.camera.uri import CameraUri
from edge.core.clock import Clock
from edge.core.errors import CameraError, ConfigError, MissingLibraryError

OPEN_S = 5.0
"""Longest wait for the device, and for its first frame. Seconds."""

_OPTIONS = {"size": "video_size", "fps": "framerate", "format": "input_format"}
"""What FFmpeg's v4l2 device calls the URI's options."""

_VALUES = {"size": r"[1-9]\d*x[1-9]\d*", "fps": r"\d+(\.\d+)?", "format": r"\w+"}

_REASONS = {
    errno.EBUSY: "busy: another program uses it. Find it with: fuser -v {node}",
    errno.ENOTTY: "not a camera. List the cameras with: v4l2-ctl --list-devices",
    errno.ENODEV: "the camera was unplugged. Check its cable and its USB port",
    errno.ENOENT: "no such device. Is the camera plugged in? See: ls -l /dev/v4l/by-id/",
    errno.EINVAL: "it has no such size, rate or format. See: v4l2-ctl -d {node} --list-formats-ext",
}


def open_v4l2(
    name: str, uri: CameraUri, *, stall_s: float, clock: Clock, open_s: float = OPEN_S
) -> ChildCamera:
    """Start a USB camera.

    Raises:
        ConfigError: the URI cannot be used as written.
        CameraError: there is no such device, or this user may not open it.
        MissingLibraryError: PyAV is not installed.
    """
    options = _options(uri)
    _refuse_unusable(uri)
    if find_spec("av") is None:
        raise MissingLibraryError("PyAV is not installed. Run: pip install av")

    def explain(kind: str, text: str) -> CameraError:
        known = (reason for number, reason in _REASONS.items() if os.strerror(number) in text)
        reason = next(known, "the camera stopped" if kind == "EOFError" else f"{text} ({kind})")
        return CameraError(f"{uri.public}: {reason.format(node=uri.path)}")

    job = {"url": str(uri.path), "format": "v4l2", "options": options}
    capture = Capture("edge.camera.av_child", job, explain)
    return ChildCamera(name, uri, capture, stall_s=stall_s, open_s=open_s, clock=clock)


def _options(uri: CameraUri) -> dict[str, str]:
    if not uri.path.is_absolute():
        raise ConfigError(f"{uri.public}: write three slashes, as in v4l2:///dev/video0")
    uri.check_query(*_OPTIONS)
    for key, value in uri.query.items():
        if not re.fullmatch(_VALUES[key], value):
            raise ConfigError(f"{uri.public}: {key} cannot be {value!r}")
    return {_OPTIONS[key]: value for key, value in uri.query.items()}


def _refuse_unusable(uri: CameraUri) -> None:
    """Say what is wrong with the device's node, which FFmpeg tells less well."""
    node = uri.path
    try:
        status = node.stat()
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or "cannot be looked at")
        raise CameraError(f"{uri.public}: {reason.format(node=node)}") from error
    if not stat.S_ISCHR(status.st_mode):
        raise CameraError(f"{uri.public}: {_REASONS[errno.ENOTTY].format(node=node)}")
    if not os.access(node, os.R_OK | os.W_OK):
        raise CameraError(_not_permitted(uri, node, status.st_gid))


def _not_permitted(uri: CameraUri, node: Path, gid: int) -> str:
    try:
        group = grp.getgrgid(gid).gr_name
    except KeyError:
        group = str(gid)
    return (
        f"{uri.public}: permission denied: {node} belongs to the group {group}. Add the user to "
        f"it, then log in again: sudo usermod -aG {group} $USER"
    )
