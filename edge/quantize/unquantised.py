"""A model that came with Q/DQ pairs of its own, without them: what its pairs are judged against."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from edge.core.errors import DataError
from edge.quantize.graph import Graph, read_graph

_INTEGER_ONLY = ("QLinearConv", "ConvInteger", "QLinearMatMul", "MatMulInteger")


def without_pairs(model: Path, output: Path) -> None:
    """Write the float model under a quantised one: every Q/DQ pair is taken out.

    Weights that are stored as integers become the floats that they stand for.

    Args:
        model: the ONNX with QuantizeLinear and DequantizeLinear nodes, as quantisation-aware
            training exports it.
        output: of the float ONNX.

    Raises:
        InputMissingError: the model cannot be opened.
        DataError: it has integer operators and no Q/DQ pairs, or a pair is not one.
    """
    graph = read_graph(model)
    if odd := [node.op_type for node in graph.nodes if node.op_type in _INTEGER_ONLY]:
        raise DataError(
            f"{model}: is quantised with {odd[0]} nodes, which TensorRT does not read. Export it "
            "with QuantizeLinear/DequantizeLinear pairs (QDQ format), or give the FP32 model"
        )
    floats: dict[str, str] = {}
    nodes = []
    for node in graph.nodes:
        if node.op_type == "DequantizeLinear":
            floats[node.output[0]] = _float_under(graph, node, floats)
        elif node.op_type != "QuantizeLinear":
            nodes.append(node)
    for node in nodes:
        for place, tensor in enumerate(node.input):
            node.input[place] = floats.get(tensor, tensor)
    _replace_nodes(graph.proto.graph, nodes)
    onnx.save(graph.proto, output)


def _float_under(graph: Graph, node: Any, floats: dict[str, str]) -> str:
    """The float tensor that a DequantizeLinear stands for."""
    source = node.input[0]
    maker = graph.makers.get(source)
    if maker is not None and maker.op_type == "QuantizeLinear":
        return floats.get(maker.input[0], maker.input[0])
    if source not in graph.weights:
        raise DataError(
            f"{graph.path}: DequantizeLinear {node.output[0]!r} has no QuantizeLinear before it. "
            "Export the model again, or give the FP32 model"
        )
    name = f"{source}_float"
    graph.proto.graph.initializer.append(numpy_helper.from_array(_dequantised(graph, node), name))
    return name


def _dequantised(graph: Graph, node: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    values, scale, *zero = (numpy_helper.to_array(graph.weights[name]) for name in node.input)
    axis = next((one.i for one in node.attribute if one.name == "axis"), 1)
    shape = [1] * values.ndim
    if scale.ndim:
        shape[axis] = -1
    shift = zero[0].astype(np.float32).reshape(shape) if zero else np.float32(0)
    result: np.ndarray[Any, np.dtype[np.float32]] = (
        values.astype(np.float32) - shift
    ) * scale.astype(np.float32).reshape(shape)
    return result


def _replace_nodes(contents: Any, nodes: list[Any]) -> None:
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    read = {tensor for node in copies for tensor in node.input}
    kept = [tensor for tensor in contents.initializer if tensor.name in read]
    weights = [onnx.TensorProto.FromString(tensor.SerializeToString()) for tensor in kept]
    del contents.node[:], contents.initializer[:], contents.value_info[:]
    contents.node.extend(copies)
    contents.initializer.extend(weights)
