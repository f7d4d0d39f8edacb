"""FP16 by casts: what a strongly typed network (TensorRT 10 and newer) needs to compute in half.

Weights and activations are float16. The decode stays float32: boxes reach 640 pixels, where
float16 has steps of half a pixel, and it is a small part of the work. So do the input and the
output. In a graph with Q/DQ pairs these too become float16, with their scales: a Cast between a
pair and its convolution would keep the two from being fused.

Written here, and not with ``onnxruntime.transformers.float16``: that one puts casts around every
single node that is kept in float32, so that the values between two of them are float16 again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference, version_converter

from edge.core.errors import DataError
from edge.quantize.graph import Graph, index_graph, name_of, read_graph, structure
from edge.quantize.placement import is_quantised

_HALF_PAIRS_OPSET = 19
"""QuantizeLinear and DequantizeLinear take float16 since this operator set."""

_OWN_TYPE = ("Constant", "ConstantOfShape", "Range", "Cast")
"""Operators whose output type is not that of their inputs."""

_FLOAT_INPUTS = {"Resize": (1, 2)}
"""Inputs that stay float32 by ONNX's own rules: region and scales."""


def half(model: Path, output: Path) -> None:
    """Write a copy of a float model, or of one with Q/DQ pairs, that computes in float16.

    Args:
        model: the ONNX.
        output: of the ONNX in float16; its input and output are float32, named as before.

    Raises:
        InputMissingError: the model cannot be opened.
        DataError: its head is not that of YOLOv8, or a weight is too large for float16.
    """
    graph = read_graph(model)
    if is_quantised(graph) and graph.opset < _HALF_PAIRS_OPSET:
        proto = version_converter.convert_version(graph.proto, _HALF_PAIRS_OPSET)
        graph = index_graph(model, proto)
    kept = structure(graph).decode
    floats = _float_tensors(graph)
    nodes = list(_Halving(graph, kept, floats).nodes())
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    contents = graph.proto.graph
    del contents.node[:], contents.value_info[:]  # the latter's types no longer hold
    contents.node.extend(copies)
    _drop_unread_weights(contents)
    least = helper.find_min_ir_version_for(graph.proto.opset_import)
    graph.proto.ir_version = max(graph.proto.ir_version, least)
    onnx.save(graph.proto, output)


class _Halving:
    """One pass over a graph; remembers which tensors are float16 by now, and under which name."""

    def __init__(self, graph: Graph, kept: Collection[str], floats: Collection[str]) -> None:
        self._graph = graph
        self._kept = kept
        self._floats = floats
        self._half: set[str] = set()
        self._renamed: dict[tuple[str, int], str] = {}

    def nodes(self) -> Iterator[Any]:
        """The graph's nodes, rewired, with the casts that they need before them."""
        for node in self._graph.nodes:
            to_half = name_of(node) not in self._kept and node.op_type not in _OWN_TYPE
            for place, tensor in enumerate(node.input):
                in_half = to_half and place not in _FLOAT_INPUTS.get(node.op_type, ())
                if tensor in self._floats and (tensor in self._half) != in_half:
                    kind = TensorProto.FLOAT16 if in_half else TensorProto.FLOAT
                    yield from self._cast(tensor, kind)
                    node.input[place] = self._renamed[tensor, kind]
            if to_half:
                self._half.update(set(node.output) & set(self._floats))
            yield node

    def _cast(self, tensor: str, kind: int) -> Iterator[Any]:
        """Make the tensor available in another type, once."""
        if (tensor, kind) in self._renamed:
            return
        name = f"{tensor}_{'half' if kind == TensorProto.FLOAT16 else 'float'}"
        self._renamed[tensor, kind] = name
        if tensor in self._graph.weights:
            self._graph.proto.graph.initializer.append(_half_weights(self._graph, tensor, name))
        else:
            yield helper.make_node("Cast", [tensor], [name], name=f"{name}_Cast", to=kind)


def _half_weights(graph: Graph, tensor: str, name: str) -> Any:
    weights = numpy_helper.to_array(graph.weights[tensor])
    largest = float(np.abs(weights).max(initial=0))
    if not largest <= float(np.finfo(np.float16).max):
        raise DataError(
            f"{graph.path}: {tensor!r} reaches {largest:.3g}, beyond float16 (65504). "
            "Use --precision fp32"
        )
    return numpy_helper.from_array(weights.astype(np.float16), name)


def _float_tensors(graph: Graph) -> set[str]:
    """Names of all float32 tensors, weights among them."""
    inferred = shape_inference.infer_shapes(graph.proto).graph
    values = (*inferred.input, *inferred.output, *inferred.value_info)
    known = {value.name: value.type.tensor_type.elem_type for value in values}
    known |= {name: weight.data_type for name, weight in graph.weights.items()}
    if unknown := [name for name in graph.makers if not known.get(name)]:
        raise DataError(
            f"{graph.path}: the type of {unknown[0]!r} is not known, so it cannot be cast to "
            "float16. Export it again: edge export best.pt -o m.onnx"
        )
    return {name for name, kind in known.items() if kind == TensorProto.FLOAT}


def _drop_unread_weights(contents: Any) -> None:
    read = {tensor for node in contents.node for tensor in node.input}
    kept = [tensor for tensor in contents.initializer if tensor.name in read]
    copies = [onnx.TensorProto.FromString(tensor.SerializeToString()) for tensor in kept]
    del contents.initializer[:]
    contents.initializer.extend(copies)
