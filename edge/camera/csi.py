"""CSI cameras of a Jetson: ``csi://0?size=1920x1080&fps=30``, through NVIDIA's GStreamer source."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edge.camera.child import Capture, ChildCamera
from edge.camera.gstreamer import CHILD, SINK, bgr_from_nv12, missing_library, python_with_gi
from edge.camera.uri import CameraUri
from edge.core.clock import Clock
from edge.core.errors import CameraError, ConfigError, EdgeError
from edge.core.types import Size

OPEN_S = 8.0
"""Longest wait for the first frame: the camera daemon may have to start. Seconds."""

ARGUS = (
    "nvarguscamerasrc sensor-id={sensor} ! "
    "video/x-raw(memory:NVMM),format=NV12,width={width},height={height},framerate={rate}/1 ! "
    "nvvidconv"
)
"""The Jetson's source: its image processor makes NV12, ``nvvidconv`` brings it to system memory."""
_REMEDY = "CSI cameras work on a Jetson; there: sudo apt install nvidia-l4t-gstreamer"


@dataclass(frozen=True, slots=True)
class CsiSettings:
    """What a ``csi://`` URI asks for.

    Attributes:
        sensor: number of the camera connector, from 0.
        size: of the frames; both numbers even, as NV12 needs.
        frame_rate_hz: frames a second.
    """

    sensor: int
    size: Size
    frame_rate_hz: int

    @classmethod
    def from_uri(cls, uri: CameraUri) -> CsiSettings:
        """Read the settings out of a URI.

        Raises:
            ConfigError: something in it cannot be used.
        """
        uri.check_query("size", "fps")
        size = re.fullmatch(r"(\d{2,5})x(\d{2,5})", uri.query.get("size", "1920x1080"))
        rate = uri.query.get("fps", "30")
        if size is None or int(size[1]) % 2 or int(size[2]) % 2:
            raise ConfigError(f"{uri.public}: size has to be two even numbers, as in 1920x1080")
        if not (rate.isdecimal() and 1 <= int(rate) <= 240):
            raise ConfigError(f"{uri.public}: fps has to be a whole number, 1 to 240, got {rate!r}")
        if not uri.location.isdecimal():
            raise ConfigError(
                f"{uri.public}: write csi:// and the connector's number, as in csi://0"
            )
        return cls(int(uri.location), Size(int(size[1]), int(size[2])), int(rate))


def pipeline(settings: CsiSettings, source: str = ARGUS) -> str:
    """The GStreamer pipeline, with an ``appsink`` that keeps the newest frame only."""
    head = source.format(
        sensor=settings.sensor,
        width=settings.size.width,
        height=settings.size.height,
        rate=settings.frame_rate_hz,
    )
    return f"{head} ! {SINK}"


def open_csi(
    name: str, uri: CameraUri, *, stall_s: float, clock: Clock, source: str = ARGUS
) -> ChildCamera:
    """Start a CSI camera; the first ``read`` tells whether it is there.

    Raises:
        ConfigError: the URI cannot be used as written.
        MissingLibraryError: no Python here can use GStreamer.
    """
    job = {"pipeline": pipeline(CsiSettings.from_uri(uri), source)}

    def explain(kind: str, text: str) -> EdgeError:
        return missing_library(uri, kind, text, _REMEDY) or CameraError(
            f"{uri.public}: {uri.scrub(text)}. Check the ribbon cable and the connector's number, "
            "then run: sudo systemctl restart nvargus-daemon"
        )

    capture = Capture(CHILD, job, explain, python_with_gi(), "nv12", bgr_from_nv12)
    return ChildCamera(name, uri, capture, stall_s=stall_s, open_s=OPEN_S, clock=clock)
