"""A model that came with Q/DQ pairs: its float self is what it was quantised from."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from edge.core.errors import DataError
from edge.engine import open_engine
from edge.quantize.qdq import activation_tensors, is_quantised, quantise
from edge.quantize.unquantised import without_pairs

MODEL = Path(__file__).parents[2] / "models" / "line-yolov8n.onnx"


def test_taking_the_pairs_out_gives_back_the_very_model_that_was_quantised(tmp_path: Path) -> None:
    quantised, floats = tmp_path / "q.onnx", tmp_path / "f.onnx"
    ranges = dict.fromkeys(activation_tensors(MODEL, "neck"), 3.0)
    quantise(MODEL, ranges, quantised, placement="neck")
    without_pairs(quantised, floats)
    assert is_quantised(quantised)
    assert not is_quantised(floats)
    tensor = np.random.default_rng(0).random((1, 3, 640, 640), np.float32)
    before, after = (open_engine(path).infer(tensor).copy() for path in (MODEL, floats))
    np.testing.assert_array_equal(before, after)


def stored_as_integers(path: Path, weights: Any, scale: Any, zero: Any) -> Path:
    """A convolution whose weights are int8 already, as quantisation-aware training leaves them."""
    nodes = [
        helper.make_node("QuantizeLinear", ["images", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], axis=0),
        helper.make_node("Conv", ["d", "wd"], ["output"]),
    ]
    arrays = {
        "s": np.float32(0.01),
        "z": np.int8(0),
        "w": weights,
        "ws": scale,
        "wz": zero,
    }
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in arrays.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), channels=st.integers(1, 5))
def test_integer_weights_become_the_floats_that_they_stand_for(seed: int, channels: int) -> None:
    random = np.random.default_rng(seed)
    weights = random.integers(-127, 128, (channels, 3, 1, 1)).astype(np.int8)
    scale = random.uniform(1e-3, 1, channels).astype(np.float32)
    zero = random.integers(-3, 4, channels).astype(np.int8)
    with tempfile.TemporaryDirectory() as folder:
        model = stored_as_integers(Path(folder, "q.onnx"), weights, scale, zero)
        without_pairs(model, Path(folder, "f.onnx"))
        (kept,) = onnx.load(Path(folder, "f.onnx")).graph.initializer
    expected = (weights.astype(np.float32) - zero.reshape(-1, 1, 1, 1)) * scale.reshape(-1, 1, 1, 1)
    np.testing.assert_allclose(numpy_helper.to_array(kept), expected, rtol=1e-6)


def test_integer_operators_without_pairs_are_refused_with_what_to_do(tmp_path: Path) -> None:
    model = stored_as_integers(
        tmp_path / "q.onnx",
        np.ones((1, 3, 1, 1), np.int8),
        np.ones(1, np.float32),
        np.zeros(1, np.int8),
    )
    proto = onnx.load(model)
    proto.graph.node[-1].op_type = "ConvInteger"
    onnx.save(proto, model)
    with pytest.raises(DataError, match="ConvInteger nodes, which TensorRT does not read"):
        without_pairs(model, tmp_path / "f.onnx")
