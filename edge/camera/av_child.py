"""Capture process for network and USB cameras: PyAV, which can hang and be killed here.

The job is what ``av.open`` takes: ``{"url", "format", "options"}``, and for a network camera its
``host``. FFmpeg converts frames to BGR, since it knows the stream's colour space and range; NV12
would save that, but OpenCV's way back assumes BT.601. They are copied once, into shared memory.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import av
import numpy as np

from edge.camera.h264 import ReferenceWatch
from edge.camera.reach import resolve
from edge.camera.slots import Offer, SlotWriter, serve


class NoVideoError(Exception):
    """The camera has no video stream."""


def capture(job: dict[str, Any], writer: SlotWriter) -> None:
    """Offer every good frame of the job's first video stream, until it ends."""
    if job.get("host"):
        resolve(job["host"])
    with av.open(job["url"], format=job["format"], options=job["options"]) as container:
        if not container.streams.video:
            raise NoVideoError("no video stream")
        writer.opened()
        _offer_all(container, writer)


def _offer_all(container: Any, writer: SlotWriter) -> None:
    stream = container.streams.video[0]
    # Frame threads hold back as many frames, and slice threads swallow the decoder's errors.
    stream.thread_type = "NONE"
    stream.codec_context.options = {"err_detect": "explode"}
    index, damaged, references = 0, False, _references(stream)
    for packet in container.demux(stream):
        at = time.monotonic()
        damaged |= references is not None and references.misses(bytes(packet))
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            damaged, index = True, index + 1
            continue
        for frame in frames:
            # After a lost packet everything up to the next key frame is smeared: no picture at
            # all is better than one in which defects cannot be seen. A key frame needs nothing
            # before it; FFmpeg marks good ones as corrupt when their slices come one by one.
            damaged = (damaged or frame.is_corrupt) and not frame.key_frame
            if not damaged:
                width, height = frame.width, frame.height
                write = partial(_write, frame)
                writer.offer(Offer(index, width, height, width * height * 3, at, write))
            index += 1


def _references(stream: Any) -> ReferenceWatch | None:
    """Watches for lost pictures where the decoder does not tell of them."""
    codec = stream.codec_context
    if codec.name != "h264":
        return None
    watch = ReferenceWatch()
    watch.misses(bytes(codec.extradata or b""))
    return watch


def _write(frame: Any, slot: memoryview) -> None:
    shape = frame.height, frame.width, 3
    np.copyto(np.frombuffer(slot, np.uint8).reshape(shape), frame.to_ndarray(format="bgr24"))


def main() -> None:
    """Serve the process that started this one."""
    serve(capture)
