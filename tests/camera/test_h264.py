"""Lost reference pictures are seen in the stream itself, since FFmpeg does not tell of them."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.camera.h264 import ReferenceWatch
from tests.faults.device import noisy

PICTURES = 40
CODECS = {
    "baseline": {"profile": "baseline"},
    "high": {"profile": "high", "x264-params": "bframes=0:ref=3"},
    "with pictures that nobody refers to": {"x264-params": "bframes=2:b-pyramid=none"},
}


@cache
def packets(codec: str) -> tuple[bytes, tuple[tuple[bytes, bool], ...]]:
    """The parameters, and each picture with whether others refer to it."""
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = 64, 48, "yuv420p"
    context.framerate = Fraction(15)
    context.options = {"g": str(PICTURES), **CODECS[codec]}
    encoded = []
    for number, image in enumerate(noisy(PICTURES)):
        picture = av.VideoFrame.from_ndarray(image, format="bgr24")
        picture.pts = number
        encoded += context.encode(picture)
    encoded += context.encode(None)
    slices = [bytes(packet) for packet in encoded]
    return bytes(context.extradata or b""), tuple((s, _is_referred_to(s)) for s in slices)


def _is_referred_to(packet: bytes) -> bool:
    """By ``nal_ref_idc`` of its slice."""
    start = packet.rindex(b"\0\0\1") + 3
    return bool(packet[start] & 0x60)


def missed(parameters: bytes, stream: list[bytes]) -> list[int]:
    watch = ReferenceWatch()
    watch.misses(parameters)
    return [number for number, packet in enumerate(stream) if watch.misses(packet)]


@pytest.mark.parametrize("codec", CODECS)
def test_a_whole_stream_misses_nothing(codec: str) -> None:
    parameters, pictures = packets(codec)
    assert missed(parameters, [packet for packet, _ in pictures] * 2) == []


@pytest.mark.parametrize("codec", CODECS)
def test_each_lost_picture_that_others_refer_to_is_missed_at_once(codec: str) -> None:
    parameters, pictures = packets(codec)
    for lost in range(1, PICTURES - 3):
        left = [packet for number, (packet, _) in enumerate(pictures) if number != lost]
        seen = missed(parameters, left)
        # The key frame is number 0; two in a row may wait for the next one that is numbered.
        assert bool(seen) == pictures[lost][1]
        assert all(lost <= number <= lost + 2 for number in seen)


def test_a_stream_whose_numbers_are_not_known_is_not_judged() -> None:
    _, pictures = packets("high")
    watch = ReferenceWatch()
    assert not any(watch.misses(packet) for packet, _ in pictures[10:])


@given(st.binary(max_size=200))
def test_no_bytes_break_it(content: bytes) -> None:
    watch = ReferenceWatch()
    watch.misses(b"\0\0\1\x67" + content)
    watch.misses(b"\0\0\1\x65" + content)
