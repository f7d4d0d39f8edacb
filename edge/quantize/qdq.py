"""Q/DQ pairs in an ONNX graph: what TensorRT 8.6 to 11, TensorRT-RTX and ONNX Runtime all take.

Symmetric INT8, zero point 0; activations with one scale, weights with one for each output
channel. Weights stay float32 and get a Q/DQ pair: TensorRT 8.6 refuses int8 initialisers. Biases
stay float; no pair follows a convolution, so that its activation fuses into it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from edge.core.build import Placement
from edge.core.errors import DataError
from edge.quantize import placement as placing
from edge.quantize.graph import Graph, name_of, read_graph
from edge.quantize.ranges import LEVELS, SMALLEST_RANGE


@dataclass(frozen=True, slots=True)
class QdqReport:
    """What became of each node that could be INT8.

    Attributes:
        quantised: names of the nodes that read INT8, in the order they run.
        kept_float: reason by name of the others.
    """

    quantised: tuple[str, ...]
    kept_float: dict[str, str]


def quantise(
    model: Path,
    ranges: Mapping[str, float],
    output: Path,
    *,
    placement: Placement,
    keep_float: Collection[str] = (),
) -> QdqReport:
    """Write a copy of a float model with Q/DQ pairs.

    Args:
        model: the FP32 ONNX.
        ranges: absolute maximum by tensor name, for all of ``activation_tensors``.
        output: of the quantised ONNX.
        placement: where pairs go, see ``edge.core.build.Placement``. Tensors that share a scale
            get the largest range among them.
        keep_float: names of nodes to leave as they are.

    Raises:
        InputMissingError: the model cannot be opened.
        DataError: the model is not one that can be quantised, or a range is missing or unusable.
    """
    graph = read_graph(model)
    plan = placing.plan(graph, placement, keep_float)
    amax = {tensor: _range(graph, ranges, group) for tensor, group in plan.scales.items()}
    _insert(graph, plan, amax)
    onnx.save(graph.proto, output)
    return QdqReport(tuple(plan.activations), plan.kept_float)


def activation_tensors(model: Path, placement: Placement) -> frozenset[str]:
    """Names of the activations whose ranges ``quantise`` needs.

    Raises:
        InputMissingError: the model cannot be opened.
        DataError: the model is not one that can be quantised.
    """
    groups = placing.plan(read_graph(model), placement).scales.values()
    return frozenset().union(*groups)


def is_quantised(model: Path) -> bool:
    """Whether an ONNX is quantised already, as from quantisation-aware training.

    Raises:
        InputMissingError: the model cannot be opened.
        DataError: it is no ONNX.
    """
    return placing.is_quantised(read_graph(model))


def weight_scales(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scales of symmetric INT8 for weights (O, ...): one an output channel, float32 (O,)."""
    amax = np.abs(weights.reshape(len(weights), -1)).max(axis=1)
    return (np.maximum(amax, SMALLEST_RANGE) / LEVELS).astype(np.float32)


def _range(graph: Graph, ranges: Mapping[str, float], group: Collection[str]) -> float:
    for tensor in sorted(group):
        amax = ranges.get(tensor)
        if amax is None:
            raise DataError(
                f"{graph.path}: no range for the tensor {tensor!r}. The ranges belong to another "
                "model or placement: calibrate again"
            )
        if not math.isfinite(amax) or amax <= 0:
            raise DataError(f"{graph.path}: the range of {tensor!r} is {amax}, not positive")
    return max(ranges[tensor] for tensor in group)


def _insert(graph: Graph, plan: placing.Plan, amax: Mapping[str, float]) -> None:
    """Rebuild the node list: each pair stands before the first node that reads it."""
    pairs: dict[str, str] = {}
    nodes: list[Any] = []

    def quantised(tensor: str, scale: NDArray[np.float32]) -> str:
        if tensor not in pairs:
            nodes.extend(_pair(graph, tensor, scale))
            pairs[tensor] = nodes[-1].output[0]
        return pairs[tensor]

    for node in graph.nodes:
        name = name_of(node)
        for tensor in plan.activations.get(name, ()):
            scale = np.array(amax[tensor] / LEVELS, np.float32)
            _reroute(node, tensor, quantised(tensor, scale))
        if name in plan.weights:
            weights = plan.weights[name]
            scales = weight_scales(numpy_helper.to_array(graph.weights[weights]))
            _reroute(node, weights, quantised(weights, scales))
        nodes.append(node)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.proto.graph.node[:]
    graph.proto.graph.node.extend(copies)


def _reroute(node: Any, old: str, new: str) -> None:
    for place, tensor in enumerate(node.input):
        if tensor == old:
            node.input[place] = new


def _pair(graph: Graph, tensor: str, scale: NDArray[np.float32]) -> list[Any]:
    """QuantizeLinear and DequantizeLinear of a tensor; a scale (O,) is for its axis 0."""
    names = [f"{tensor}_scale", f"{tensor}_zero_point"]
    graph.proto.graph.initializer.append(numpy_helper.from_array(scale, names[0]))
    zeros = np.zeros(scale.shape, np.int8)
    graph.proto.graph.initializer.append(numpy_helper.from_array(zeros, names[1]))
    nodes = []
    for operator, source, target in (
        ("QuantizeLinear", tensor, f"{tensor}_quantised"),
        ("DequantizeLinear", f"{tensor}_quantised", f"{tensor}_dequantised"),
    ):
        nodes.append(
            helper.make_node(operator, [source, *names], [target], name=f"{tensor}_{operator}")
        )
        if scale.ndim:
            nodes[-1].attribute.append(helper.make_attribute("axis", 0))
    return nodes
