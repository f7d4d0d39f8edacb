"""Tiny ONNX models, made where they are needed, that speak like YOLOv8 exports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
COLOURS = "{0: 'red', 1: 'green', 2: 'blue'}"

Shape = tuple[int | str, ...]


def colour_model(
    *,
    size: tuple[Any, Any] = (64, 96),
    metadata: dict[str, str] | None = None,
    batch: int | str = 1,
    half: bool = False,
    opset: int = OPSET,
    ir_version: int = 8,
) -> Any:
    """A network that answers with two anchors, whose class scores are the mean red, green, blue.

    The first box is (20, 20) to (40, 60), the second a little off it and scored half as high.

    Args:
        size: height and width; text leaves a side open.
        metadata: as Ultralytics writes it; by default the names of the three colours.
        batch: size of the batch; text leaves it open.
        half: input, output and arithmetic in float16.
        opset: operator set that the file claims.
        ir_version: of the file format that the file claims.
    """
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    dtype = np.float16 if half else np.float32
    boxes = np.array([[[30, 31], [40, 40], [20, 20], [40, 40]]], dtype)
    weights = {
        "boxes": boxes,
        "shares": np.array([[[1.0, 0.5]]], dtype),
        "flat": np.array([-1, 3, 1], np.int64),
        "nothing": np.zeros(1, dtype),
    }
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["means"]),
        helper.make_node("Reshape", ["means", "flat"], ["column"]),
        helper.make_node("Mul", ["column", "shares"], ["scores"]),
        helper.make_node("ReduceMean", ["column"], ["grey"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["grey", "nothing"], ["zero"]),
        helper.make_node("Add", ["boxes", "zero"], ["every_boxes"]),
        helper.make_node("Concat", ["every_boxes", "scores"], ["output0"], axis=1),
    ]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "colours",
            [helper.make_tensor_value_info("images", kind, [batch, 3, *size])],
            [helper.make_tensor_value_info("output0", kind, [batch, 7, 2])],
            [numpy_helper.from_array(value, name) for name, value in weights.items()],
        ),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=ir_version,
    )
    helper.set_model_props(model, {"names": COLOURS} if metadata is None else metadata)
    return model


def constant_model(
    head: NDArray[Any],
    *,
    inputs: dict[str, Shape] | None = None,
    outputs: int = 1,
    declared: Shape | None = None,
    input_type: int = TensorProto.FLOAT,
    metadata: dict[str, str] | None = None,
) -> Any:
    """A network that ignores its input and always answers with this head.

    Args:
        head: with its batch, for example (1, 4 + classes, anchors).
        inputs: shapes by name; by default one of (1, 3, 64, 64).
        outputs: how many; each is the head.
        declared: shape of the head that the file claims; text leaves a side open.
        input_type: element type of the inputs.
        metadata: as Ultralytics writes it.
    """
    inputs = {"images": (1, 3, 64, 64)} if inputs is None else inputs
    names = [f"output{number}" for number in range(outputs)]
    kind = helper.np_dtype_to_tensor_dtype(head.dtype)
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node("Identity", ["head"], [name]) for name in names],
            "constant",
            [helper.make_tensor_value_info(k, input_type, v) for k, v in inputs.items()],
            [helper.make_tensor_value_info(name, kind, declared or head.shape) for name in names],
            [numpy_helper.from_array(head, "head")],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=8,
    )
    helper.set_model_props(model, metadata or {})
    return model


def saved(model: Any, path: Path) -> Path:
    """The model as a file; returns its path."""
    onnx.save(model, path)
    return path
