"""Several images at once: a graph whose batch was fixed to one, with its batch left open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from edge.core.errors import DataError
from edge.quantize.graph import Graph, read_graph

_BATCH = "batch"


def open_batch(model: Path, output: Path) -> None:
    """Write the model so that it takes any number of images; each is answered as before.

    Exports fix the batch in their input, their output, and every Reshape's target. There the
    first side becomes 0, which ONNX reads as "as it comes".

    Raises:
        DataError: a Reshape's target cannot be told before the network runs.
    """
    graph = read_graph(model)
    proto = graph.proto
    if _is_open(graph):
        onnx.save(proto, str(output))
        return
    for value in (*proto.graph.input, *proto.graph.output):
        if value.name in (graph.input_name, graph.output_name):
            value.type.tensor_type.shape.dim[0].dim_param = _BATCH
    del proto.graph.value_info[:]  # shapes in between hold the old batch
    for number, node in enumerate(proto.graph.node):
        if node.op_type == "Reshape":
            _open_reshape(graph, node, f"batch_{number}")
    onnx.save(proto, str(output))


def _is_open(graph: Graph) -> bool:
    (image,) = (each for each in graph.proto.graph.input if each.name == graph.input_name)
    return not image.type.tensor_type.shape.dim[0].HasField("dim_value")


def _open_reshape(graph: Graph, node: Any, name: str) -> None:
    target = _constant(graph, node.input[1])
    if target is None or any(each.name == "allowzero" and each.i for each in node.attribute):
        raise DataError(
            f"{graph.path}: {node.name or node.output[0]!r} (Reshape) takes its target from the "
            "network, so a batch of several images cannot be opened. Export it with an open "
            "batch, edge export --dynamic, or build with --batch 1"
        )
    if target.size and target[0] == 1:
        fresh = target.copy()
        fresh[0] = 0
        graph.proto.graph.initializer.append(numpy_helper.from_array(fresh, name))
        node.input[1] = name  # the old target may have other readers


def _constant(graph: Graph, tensor: str) -> Any:
    if tensor in graph.weights:
        return np.asarray(numpy_helper.to_array(graph.weights[tensor]))
    maker = graph.makers.get(tensor)
    if maker is None or maker.op_type != "Constant":
        return None
    return np.asarray(numpy_helper.to_array(maker.attribute[0].t))
