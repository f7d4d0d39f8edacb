"""The coarse parts of a network: what goes back to FP16 together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edge.core.build import Placement
from edge.quantize.graph import read_graph
from edge.quantize.placement import plan

_BLOCK = re.compile(r"/?(model\.\d+)(?:/(cv[23])\.\d)?")
"""``/model.6/m.0/cv1/conv/Conv`` is of ``model.6``, ``/model.22/cv3.1/...`` of ``model.22.cv3``:
the head's boxes and classes are two blocks, each with all of its scales."""


@dataclass(frozen=True, slots=True)
class Block:
    """Nodes that are quantised, or kept float, together.

    Attributes:
        name: such as ``model.6`` or, of the head, ``model.22.cv2`` (boxes) and ``.cv3`` (classes).
        nodes: names of its nodes that can be INT8, in the order they run.
    """

    name: str
    nodes: tuple[str, ...]


def blocks(model: Path, placement: Placement = "convs") -> tuple[Block, ...]:
    """The blocks of a float model, in the order they run.

    Args:
        model: the FP32 ONNX. Where its nodes are not named as Ultralytics names them, each node
            is a block of its own.
        placement: nodes that stay float in it belong to no block.

    Raises:
        InputMissingError: the model cannot be opened.
        DataError: the model is not one that can be quantised.
    """
    found: dict[str, list[str]] = {}
    for node in plan(read_graph(model), placement).activations:
        found.setdefault(_block_name(node), []).append(node)
    return tuple(Block(name, tuple(nodes)) for name, nodes in found.items())


def _block_name(node: str) -> str:
    match = _BLOCK.match(node)
    return ".".join(filter(None, match.groups())) if match else node
