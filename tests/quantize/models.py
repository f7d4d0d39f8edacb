"""A YOLOv8 in miniature: each kind of layer once, so that a test can name them all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SHIPPED = Path(__file__).parents[2] / "models" / "line-yolov8n.onnx"
SIDE = 32

CONVS = ("/model.0/Conv", "/model.1/Conv", "/model.2/Conv", "/model.2/m/Conv", "/model.3/Conv")
HEAD = ("/model.5/cv2.0/cv2.0.0/Conv", "/model.5/cv3.0/cv3.0.0/Conv")
OUTPUTS = ("/model.5/cv2.0/cv2.0.1/Conv", "/model.5/cv3.0/cv3.0.1/Conv")
DFL = "/model.5/dfl/Conv"
NECK = (
    "/model.1/MaxPool",
    "/model.1/Concat",
    "/model.2/Add",
    "/model.2/Concat",
    "/model.3/Resize",
    "/model.3/Concat",
)


class _Net:
    """Nodes and weights, written down in the order they run."""

    def __init__(self, seed: int) -> None:
        self.nodes: list[Any] = []
        self.weights: dict[str, NDArray[Any]] = {}
        self._random = np.random.default_rng(seed)

    def add(self, kind: str, name: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        made = [f"{name}_out{number}" if number else f"{name}_out" for number in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, made, name=name, **attributes))
        return made[0]

    def constant(self, name: str, value: Any, dtype: Any = np.float32) -> str:
        self.weights[name] = np.array(value, dtype)
        return name

    def conv(self, name: str, source: str, shape: tuple[int, int, int], stride: int = 1) -> str:
        filters, channels, side = shape
        weights = self._random.normal(0, (channels * side * side) ** -0.5, (*shape[:2], side, side))
        inputs = [source, self.constant(f"{name}.weight", weights)]
        inputs.append(self.constant(f"{name}.bias", self._random.normal(0, 0.1, filters)))
        pads = [side // 2] * 4
        return self.add("Conv", name, *inputs, strides=[stride] * 2, pads=pads)

    def silu(self, source: str) -> str:
        gate = self.add("Sigmoid", f"{source}/Sigmoid", source)
        return self.add("Mul", f"{source}/Mul", source, gate)


def tiny_yolo(opset: int = 17, seed: int = 0) -> Any:
    """``images`` (1, 3, 32, 32) to ``output0`` (1, 4 + 3, 256), with residual, pool and neck."""
    net = _Net(seed)
    stem = net.silu(net.conv("/model.0/Conv", "images", (8, 3, 3), 2))
    down = net.silu(net.conv("/model.1/Conv", stem, (8, 8, 3), 2))
    pool = net.add("MaxPool", "/model.1/MaxPool", down, kernel_shape=[5, 5], pads=[2] * 4)
    both = net.add("Concat", "/model.1/Concat", down, pool, axis=1)
    mixed = net.silu(net.conv("/model.2/Conv", both, (8, 16, 1)))
    halves = net.constant("halves", [4, 4], np.int64)
    left = net.add("Split", "/model.2/Split", mixed, halves, outputs=2, axis=1)
    right = f"{left}1"
    branch = net.silu(net.conv("/model.2/m/Conv", right, (4, 4, 3)))
    total = net.add("Add", "/model.2/Add", right, branch)
    joined = net.add("Concat", "/model.2/Concat", left, right, total, axis=1)
    twice = net.constant("twice", [1, 1, 2, 2])
    large = net.add("Resize", "/model.3/Resize", joined, "", twice, mode="nearest")
    neck = net.add("Concat", "/model.3/Concat", large, stem, axis=1)
    feature = net.silu(net.conv("/model.3/Conv", neck, (8, 20, 3)))
    net.add("Concat", "/model.5/Concat", _boxes(net, feature), _scores(net, feature), axis=1)
    net.nodes[-1].output[0] = "output0"
    return model(net.nodes, net.weights, {"images": (1, 3, SIDE, SIDE)}, (1, 7, 256), opset)


def _boxes(net: _Net, feature: str) -> str:
    made = net.silu(net.conv(HEAD[0], feature, (8, 8, 3)))
    made = net.conv(OUTPUTS[0], made, (16, 8, 1))
    shape = net.constant("sides", [1, 4, 4, 256], np.int64)
    made = net.add("Reshape", "/model.5/Reshape", made, shape)
    made = net.add("Transpose", "/model.5/dfl/Transpose", made, perm=[0, 2, 1, 3])
    made = net.add("Softmax", "/model.5/dfl/Softmax", made, axis=1)
    steps = net.constant("dfl.weight", np.arange(4).reshape(1, 4, 1, 1))
    made = net.add("Conv", DFL, made, steps)
    shape = net.constant("boxes", [1, 4, 256], np.int64)
    made = net.add("Reshape", "/model.5/dfl/Reshape", made, shape)
    return net.add("Mul", "/model.5/Mul", made, net.constant("stride", 8.0))


def _scores(net: _Net, feature: str) -> str:
    made = net.silu(net.conv(HEAD[1], feature, (8, 8, 3)))
    made = net.conv(OUTPUTS[1], made, (3, 8, 1))
    shape = net.constant("classes", [1, 3, 256], np.int64)
    made = net.add("Reshape", "/model.5/Reshape_1", made, shape)
    return net.add("Sigmoid", "/model.5/Sigmoid", made)


def model(
    nodes: list[Any],
    weights: dict[str, NDArray[Any]],
    inputs: dict[str, tuple[int, ...]],
    output: tuple[int, ...],
    opset: int = 17,
) -> Any:
    """A checked ONNX model of these nodes; the output is called ``output0``."""
    proto = helper.make_model(
        helper.make_graph(
            nodes,
            "tiny",
            [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in inputs.items()],
            [helper.make_tensor_value_info("output0", TensorProto.FLOAT, output)],
            [numpy_helper.from_array(value, name) for name, value in weights.items()],
        ),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=8,
    )
    onnx.checker.check_model(proto, full_check=True)
    return proto


def images(count: int, side: int = SIDE, seed: int = 1) -> list[NDArray[np.float32]]:
    """Model inputs of noise, float32 (1, 3, side, side), 0..1."""
    random = np.random.default_rng(seed)
    return [random.random((1, 3, side, side), np.float32) for _ in range(count)]
