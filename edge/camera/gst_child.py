"""Capture process for CSI cameras: a GStreamer pipeline that ends in an ``appsink``.

The standard library and ``gi`` only, and no newer syntax than Python 3.10: where Edge's environment
has no ``gi``, the system's Python runs this. The job is ``{"pipeline": "... ! appsink name=sink"}``
with NV12 in system memory. Each wanted frame is copied once, from GStreamer's buffer to the slot.
"""

from __future__ import annotations

import ctypes
import signal
import time
from functools import partial
from itertools import count
from typing import Any

from edge.camera.slots import Offer, SlotWriter, serve

_BUS_POLL_NS = 200_000_000


class PipelineError(Exception):
    """GStreamer reported an error."""


class MissingElementError(Exception):
    """A GStreamer plugin of the pipeline is not installed."""


def capture(job: dict[str, Any], writer: SlotWriter) -> None:
    """Offer every frame of the job's pipeline until it ends."""
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstVideo", "1.0")
    from gi.repository import GLib, Gst, GstVideo

    Gst.init(None)
    signal.signal(signal.SIGTERM, _leave)
    try:
        pipeline = Gst.parse_launch(job["pipeline"])
    except GLib.Error as error:
        missing = error.matches(Gst.parse_error_quark(), Gst.ParseError.NO_SUCH_ELEMENT)
        raise (MissingElementError if missing else PipelineError)(error.message) from error
    indices = count()
    sink = pipeline.get_by_name("sink")
    sink.connect("new-sample", lambda sink: _take(Gst, GstVideo, sink, next(indices), writer))
    try:
        pipeline.set_state(Gst.State.PLAYING)
        _watch(Gst, pipeline)
    finally:
        pipeline.set_state(Gst.State.NULL)  # the camera's daemon keeps a session that just vanishes


def _leave(number: int, frame: object) -> None:
    raise SystemExit


def _watch(gst: Any, pipeline: Any) -> None:
    """Wait for the end of the stream; an error is raised."""
    bus = pipeline.get_bus()
    wanted = gst.MessageType.ERROR | gst.MessageType.EOS
    while (message := bus.timed_pop_filtered(_BUS_POLL_NS, wanted)) is None:
        pass
    if message.type == gst.MessageType.ERROR:
        error, detail = message.parse_error()
        raise PipelineError(f"{error.message} {(detail or '').splitlines()[-1:]}")


def _take(gst: Any, gst_video: Any, sink: Any, index: int, writer: SlotWriter) -> Any:
    sample = sink.emit("pull-sample")
    info = gst_video.VideoInfo.new_from_caps(sample.get_caps())
    length = info.width * info.height * 3 // 2
    write = partial(_write, gst_video, sample, info)
    writer.offer(Offer(index, info.width, info.height, length, time.monotonic(), write))
    return gst.FlowReturn.OK


def _write(gst_video: Any, sample: Any, info: Any, slot: memoryview) -> None:
    """Copy luma, then chroma, dropping the padding that a driver leaves at the end of rows."""
    buffer = sample.get_buffer()
    meta = gst_video.buffer_get_video_meta(buffer) or info
    target = 0
    for plane, rows in ((0, info.height), (1, info.height // 2)):
        start, stride = meta.offset[plane], meta.stride[plane]
        if stride == info.width:
            target += _extract(buffer, start, slot, target, rows * stride)
            continue
        for row in range(rows):
            target += _extract(buffer, start + row * stride, slot, target, info.width)


def _extract(buffer: Any, start: int, slot: memoryview, target: int, length: int) -> int:
    # gi maps a buffer by copying all of it into bytes first; hash() of a gi object is its address.
    address = ctypes.addressof(ctypes.c_char.from_buffer(slot, target))
    _gstreamer().gst_buffer_extract(
        ctypes.c_void_p(hash(buffer)),
        ctypes.c_size_t(start),
        ctypes.c_void_p(address),
        ctypes.c_size_t(length),
    )
    return length


def _gstreamer() -> ctypes.CDLL:
    return ctypes.CDLL("libgstreamer-1.0.so.0")


def main() -> None:
    """Serve the process that started this one."""
    serve(capture)
