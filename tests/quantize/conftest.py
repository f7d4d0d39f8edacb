"""A small model and its ranges."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from edge.quantize.collect import collect
from edge.quantize.ranges import ranges_from
from tests.quantize.models import images, tiny_yolo


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    onnx.save(tiny_yolo(), path)
    return path


@pytest.fixture
def tiny_ranges(tiny: Path) -> dict[str, float]:
    return ranges_from(collect(tiny, images(4), threads=1), "minmax")
