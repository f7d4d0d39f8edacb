"""FP16 by casts: half up to the decode, float32 outside and behind it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from edge.core.errors import DataError
from edge.quantize.half import half
from edge.quantize.qdq import quantise
from tests.quantize.models import CONVS, SHIPPED, images, tiny_yolo
from tests.quantize.running import constants, kinds, run


def types(path: Path) -> dict[str, int]:
    graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    values = (*graph.input, *graph.output, *graph.value_info)
    return {value.name: value.type.tensor_type.elem_type for value in values}


def test_half_agrees_with_float(tiny: Path, tmp_path: Path) -> None:
    half(tiny, tmp_path / "h.onnx")
    tensor = images(1)[0]
    before, after = run(tiny, tensor), run(tmp_path / "h.onnx", tensor)
    assert after.dtype == np.float32
    assert 0 < np.abs(after - before)[:, 4:].max() < 2e-3
    assert np.abs(after - before)[:, :4].max() < 0.05


def test_features_are_half_and_input_decode_and_output_are_float(
    tiny: Path, tmp_path: Path
) -> None:
    half(tiny, tmp_path / "h.onnx")
    onnx.checker.check_model(onnx.load(tmp_path / "h.onnx"), full_check=True)
    found = types(tmp_path / "h.onnx")
    assert found["images"] == found["output0"] == TensorProto.FLOAT
    for name in (f"{CONVS[0]}_out", "/model.3/Resize_out", "/model.3/Concat_out"):
        assert found[name] == TensorProto.FLOAT16, name
    for name in ("/model.5/dfl/Softmax_out", "/model.5/Mul_out", "/model.5/Sigmoid_out"):
        assert found[name] == TensorProto.FLOAT, name
    assert kinds(tmp_path / "h.onnx")["Cast"] == 3, "one before, two behind the branches"


def test_weights_are_stored_once_and_in_half(tiny: Path, tmp_path: Path) -> None:
    half(tiny, tmp_path / "h.onnx")
    stored = constants(tmp_path / "h.onnx")
    weights = {name: value for name, value in stored.items() if "weight" in name}
    assert {v.dtype for k, v in weights.items() if not k.startswith("dfl")} == {np.dtype("f2")}
    assert weights["dfl.weight"].dtype == np.float32
    assert len(weights) == len([name for name in constants(tiny) if "weight" in name])
    assert stored["twice"].dtype == np.float32, "Resize takes its scales in float32 only"


def test_a_quantised_graph_computes_in_half_between_its_pairs(
    tiny: Path, tiny_ranges: dict[str, float], tmp_path: Path
) -> None:
    quantise(tiny, tiny_ranges, tmp_path / "q.onnx", placement="convs")
    half(tmp_path / "q.onnx", tmp_path / "h.onnx")
    onnx.checker.check_model(onnx.load(tmp_path / "h.onnx"), full_check=True)
    assert kinds(tmp_path / "h.onnx")["Cast"] == 3, "a cast parts a pair from its layer"
    scales = [v for k, v in constants(tmp_path / "h.onnx").items() if "_scale" in k]
    assert scales
    assert all(scale.dtype == np.float16 and (scale > 0).all() for scale in scales)
    tensor = images(1)[0]
    float_pairs, half_pairs = run(tmp_path / "q.onnx", tensor), run(tmp_path / "h.onnx", tensor)
    assert np.abs(float_pairs - half_pairs)[:, 4:].max() < 0.05
    assert np.abs(float_pairs - half_pairs)[:, :4].max() < 1.0


def test_the_shipped_model_moves_its_boxes_by_less_than_a_tenth_of_a_pixel(
    tmp_path: Path,
) -> None:
    half(SHIPPED, tmp_path / "h.onnx")
    assert (tmp_path / "h.onnx").stat().st_size < 0.55 * SHIPPED.stat().st_size
    tensor = np.full((1, 3, 640, 640), 114 / 255, np.float32)
    tensor[..., 200:260, 300:380] = 0.9
    before, after = run(SHIPPED, tensor), run(tmp_path / "h.onnx", tensor)
    assert np.abs(after - before)[:, 4:].max() < 0.01
    assert np.median(np.abs(after - before)[:, :4]) < 0.1


def test_a_weight_beyond_float16_is_named(tmp_path: Path) -> None:
    proto = tiny_yolo()
    weights = next(t for t in proto.graph.initializer if t.name == f"{CONVS[1]}.weight")
    weights.CopyFrom(numpy_helper.from_array(np.full((8, 8, 3, 3), 7e4, "f4"), weights.name))
    onnx.save(proto, tmp_path / "large.onnx")
    with pytest.raises(DataError, match=r"'/model.1/Conv.weight' reaches 7e\+04.*65504"):
        half(tmp_path / "large.onnx", tmp_path / "h.onnx")
    assert not (tmp_path / "h.onnx").exists()
