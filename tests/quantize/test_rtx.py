"""A genuine NVIDIA parser and builder takes every graph that this room writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from edge.quantize.collect import collect
from edge.quantize.half import half
from edge.quantize.qdq import quantise
from edge.quantize.ranges import ranges_from
from tests.quantize import rtx
from tests.quantize.models import SHIPPED, images

pytestmark = pytest.mark.rtx


@pytest.fixture(scope="module")
def ranges() -> dict[str, float]:
    pytest.importorskip("tensorrt_rtx", reason=rtx.WHY_SKIPPED)
    return ranges_from(collect(SHIPPED, images(1, side=640), threads=1), "minmax")


def fp32(ranges: dict[str, float], folder: Path) -> Path:
    return SHIPPED


def fp16(ranges: dict[str, float], folder: Path) -> Path:
    half(SHIPPED, folder / "fp16.onnx")
    return folder / "fp16.onnx"


def convs(ranges: dict[str, float], folder: Path) -> Path:
    quantise(SHIPPED, ranges, folder / "convs.onnx", placement="convs")
    return folder / "convs.onnx"


def neck(ranges: dict[str, float], folder: Path) -> Path:
    quantise(SHIPPED, ranges, folder / "neck.onnx", placement="neck")
    return folder / "neck.onnx"


def convs_in_half(ranges: dict[str, float], folder: Path) -> Path:
    half(convs(ranges, folder), folder / "half.onnx")
    return folder / "half.onnx"


def neck_in_half(ranges: dict[str, float], folder: Path) -> Path:
    half(neck(ranges, folder), folder / "half.onnx")
    return folder / "half.onnx"


@pytest.mark.parametrize("made", [fp32, fp16, convs, neck, convs_in_half, neck_in_half])
def test_tensorrt_rtx_parses_and_builds(
    made: Callable[[dict[str, float], Path], Path], ranges: dict[str, float], tmp_path: Path
) -> None:
    layers, plan = rtx.build(made(ranges, tmp_path))
    assert layers > 250
    assert len(plan) > 1_000_000


def test_what_tensorrt_rtx_refuses_is_seen_here(tmp_path: Path) -> None:
    """So that the tests above can fail: a node that no runtime knows."""
    pytest.importorskip("tensorrt_rtx", reason=rtx.WHY_SKIPPED)
    model = onnx.load(SHIPPED)
    next(node for node in model.graph.node if node.op_type == "Sigmoid").op_type = "Sigmund"
    onnx.save(model, tmp_path / "unknown.onnx")
    with pytest.raises(AssertionError, match=r"/model\.0/act/Sigmoid"):
        rtx.build(tmp_path / "unknown.onnx")
