"""Network cameras: ``rtsp://user:password@host/path``, over TCP, in a capture process.

``?decode=hardware`` decodes with the Jetson's own decoder, and frames stay NV12 up to the engine;
``?decode=software`` with FFmpeg. Without it hardware decodes where it can. All other options of the
URI are the camera's.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from urllib.parse import unquote, urlsplit

from edge.camera.child import Capture, ChildCamera
from edge.camera.gstreamer import (
    CHILD,
    SINK,
    bgr_from_nv12,
    has_plugins,
    missing_library,
    python_with_gi,
)
from edge.camera.uri import CameraUri, did_you_mean
from edge.core.clock import Clock
from edge.core.errors import CameraError, ConfigError, EdgeError, MissingLibraryError

OPEN_S = 8.0
"""Longest wait for an answer, and for the first key frame after it. Seconds."""
REFUSED_RETRY_S = 30.0
"""A camera that refuses the password is left alone this long: many lock the account."""
DECODE = ("hardware", "software")

SOURCE = "rtspsrc name=camera protocols=tcp latency=200 drop-on-latency=true"
"""Over TCP packets come in order and wait for nothing. ``latency``, milliseconds, is what piles up
at most while the decoder is behind; then the oldest goes."""
JETSON = {
    "H264": "rtph264depay ! h264parse name=parser ! nvv4l2decoder ! nvvidconv",
    "H265": "rtph265depay ! h265parse name=parser ! nvv4l2decoder ! nvvidconv",
}
"""By codec: its decoder makes NV12, and ``nvvidconv`` brings it to system memory."""

PLUGINS = (
    "libgstrtsp.so",
    "libgstrtp.so",
    "libgstrtpmanager.so",
    "libgstvideoparsersbad.so",
    "libgstapp.so",
)
"""The files that hold the elements of the pipeline, but for the Jetson's own."""
JETSON_PLUGINS = ("libgstnvvideo4linux2.so", "libgstnvvidconv.so")
_REMEDY = (
    "Hardware decodes on a Jetson; there: sudo apt install nvidia-l4t-gstreamer "
    "gstreamer1.0-plugins-good gstreamer1.0-plugins-bad. Anywhere else: decode=software"
)
_RTSP_PORT = 554  # RFC 2326

_FFMPEG = {
    "rtsp_transport": "tcp",
    "fflags": "nobuffer",
    "flags": "low_delay",
    "analyzeduration": "500000",  # microseconds; a camera announces its format in its answer
}

_REASONS = {
    "HTTPUnauthorizedError": "the camera refuses user or password (401). Correct them in its URI",
    "HTTPForbiddenError": "the camera forbids access (403). Give its user the right to view",
    "HTTPNotFoundError": "the camera has no such stream (404). Check the path behind the host",
    "HTTPOtherClientError": "the camera refuses (a 4xx answer; 453: it has too many viewers)",
    "ConnectionRefusedError": "connection refused. Is its RTSP switched on, is the port right?",
    "HostUnknownError": "the host name is unknown. Check the spelling, or use the IP address",
    "NoVideoError": "the stream holds no video. Check the path behind the host",
    "TimeoutError": "connecting timed out. Is the camera switched on and in this network?",
    "EOFError": "the camera ended the stream",
}


def open_rtsp(
    name: str,
    uri: CameraUri,
    *,
    stall_s: float,
    clock: Clock,
    open_s: float = OPEN_S,
    decoders: Mapping[str, str] = JETSON,
) -> ChildCamera:
    """Start watching a network camera; the first ``read`` tells whether it answers.

    Args:
        name: the name frames carry.
        uri: of the camera.
        stall_s: longest wait for a frame, seconds.
        clock: stamps the frames.
        open_s: longest wait for the camera's answer, seconds.
        decoders: GStreamer's elements by codec, for hardware decoding.

    Raises:
        ConfigError: the URI names no host, or asks for a way of decoding that there is not.
        MissingLibraryError: PyAV, or a Python that can use GStreamer, is not installed.
    """
    host, port = _address(uri)
    decode = uri.query.get("decode", "hardware" if _is_jetson() else "software")
    if decode not in DECODE:
        raise ConfigError(
            f"{uri.public}: decode={decode}{did_you_mean(decode, DECODE)}; "
            f"write decode={' or decode='.join(DECODE)}"
        )
    hardware = decode == "hardware"
    capture = _hardware(uri, decoders, host, port) if hardware else _software(uri, host)
    return ChildCamera(name, uri, capture, stall_s=stall_s, open_s=open_s, clock=clock)


def _address(uri: CameraUri) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{uri.location}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"{uri.public}: the host cannot be read ({error})") from error
    if not host:
        raise ConfigError(f"{uri.public} names no host; write rtsp://user:password@host/path")
    return host, port or _RTSP_PORT


def _is_jetson() -> bool:
    return has_plugins(*PLUGINS, *JETSON_PLUGINS)


def _software(uri: CameraUri, host: str) -> Capture:
    if find_spec("av") is None:
        raise MissingLibraryError("PyAV is not installed. Run: pip install av")

    def explain(kind: str, text: str) -> EdgeError:
        return _explained(uri, kind, text)

    url = uri.text.partition("?")[0] + _camera_query(uri)
    job = {"url": url, "format": "rtsp", "options": _FFMPEG, "host": host}
    return Capture("edge.camera.av_child", job, explain)


def _hardware(uri: CameraUri, decoders: Mapping[str, str], host: str, port: int) -> Capture:
    def explain(kind: str, text: str) -> EdgeError:
        if kind == "UnknownCodecError":
            return CameraError(
                f"{uri.public}: the camera sends {text}, hardware decodes {', '.join(decoders)}. "
                "Set the camera to one of them, or write decode=software"
            )
        return missing_library(uri, kind, text, _REMEDY) or _explained(uri, kind, text)

    user, password = _login(uri)
    location = f"rtsp://{uri.location}{_camera_query(uri)}"
    job = {
        "pipeline": SOURCE,
        # Not in the pipeline's text: nothing in a URI may become an element.
        "properties": {"camera": {"location": location, "user-id": user, "user-pw": password}},
        "branches": {codec: f"{elements} ! {SINK}" for codec, elements in decoders.items()},
        "host": host,
        "port": port,
    }
    return Capture(CHILD, job, explain, python_with_gi(), "nv12", bgr_from_nv12)


def _explained(uri: CameraUri, kind: str, text: str) -> CameraError:
    reason = _REASONS.get(kind, f"{uri.scrub(text)} ({kind})")
    refused = kind in ("HTTPUnauthorizedError", "HTTPForbiddenError")
    return CameraError(f"{uri.public}: {reason}", retry_after_s=REFUSED_RETRY_S if refused else 0.0)


def _camera_query(uri: CameraUri) -> str:
    """The URI's options as written, without ours."""
    pairs = uri.text.partition("?")[2].split("&")
    kept = [pair for pair in pairs if pair and pair.partition("=")[0] != "decode"]
    return "?" + "&".join(kept) if kept else ""


def _login(uri: CameraUri) -> tuple[str | None, str | None]:
    """User and password; None where there is none."""
    authority = uri.text.partition("://")[2].partition("?")[0].partition("/")[0]
    user, _, password = authority.rpartition("@")[0].partition(":")
    return unquote(user) or None, unquote(password) or None
