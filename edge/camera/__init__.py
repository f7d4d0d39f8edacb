"""All that knows cameras: one URI for any of them, one feed that survives what a factory does.

Drivers are imported when a camera of their kind is opened, so a machine needs only the libraries of
the cameras it has.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge.core.clock import Clock
    from edge.core.config import CameraConfig
    from edge.core.ports import Camera, CameraFeed

_DRIVERS = {
    "file": ("edge.camera.recording", "open_recording"),
    "rtsp": ("edge.camera.rtsp", "open_rtsp"),
    "v4l2": ("edge.camera.v4l2", "open_v4l2"),
    "csi": ("edge.camera.csi", "open_csi"),
}


def open_camera(name: str, uri: str, *, stall_s: float, clock: Clock) -> Camera:
    """Open a camera by its URI.

    Opening is quick: a network camera is contacted by the first ``read``.

    Args:
        name: the name its frames carry.
        uri: ``pattern://``, ``file://``, ``v4l2://``, ``rtsp://``, ``csi://`` or a bare path.
        stall_s: no frame for this long is an error, seconds. Files and patterns never stall.
        clock: stamps the frames.

    Raises:
        ConfigError: the URI cannot be used as written.
        CameraError: the camera is not there, or refused.
        InputMissingError: there is no such file.
        DataError: the file is no recording.
        MissingLibraryError: the library for this kind of camera is not installed.
    """
    from edge.camera.uri import CameraUri

    parsed = CameraUri.parse(uri)
    if parsed.scheme == "pattern":
        from edge.camera.pattern.camera import PatternCamera

        return PatternCamera.from_query(name, parsed.query, clock, stall_s=stall_s)
    module, function = _DRIVERS[parsed.scheme]
    opener: Callable[..., Camera] = getattr(import_module(module), function)
    return opener(name, parsed, stall_s=stall_s, clock=clock)


def open_feed(config: CameraConfig, clock: Clock) -> CameraFeed:
    """The supervised feed of one configured camera; it opens when the iteration starts.

    Raises:
        ConfigError: the URI cannot be used as written.
    """
    from edge.camera.feed import RecordedFeed, SupervisedFeed
    from edge.camera.health import FROZEN_S, PictureJudge
    from edge.camera.uri import CameraUri
    from edge.core.types import Size

    scheme = CameraUri.parse(config.uri).scheme
    opener = partial(open_camera, config.name, config.uri, stall_s=config.stall_s, clock=clock)
    if scheme == "file":
        return RecordedFeed(opener, config, clock)
    judge = PictureJudge(
        frozen_s=FROZEN_S[scheme] if config.frozen_s is None else config.frozen_s,
        black_luma=config.black_luma,
        expected=Size(*map(int, config.size.split("x"))) if config.size else None,
        overlay=config.overlay,
        least_fps=config.least_fps,
    )
    return SupervisedFeed(opener, config, judge, clock)


def is_live(uri: str) -> bool:
    """Whether frames wait for nobody, so that a slow reader drops some.

    False for recordings without ``fps=`` and for ``pattern://?realtime=false``: they are read in
    lock-step and lose nothing.

    Raises:
        ConfigError: the URI cannot be used as written.
    """
    from edge.camera.uri import CameraUri

    parsed = CameraUri.parse(uri)
    if parsed.scheme == "pattern":
        from edge.camera.pattern.query import parse_query

        return parse_query(parsed.query)[1].realtime
    return parsed.scheme != "file" or "fps" in parsed.query
