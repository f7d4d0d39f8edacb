"""Running an ONNX as it is, and reading what is in it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray


def run(model: Path, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
    """The only output for this input."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {session.get_inputs()[0].name: tensor})
    return output


def kinds(model: Path) -> Counter[str]:
    """How many nodes of each operator."""
    return Counter(node.op_type for node in onnx.load(model).graph.node)


def node_inputs(model: Path) -> dict[str, list[str]]:
    """What each node reads, by its name."""
    return {node.name: list(node.input) for node in onnx.load(model).graph.node}


def constants(model: Path) -> dict[str, Any]:
    """Initialisers, by name."""
    return {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(model).graph.initializer}
