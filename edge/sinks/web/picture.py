"""One inspected frame as the messages that viewers get."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

import cv2
import numpy as np
import simplejpeg

from edge.core.types import Detections, Frame, Image
from edge.sinks.rows import rows_from_detections
from edge.sinks.summary import CameraReport
from edge.sinks.web.grade import Grade


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame encoded once, for all viewers of one grade.

    Attributes:
        camera: name of the camera.
        captured_at: monotonic seconds.
        grade: its size and quality.
        about: what is said of the frame, as JSON in ASCII without its last brace.
        jpeg: the picture.
    """

    camera: str
    captured_at: float
    grade: Grade
    about: bytes
    jpeg: bytes

    def header(self, now: float, seq: int | None = None) -> bytes:
        """What is said of the frame, as JSON in ASCII.

        Args:
            now: monotonic seconds of sending; ``age_ms`` is taken here, for each viewer, so that
                waiting for a slow one counts.
            seq: number by which a viewer acknowledges it.
        """
        age_ms = (now - self.captured_at) * 1000
        number = b"" if seq is None else b', "seq": %d' % seq
        return self.about + b', "age_ms": %.1f, "sent_at": %.4f%b}' % (age_ms, now, number)

    def message(self, now: float, seq: int) -> bytes:
        """The WebSocket message: header length (4 bytes, big endian), JSON header, JPEG."""
        header = self.header(now, seq)
        return len(header).to_bytes(4, "big") + header + self.jpeg


def encode(
    frame: Frame,
    detections: Detections,
    report: CameraReport | None,
    quality: int,
    grades: Iterable[Grade],
) -> Iterator[Picture]:
    """Turn an inspected frame into pictures for viewers, the biggest first.

    Args:
        frame: of any size.
        detections: boxes in pixels of the frame's image.
        report: the camera's figures up to now.
        quality: JPEG quality of full size, 10..95.
        grades: which ones somebody watches.
    """
    about = _about(frame, detections, report)
    image = frame.bgr()
    for grade in sorted(set(grades)):
        image = _fitted(image, grade.width_px)  # from the bigger one: less to read
        jpeg = simplejpeg.encode_jpeg(
            image, quality=grade.quality(quality), colorspace="BGR", colorsubsampling="420"
        )
        yield Picture(frame.camera, frame.captured_at, grade, about, jpeg)


def _about(frame: Frame, detections: Detections, report: CameraReport | None) -> bytes:
    header = {
        "type": "frame",
        "camera": frame.camera,
        "index": frame.index,
        "width": frame.size.width,
        "height": frame.size.height,
        "detections": rows_from_detections(detections),
        "verdict": detections.verdict and detections.verdict.value,
        "stats": _stats(report),
    }
    return json.dumps(header).encode()[:-1]


def _stats(report: CameraReport | None) -> dict[str, object] | None:
    if report is None:
        return None
    return {
        "fps": report.recent_fps,
        "dropped": report.dropped,
        "latency_ms": asdict(report.latency_ms),
    }


def _fitted(image: Image, width_px: int) -> Image:
    height, width = image.shape[:2]
    if width <= width_px:
        return image if image.flags.c_contiguous else image.copy()
    size = (width_px, max(1, round(height * width_px / width)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
