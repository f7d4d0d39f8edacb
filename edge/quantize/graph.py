"""The network as a graph: who makes a tensor, who reads it, and where YOLOv8's head begins."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError

from edge.core.errors import DataError, InputMissingError

LOWEST_OPSET = 13
"""QuantizeLinear has an axis, so scales for each output channel, since this operator set."""


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """An ONNX model, indexed.

    Attributes:
        path: where it was read, for messages.
        proto: the ``onnx.ModelProto``; edits to it are not followed by the index.
        makers: node by the tensor that it makes.
        readers: nodes by the tensor that they read.
        weights: initialisers by name.
        input_name: the image tensor.
        output_name: the head.
    """

    path: Path
    proto: Any
    makers: dict[str, Any]
    readers: dict[str, list[Any]]
    weights: dict[str, Any]
    input_name: str
    output_name: str

    @property
    def nodes(self) -> Iterable[Any]:
        """Every node, in the order they run."""
        return self.proto.graph.node

    @property
    def opset(self) -> int:
        """Version of ONNX's own operators."""
        return next((o.version for o in self.proto.opset_import if o.domain in ("", "ai.onnx")), 0)

    def is_constant(self, tensor: str) -> bool:
        """Whether a tensor is the same for every image, as far as its maker tells."""
        maker = self.makers.get(tensor)
        return tensor in self.weights or (maker is not None and maker.op_type == "Constant")


@dataclass(frozen=True, slots=True)
class Structure:
    """The parts of a YOLOv8 network that quantisation treats unlike the rest; node names.

    Attributes:
        first: convolutions that read the image.
        outputs: the last convolution of every branch of the head (``cv2.*.2``, ``cv3.*.2``).
        decode: everything behind them: DFL, softmax, sigmoid, boxes, final Concats.
    """

    first: frozenset[str]
    outputs: frozenset[str]
    decode: frozenset[str]


def read_graph(model: Path) -> Graph:
    """Read an ONNX file whose weights lie inside it.

    Raises:
        InputMissingError: the file cannot be opened.
        DataError: it is no ONNX, or has not one input and one output.
    """
    try:
        proto = onnx.load(model, load_external_data=False)
    except OSError as error:
        raise InputMissingError(f"{model}: cannot be read: {error.strerror}") from error
    except DecodeError as error:
        raise DataError(f"{model}: not an ONNX file. Copy or export it again") from error
    return index_graph(model, proto)


def name_of(node: Any) -> str:
    """A node's name; where the export left it out, that of its first output."""
    return node.name or node.output[0]


def structure(graph: Graph) -> Structure:
    """Find the first convolution and the head, by the way tensors flow and not by names.

    Raises:
        DataError: the head is not that of YOLOv8.
    """
    decode, outputs = _head(graph)
    kinds = {node.op_type for node in decode}
    if not {"Softmax", "Sigmoid", "Concat"} <= kinds or len(outputs) < 2 or len(outputs) % 2:
        raise DataError(
            f"{graph.path}: its head is not that of YOLOv8 (found {len(outputs)} last convolutions "
            f"and {', '.join(sorted(kinds)) or 'nothing'} behind them), so Edge cannot tell which "
            "layers must stay float. Use --precision fp16, or export a YOLOv8 detection model: "
            "edge export best.pt -o m.onnx"
        )
    first = _until_conv([graph.input_name], lambda tensor: graph.readers[tensor], _outputs)[1]
    return Structure(*(frozenset(map(name_of, nodes)) for nodes in (first, outputs, decode)))


def index_graph(model: Path, proto: Any) -> Graph:
    """Index a model that was read from a file.

    Raises:
        DataError: it has not one input and one output.
    """
    weights = {tensor.name: tensor for tensor in proto.graph.initializer}
    inputs = [value.name for value in proto.graph.input if value.name not in weights]
    outputs = [value.name for value in proto.graph.output]
    if len(inputs) != 1 or len(outputs) != 1:
        raise DataError(
            f"{model}: has {len(inputs)} inputs and {len(outputs)} outputs, a YOLOv8 detection "
            "model has one of each. Export it again: edge export best.pt -o m.onnx"
        )
    readers: dict[str, list[Any]] = defaultdict(list)
    for node in proto.graph.node:
        for tensor in dict.fromkeys(node.input):
            readers[tensor].append(node)
    makers = {tensor: node for node in proto.graph.node for tensor in node.output if tensor}
    return Graph(model, proto, makers, readers, weights, inputs[0], outputs[0])


def _head(graph: Graph) -> tuple[list[Any], list[Any]]:
    """Nodes behind the head's last convolutions, and these, walking up from the output."""

    def makers(tensor: str) -> list[Any]:
        return [graph.makers[tensor]] if tensor in graph.makers else []

    decode, ends = _until_conv([graph.output_name], makers, _inputs)
    distances = [conv for conv in ends if _follows_softmax(graph, conv)]
    above, outputs = _until_conv([t for conv in distances for t in conv.input], makers, _inputs)
    kept = {name_of(node): node for node in (*ends, *outputs) if node not in distances}
    return [*decode, *distances, *above], list(kept.values())


def _follows_softmax(graph: Graph, conv: Any) -> bool:
    """The convolution of DFL turns a softmax over distances into their mean."""
    maker = graph.makers.get(conv.input[0])
    while maker is not None and maker.op_type in ("Transpose", "Reshape"):
        maker = graph.makers.get(maker.input[0])
    return maker is not None and maker.op_type == "Softmax"


def _until_conv(
    tensors: list[str],
    neighbours: Callable[[str], list[Any]],
    onward: Callable[[Any], list[str]],
) -> tuple[list[Any], list[Any]]:
    """Walk from tensors over nodes, not beyond convolutions: (nodes before them, them)."""
    before: dict[str, Any] = {}
    convs: dict[str, Any] = {}
    waiting = list(tensors)
    while waiting:
        for node in neighbours(waiting.pop()):
            name = name_of(node)
            if node.op_type == "Conv":
                convs[name] = node
            elif name not in before:
                before[name] = node
                waiting.extend(onward(node))
    return list(before.values()), list(convs.values())


def _inputs(node: Any) -> list[str]:
    # Where sizes are open, the decode asks its features for theirs, not for their values.
    return [] if node.op_type == "Shape" else [tensor for tensor in node.input if tensor]


def _outputs(node: Any) -> list[str]:
    return [tensor for tensor in node.output if tensor]
