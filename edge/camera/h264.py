"""Whether a picture that others refer to is missing from an H.264 stream.

FFmpeg decodes the next picture against an older one then, smears it, and reports nothing: no error
and no corrupt frame (measured: 26 of 26 lost pictures; of H.265 it reports each). Slice headers
number the pictures that are referred to, so a gap shows (H.264, 7.3.3 and 7.4.3, ``frame_num``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_START_CODE = re.compile(rb"\x00\x00\x01")
_EMULATION = re.compile(rb"\x00\x00\x03")  # 7.4.1: two zeros and this stand for two zeros
_HEADER_BYTES = 64  # all that is read of a NAL unit lies in its first bytes
_SLICE, _KEY_SLICE, _PARAMETERS = 1, 5, 7  # nal_unit_type, table 7-1
_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""Values of ``profile_idc`` whose parameters tell chroma format and bit depth (7.3.2.1.1)."""


class ReferenceWatch:
    """Reads one stream's packets, in order."""

    def __init__(self) -> None:
        self._numbers = 0  # frame_num counts modulo this; 0: not known yet, or gaps are allowed
        self._last: int | None = None

    def misses(self, packet: bytes) -> bool:
        """Whether a reference picture is missing before this packet.

        Args:
            packet: NAL units behind start codes (annex B), or parameters alone.
        """
        missing = False
        for unit in _units(packet):
            kind, is_reference = unit[0] & 31, bool(unit[0] & 0x60)
            try:
                if kind == _PARAMETERS:
                    self._numbers = _numbers_of(_Bits(unit[1:]))
                elif kind in (_SLICE, _KEY_SLICE) and self._numbers:
                    missing |= self._follow(unit, is_reference, is_key=kind == _KEY_SLICE)
            except IndexError:  # broken off: the decoder will say so
                continue
        return missing

    def _follow(self, unit: bytes, is_reference: bool, *, is_key: bool) -> bool:
        bits = _Bits(unit[1:])
        for _ in range(3):  # first_mb_in_slice, slice_type, pic_parameter_set_id
            bits.golomb()
        number = bits.read(self._numbers.bit_length() - 1)
        last = self._last
        if is_reference:
            self._last = number
        if is_key or last is None:
            return False
        return number not in (last, (last + 1) % self._numbers)


class _Bits:
    """Most significant bit first; raises ``IndexError`` at the end."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def read(self, count: int) -> int:
        value = 0
        for _ in range(count):
            byte = self._content[self._at >> 3]
            value = value << 1 | byte >> (7 - (self._at & 7)) & 1
            self._at += 1
        return value

    def golomb(self) -> int:
        """An unsigned Exp-Golomb number, ``ue(v)`` (9.1); signed ones are as long."""
        zeros = 0
        while not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)


def _numbers_of(bits: _Bits) -> int:
    """How far ``frame_num`` counts, from a sequence parameter set; 0 where it may skip numbers."""
    profile = bits.read(8)
    bits.read(16)  # constraints and level
    bits.golomb()  # seq_parameter_set_id
    if profile in _WITH_CHROMA and not _skip_chroma(bits):
        return 0
    numbers = 1 << bits.golomb() + 4
    order = bits.golomb()
    if order == 0:
        bits.golomb()
    elif order == 1:
        bits.read(1)
        bits.golomb(), bits.golomb()
        for _ in range(bits.golomb()):
            bits.golomb()
    bits.golomb()  # max_num_ref_frames
    gaps_allowed = bits.read(1)
    return 0 if gaps_allowed else numbers


def _skip_chroma(bits: _Bits) -> bool:
    """Skip chroma format and bit depths; False for what no camera sends and is not read here."""
    separate_planes = bits.golomb() == 3 and bits.read(1)
    bits.golomb(), bits.golomb(), bits.read(1)
    has_scaling_lists = bits.read(1)
    return not separate_planes and not has_scaling_lists


def _units(packet: bytes) -> Iterator[bytes]:
    """The first bytes of each NAL unit."""
    starts = [match.end() for match in _START_CODE.finditer(packet)]
    for start in starts:
        head = packet[start : start + _HEADER_BYTES]
        if head:
            yield _EMULATION.sub(b"\x00\x00", head)
