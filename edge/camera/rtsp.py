"""Network cameras: ``rtsp://user:password@host/path``, over TCP, in a capture process."""

from __future__ import annotations

from importlib.util import find_spec
from urllib.parse import urlsplit

from edge.camera.child import Capture, ChildCamera
from edge.camera.uri import CameraUri
from edge.core.clock import Clock
from edge.core.errors import CameraError, ConfigError, MissingLibraryError

OPEN_S = 8.0
"""Longest wait for an answer, and for the first key frame after it. Seconds."""
REFUSED_RETRY_S = 30.0
"""A camera that refuses the password is left alone this long: many lock the account."""

_OPTIONS = {
    "rtsp_transport": "tcp",
    "fflags": "nobuffer",
    "flags": "low_delay",
    "analyzeduration": "500000",  # microseconds; a camera announces its format in its answer
}

_REASONS = {
    "HTTPUnauthorizedError": "the camera refuses user or password (401). Correct them in its URI",
    "HTTPForbiddenError": "the camera forbids access (403). Give its user the right to view",
    "HTTPNotFoundError": "the camera has no such stream (404). Check the path behind the host",
    "ConnectionRefusedError": "connection refused. Is its RTSP switched on, is the port right?",
    "HostUnknownError": "the host name is unknown. Check the spelling, or use the IP address",
    "NoVideoError": "the stream holds no video. Check the path behind the host",
    "TimeoutError": "connecting timed out. Is the camera switched on and in this network?",
    "EOFError": "the camera ended the stream",
}


def open_rtsp(
    name: str, uri: CameraUri, *, stall_s: float, clock: Clock, open_s: float = OPEN_S
) -> ChildCamera:
    """Start watching a network camera; the first ``read`` tells whether it answers.

    Raises:
        ConfigError: the URI names no host.
        MissingLibraryError: PyAV is not installed.
    """
    try:
        host = urlsplit(f"//{uri.location}").hostname
    except ValueError as error:
        raise ConfigError(f"{uri.public}: the host cannot be read ({error})") from error
    if not host:
        raise ConfigError(f"{uri.public} names no host; write rtsp://user:password@host/path")
    if find_spec("av") is None:
        raise MissingLibraryError("PyAV is not installed. Run: pip install av")

    def explain(kind: str, text: str) -> CameraError:
        reason = _REASONS.get(kind, f"{uri.scrub(text)} ({kind})")
        refused = kind in ("HTTPUnauthorizedError", "HTTPForbiddenError")
        retry_after_s = REFUSED_RETRY_S if refused else 0.0
        return CameraError(f"{uri.public}: {reason}", retry_after_s=retry_after_s)

    job = {"url": uri.text, "format": "rtsp", "options": _OPTIONS, "host": host}
    capture = Capture("edge.camera.av_child", job, explain)
    return ChildCamera(name, uri, capture, stall_s=stall_s, open_s=open_s, clock=clock)
