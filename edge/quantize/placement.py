"""Which tensors become INT8, and which stay float and why."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import onnx

from edge.core.build import Placement
from edge.core.errors import DataError
from edge.quantize.graph import LOWEST_OPSET, Graph, Structure, name_of, structure

_MOVES = ("Concat", "MaxPool", "Resize")
"""Operators that only move values: with one scale on both sides they run on INT8 as it is."""

_QUANTISED = ("QuantizeLinear", "DequantizeLinear", "QLinearConv", "ConvInteger")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be quantised.

    Attributes:
        activations: INT8 input tensors by node name.
        weights: the weight tensor by node name; convolutions only.
        scales: tensors whose ranges a tensor's scale must cover, by tensor: itself, and in the
            placement ``neck`` all of its group.
        kept_float: reason by node name.
    """

    activations: dict[str, tuple[str, ...]]
    weights: dict[str, str]
    scales: dict[str, frozenset[str]]
    kept_float: dict[str, str] = field(default_factory=dict)


def is_quantised(graph: Graph) -> bool:
    """Whether a model has quantised nodes already, as from quantisation-aware training."""
    return any(node.op_type in _QUANTISED for node in graph.nodes)


def plan(graph: Graph, placement: Placement, keep_float: Collection[str] = ()) -> Plan:
    """Choose by the rules in ``edge.core.build.Placement``; nothing behind the head's outputs.

    Raises:
        DataError: the head is not that of YOLOv8, the model cannot hold Q/DQ, or it has no node
            of a name in ``keep_float``.
    """
    _refuse(graph, keep_float)
    parts = structure(graph)
    made = Plan({}, {}, {})
    for node in graph.nodes:
        if not _is_candidate(graph, node, placement, parts):
            continue
        name = name_of(node)
        if reason := _why_float(graph, node, placement, parts, keep_float):
            made.kept_float[name] = reason
        else:
            made.activations[name] = _inputs(graph, node)
            if node.op_type == "Conv":
                made.weights[name] = node.input[1]
    made.scales.update(_groups(graph, made, placement))
    return made


def _refuse(graph: Graph, keep_float: Collection[str]) -> None:
    if is_quantised(graph):
        raise DataError(
            f"{graph.path}: is quantised already. Use it as it is, or give the FP32 model it came "
            "from"
        )
    if graph.opset < LOWEST_OPSET:
        raise DataError(
            f"{graph.path}: uses ONNX operators {graph.opset}; INT8 needs {LOWEST_OPSET} or newer. "
            "Export it again: edge export best.pt -o m.onnx"
        )
    if any(weight.data_type == onnx.TensorProto.FLOAT16 for weight in graph.weights.values()):
        raise DataError(
            f"{graph.path}: has float16 weights; INT8 is made from the FP32 model. "
            "Export it again: edge export best.pt -o m.onnx"
        )
    if unknown := sorted(set(keep_float) - {name_of(node) for node in graph.nodes}):
        raise DataError(f"{graph.path}: has no node {unknown[0]!r} that could stay float")


def _is_candidate(graph: Graph, node: Any, placement: Placement, parts: Structure) -> bool:
    """Whether a node is one that a reader of the report would expect in INT8."""
    if node.op_type == "Conv":
        return True
    if placement == "convs" or name_of(node) in parts.decode:
        return False
    return node.op_type in _MOVES or (node.op_type == "Add" and len(_inputs(graph, node)) == 2)


def _why_float(
    graph: Graph, node: Any, placement: Placement, parts: Structure, keep_float: Collection[str]
) -> str | None:
    name = name_of(node)
    reasons = {
        "decode: boxes and scores share no scale": name in parts.decode,
        "last convolution of the head": name in parts.outputs,
        "first convolution": name in parts.first and placement == "convs",
        "asked for": name in keep_float,
        "its weights are not constant": node.op_type == "Conv"
        and node.input[1] not in graph.weights,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _inputs(graph: Graph, node: Any) -> tuple[str, ...]:
    """The activations that a node reads; not its weights, sizes or constants."""
    if node.op_type in ("Concat", "Add"):
        return tuple(dict.fromkeys(name for name in node.input if not graph.is_constant(name)))
    return (node.input[0],)


def _groups(graph: Graph, made: Plan, placement: Placement) -> dict[str, frozenset[str]]:
    """For each INT8 tensor those it shares its scale with.

    TensorRT inserts a copy wherever a Concat, MaxPool or Resize joins two scales: its inputs and
    its output form a group, and groups that touch are one.
    """
    wanted = {tensor for inputs in made.activations.values() for tensor in inputs}
    group = {tensor: frozenset([tensor]) for tensor in wanted}
    if placement == "convs":
        return group
    for node in graph.nodes:
        if node.op_type in _MOVES and name_of(node) in made.activations:
            tensors = [*_inputs(graph, node), *node.output]
            joined = frozenset(tensors).union(*(group.get(name, frozenset()) for name in tensors))
            group.update(dict.fromkeys(joined, joined))
    return {tensor: group[tensor] for tensor in wanted}
