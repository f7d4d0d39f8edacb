"""One inspected frame as the message that every viewer gets."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import cv2
import numpy as np
import simplejpeg

from edge.core.types import Detections, Frame, Image
from edge.sinks.rows import rows_from_detections
from edge.sinks.summary import CameraReport

MAX_WIDTH_PX = 1280
"""Wider pictures are scaled down for viewers; boxes stay in pixels of the frame's own image."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame encoded once, for all viewers.

    Attributes:
        camera: name of the camera.
        captured_at: monotonic seconds.
        header: what the message says about the frame, as JSON without its last brace.
        jpeg: the picture.
    """

    camera: str
    captured_at: float
    header: bytes
    jpeg: bytes

    def message(self, now: float) -> bytes:
        """The WebSocket message: header length (4 bytes, big endian), JSON header, JPEG.

        Args:
            now: monotonic seconds of sending; the header's ``age_ms`` is taken here, for each
                viewer, so that waiting for a slow one counts.
        """
        age_ms = (now - self.captured_at) * 1000
        header = self.header + b', "age_ms": %.1f, "sent_at": %.4f}' % (age_ms, now)
        return len(header).to_bytes(4, "big") + header + self.jpeg


def encode(
    frame: Frame, detections: Detections, report: CameraReport | None, quality: int
) -> Picture:
    """Turn an inspected frame into a picture for viewers.

    Args:
        frame: of any size.
        detections: boxes in pixels of the frame's image.
        report: the camera's figures up to now.
        quality: JPEG quality, 10..95.
    """
    header = {
        "type": "frame",
        "camera": frame.camera,
        "index": frame.index,
        "width": frame.size.width,
        "height": frame.size.height,
        "detections": rows_from_detections(detections),
        "stats": _stats(report),
    }
    jpeg = simplejpeg.encode_jpeg(
        _fitted(frame.bgr()), quality=quality, colorspace="BGR", colorsubsampling="420"
    )
    return Picture(frame.camera, frame.captured_at, json.dumps(header).encode()[:-1], jpeg)


def _stats(report: CameraReport | None) -> dict[str, object] | None:
    if report is None:
        return None
    return {
        "fps": report.recent_fps,
        "dropped": report.dropped,
        "latency_ms": asdict(report.latency_ms),
    }


def _fitted(image: Image) -> Image:
    height, width = image.shape[:2]
    if width <= MAX_WIDTH_PX:
        return image if image.flags.c_contiguous else image.copy()
    size = (MAX_WIDTH_PX, max(1, round(height * MAX_WIDTH_PX / width)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
