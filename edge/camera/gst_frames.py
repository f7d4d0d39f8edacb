"""From GStreamer's buffers to slots; standard library and ``gi`` only, as in :mod:`gst_child`."""

from __future__ import annotations

import ctypes
import time
from functools import cache, partial
from itertools import count
from typing import Any

from edge.camera.slots import Offer, SlotWriter

_OLDEST_S = 10.0
"""A frame that claims to be older has a wrong time stamp: no decoder holds it back so long."""


class KeyFrameGate:
    """After a gap in the stream everything up to the next key frame is smeared.

    No picture at all is better than one in which defects cannot be seen.
    """

    def __init__(self) -> None:
        self._damaged = True  # a stream may be joined between two key frames

    def passes(self, *, gap: bool, key_frame: bool) -> bool:
        """Whether the decoder can make a whole picture of this one."""
        self._damaged = (self._damaged or gap) and not key_frame
        return not self._damaged


class FrameTaker:
    """Offers every frame that reaches an ``appsink``; each wanted one is copied once.

    Its time is that of its arrival at the pipeline's source, as far as GStreamer stamped it there.
    """

    def __init__(self, gst: Any, pipeline: Any, writer: SlotWriter) -> None:
        from gi.repository import GstVideo

        self._gst = gst
        self._video = GstVideo
        self._pipeline = pipeline
        self._writer = writer
        self._indices = count()

    def watch(self, sink: Any) -> None:
        """Take the frames of this ``appsink`` from now on."""
        sink.connect("new-sample", self._take)

    def skip(self) -> None:
        """A frame is lost that nobody could have seen; its number is a gap."""
        next(self._indices)

    def _take(self, sink: Any) -> Any:
        sample = sink.emit("pull-sample")
        index, flags = next(self._indices), self._gst.BufferFlags
        if not sample.get_buffer().has_flags(flags.CORRUPTED):
            info = self._video.VideoInfo.new_from_caps(sample.get_caps())
            length = info.width * info.height * 3 // 2
            write = partial(_write, self._video, sample, info)
            at = self._captured_at(sample)
            self._writer.offer(Offer(index, info.width, info.height, length, at, write))
        return self._gst.FlowReturn.OK

    def _captured_at(self, sample: Any) -> float:
        """``time.monotonic()`` seconds; decoders and converters hold frames back."""
        now, clock = time.monotonic(), self._pipeline.get_clock()
        stamp, none = sample.get_buffer().pts, self._gst.CLOCK_TIME_NONE
        if clock is None or stamp == none:
            return now
        at = sample.get_segment().to_running_time(self._gst.Format.TIME, stamp)
        age_s = (clock.get_time() - self._pipeline.get_base_time() - at) / 1e9
        return now - age_s if at != none and 0 <= age_s <= _OLDEST_S else now


def _write(video: Any, sample: Any, info: Any, slot: memoryview) -> None:
    """Copy luma, then chroma, dropping the padding that a driver leaves at the end of rows."""
    buffer = sample.get_buffer()
    meta = video.buffer_get_video_meta(buffer) or info
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


@cache
def _gstreamer() -> ctypes.CDLL:
    return ctypes.CDLL("libgstreamer-1.0.so.0")
