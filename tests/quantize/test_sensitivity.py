"""Blocks and their noise: the layer that INT8 breaks comes first."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edge.core.errors import DataError
from edge.core.ports import Engine
from edge.engine import open_engine
from edge.quantize.blocks import blocks
from edge.quantize.collect import collect
from edge.quantize.ranges import ranges_from
from edge.quantize.sensitivity import QUIETEST_DB, noise_db, sensitivity
from tests.quantize.models import CONVS, HEAD, NECK, SHIPPED, images, tiny_yolo

HEADS = np.random.default_rng(0).random((2, 7, 50), np.float32)


def open_one_thread(model: Path) -> Engine:
    return open_engine(model, threads=1)


def test_the_blocks_of_the_shipped_model_are_its_layers_and_two_of_the_head() -> None:
    found = {block.name: block.nodes for block in blocks(SHIPPED)}
    layers = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 18, 19, 21]
    heads = ["model.22.cv2", "model.22.cv3"]
    assert list(found) == [*(f"model.{number}" for number in layers), *heads]
    assert all(len(found[head]) == 6 for head in heads)
    assert sum(len(nodes) for nodes in found.values()) == 56


def test_blocks_follow_the_placement(tiny: Path) -> None:
    convs = {node for block in blocks(tiny) for node in block.nodes}
    neck = {node for block in blocks(tiny, "neck") for node in block.nodes}
    assert convs == {*CONVS[1:], *HEAD}
    assert neck == {*CONVS, *HEAD, *NECK}


def test_without_ultralytics_names_each_layer_is_a_block(tmp_path: Path) -> None:
    proto = tiny_yolo()
    for number, node in enumerate(proto.graph.node):
        node.name = f"node{number}"
    onnx.save(proto, tmp_path / "m.onnx")
    assert [block.nodes for block in blocks(tmp_path / "m.onnx")] == [
        (block.name,) for block in blocks(tmp_path / "m.onnx")
    ]


@pytest.mark.parametrize("worst", ["/model.2/Conv", "/model.3/Conv"])
def test_the_layer_that_int8_breaks_is_found_first(worst: str, tmp_path: Path) -> None:
    """One weight of a channel dwarfs the others, but always meets a zero: INT8 loses the others."""
    proto = tiny_yolo()
    weights = next(t for t in proto.graph.initializer if t.name == f"{worst}.weight")
    values = numpy_helper.to_array(weights).copy()
    values[:, 0, 0, 0] = 300 * np.abs(values).max()
    weights.CopyFrom(numpy_helper.from_array(values, weights.name))
    silence(proto, worst)
    path = tmp_path / "m.onnx"
    onnx.save(proto, path)
    tensors = images(2)
    ranges = ranges_from(collect(path, tensors, threads=1), "minmax")
    told: list[int] = []
    found = sensitivity(
        path,
        ranges,
        tensors,
        blocks(path),
        tmp_path,
        open_engine=open_one_thread,
        progress=told.append,
    )
    assert worst in found[0].block.nodes
    assert found[0].noise_db < found[1].noise_db - 6
    assert [one.noise_db for one in found] == sorted(one.noise_db for one in found)
    assert {one.block for one in found} == set(blocks(path))
    assert told == list(range(1, len(found) + 1))
    assert [file.name for file in tmp_path.iterdir()] == ["m.onnx"], "a trial was left behind"


def silence(proto: onnx.ModelProto, conv: str) -> None:
    """Make the first channel that a convolution reads always 0: its maker's weights and bias."""
    source = {"/model.2/Conv": "/model.1/Conv", "/model.3/Conv": "/model.2/Conv"}[conv]
    for tensor in proto.graph.initializer:
        if tensor.name in (f"{source}.weight", f"{source}.bias"):
            values = numpy_helper.to_array(tensor).copy()
            values[0] = 0
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def test_no_image_is_an_error(tiny: Path, tiny_ranges: dict[str, float], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no image"):
        sensitivity(tiny, tiny_ranges, [], blocks(tiny), tmp_path, open_engine=open_one_thread)


def test_noise_is_that_of_the_worse_of_boxes_and_classes() -> None:
    boxes, classes = HEADS.copy(), HEADS.copy()
    boxes[:, :4] *= 1.1
    classes[:, 4:] *= 1.01
    assert noise_db(HEADS, boxes) == pytest.approx(20, abs=1e-3)
    assert noise_db(HEADS, classes) == pytest.approx(40, abs=1e-2)
    boxes[:, 4:] = classes[:, 4:]
    assert noise_db(HEADS, boxes) == pytest.approx(20, abs=1e-3)


def test_large_boxes_do_not_hide_the_scores() -> None:
    reference, other = HEADS.copy(), HEADS.copy()
    reference[:, :4] *= 640
    other[:, :4] *= 640
    other[:, 4:] = 0
    assert noise_db(reference, other) == pytest.approx(0)


@pytest.mark.parametrize(
    ("other", "decibels"),
    [(HEADS, QUIETEST_DB), (HEADS * np.float32(np.nan), -QUIETEST_DB)],
    ids=["no noise", "a broken head"],
)
def test_noise_is_always_a_number(other: np.ndarray, decibels: float) -> None:
    assert noise_db(HEADS, other) == decibels
    assert math.isfinite(noise_db(np.zeros_like(HEADS), HEADS))
