"""TensorRT's calibration cache, there and back."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.core.errors import DataError, InputMissingError
from edge.quantize.cache import read_calibration_cache, write_calibration_cache

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1)
SCALES = st.floats(0, allow_infinity=False, width=32, exclude_min=True).filter(
    lambda scale: scale > 1e-38
)


def test_the_text_is_that_of_tensorrt(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    write_calibration_cache(path, {"images": 1.0, "/model.0/act/Mul_output_0": 12.7})
    assert path.read_bytes() == (
        b"TRT-8600-EntropyCalibration2\nimages: 3c010204\n/model.0/act/Mul_output_0: 3dcccccd\n"
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(NAMES, SCALES))
def test_every_scale_comes_back_bit_by_bit(tmp_path: Path, scales: dict[str, float]) -> None:
    path, again = tmp_path / "cache", tmp_path / "again"
    lines = [f"{name}: {struct.pack('>f', scale).hex()}\n" for name, scale in scales.items()]
    text = "TRT-8600-MinMaxCalibration\n" + "".join(lines)
    path.write_bytes(text.encode())
    header, ranges = read_calibration_cache(path)
    assert header == "TRT-8600-MinMaxCalibration"
    assert list(ranges) == list(scales)
    assert [np.float32(amax / 127) for amax in ranges.values()] == list(scales.values())
    write_calibration_cache(again, ranges, algorithm="MinMaxCalibration")
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", ["a: b", "a:b:", ": ", " a ", "(Unnamed Layer* 0) [Constant]"])
def test_names_with_colons_and_spaces_come_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / "cache"
    write_calibration_cache(path, {name: 127.0})
    assert read_calibration_cache(path)[1] == {name: 127.0}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("images 3c010204", "is not 'tensor: 8 hexadecimal digits'"),
        ("images:3c010204", "is not 'tensor: 8 hexadecimal digits'"),
        ("images: 3c0102", "is not 'tensor: 8 hexadecimal digits'"),
        ("images: 3c01020g", "is not 'tensor: 8 hexadecimal digits'"),
        (": 3c010204", "is not 'tensor: 8 hexadecimal digits'"),
        ("", "is not 'tensor: 8 hexadecimal digits'"),
        ("images: 00000000", "is 0.0, not a positive number"),
        ("images: bc010204", "not a positive number"),
        ("images: 7f800000", "is inf, not a positive number"),
        ("images: 7fc00000", "is nan, not a positive number"),
        ("first: 3c010204", "stands here twice"),
    ],
)
def test_a_bad_line_is_refused_with_its_number(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "cache"
    path.write_text(f"TRT-8600-EntropyCalibration2\nfirst: 3c010204\n{line}\nlast: 3c010204\n")
    with pytest.raises(DataError, match=f"cache:3: .*{reason}"):
        read_calibration_cache(path)


@pytest.mark.parametrize("content", [b"", b"\n", b"images: 3c010204\n", b"TRT\n", b"\xff\xfe"])
def test_what_is_no_cache_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cache"
    path.write_bytes(content)
    with pytest.raises(DataError, match="calibration cache"):
        read_calibration_cache(path)


def test_a_missing_cache_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError, match="cache"):
        read_calibration_cache(tmp_path / "cache")


@pytest.mark.parametrize(
    "ranges",
    [{"a": 0.0}, {"a": -1.0}, {"a": float("nan")}, {"a": 1e300}, {"a": 1e-60}, {"a\nb": 1.0}],
    ids=str,
)
def test_what_the_format_cannot_hold_is_not_written(
    tmp_path: Path, ranges: dict[str, float]
) -> None:
    with pytest.raises(DataError):
        write_calibration_cache(tmp_path / "cache", ranges)
    assert not (tmp_path / "cache").exists()
