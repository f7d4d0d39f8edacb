"""TensorRT's calibration cache: ranges as text that its implicit calibrators read back.

The first line names version and algorithm, each other one a tensor and the bits of its scale::

    TRT-8600-EntropyCalibration2
    images: 3c010204

The bits are those of the IEEE-754 single, highest first; scale = absolute maximum / 127
(here 1/127).
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from edge.core.errors import DataError, InputMissingError
from edge.quantize.ranges import LEVELS

_HEADER = re.compile(r"TRT-\d+-\w+")
_BITS = re.compile(r"[0-9a-f]{8}")


def write_calibration_cache(
    path: Path,
    ranges: Mapping[str, float],
    version: str = "8600",
    algorithm: str = "EntropyCalibration2",
) -> None:
    """Write ranges as a calibration cache; each scale is rounded to float32.

    Args:
        path: of the file; an older one is replaced.
        ranges: absolute maximum by tensor name.
        version: of the TensorRT that is to read it, as it writes it: 8.6.0 is ``8600``.
        algorithm: ``EntropyCalibration2`` or ``MinMaxCalibration``; TensorRT ignores a cache of
            the other.

    Raises:
        DataError: a name has a line break, or a scale is not finite and positive.
    """
    lines = [f"TRT-{version}-{algorithm}"]
    for name, amax in ranges.items():
        with np.errstate(over="ignore"):
            scale = float(np.float32(amax / LEVELS))
        if not math.isfinite(scale) or scale <= 0:
            raise DataError(f"{path}: the range of {name!r} is {amax}; a float32 cannot hold it")
        if len(name.splitlines()) != 1:
            raise DataError(f"{path}: the tensor name {name!r} does not fit on one line")
        lines.append(f"{name}: {struct.pack('>f', scale).hex()}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def read_calibration_cache(path: Path) -> tuple[str, dict[str, float]]:
    """Read a calibration cache: its first line, and the absolute maximum by tensor name.

    Writing what was read gives the same scales, bit by bit.

    Raises:
        InputMissingError: the file cannot be opened.
        DataError: a line is not what TensorRT writes; its number is in the message.
    """
    try:
        header, *lines = path.read_bytes().decode("utf-8").rstrip("\n").split("\n")
    except OSError as error:
        raise InputMissingError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not text, so no calibration cache") from error
    if not _HEADER.fullmatch(header):
        raise DataError(
            f"{path}:1: not a calibration cache: begins {header[:40]!r}, wanted the like of "
            "'TRT-8600-EntropyCalibration2'"
        )
    ranges: dict[str, float] = {}
    for number, line in enumerate(lines, start=2):
        name, amax = _entry(f"{path}:{number}", line)
        if name in ranges:
            raise DataError(f"{path}:{number}: the tensor {name!r} stands here twice")
        ranges[name] = amax
    return header, ranges


def _entry(place: str, line: str) -> tuple[str, float]:
    name, separator, bits = line.rpartition(": ")  # a name may hold colons itself
    if not separator or not name or not _BITS.fullmatch(bits):
        raise DataError(f"{place}: {line[:80]!r} is not 'tensor: 8 hexadecimal digits'")
    (scale,) = struct.unpack(">f", bytes.fromhex(bits))
    if not math.isfinite(scale) or scale <= 0:
        raise DataError(f"{place}: the scale of {name!r} is {scale}, not a positive number")
    return name, scale * LEVELS
