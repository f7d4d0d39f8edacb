"""Is this ONNX a model that Edge can run? Checked before a runtime sees it."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from onnx import TensorProto

from edge.core.errors import DataError
from edge.core.types import Size
from edge.engine.head import class_count
from edge.engine.onnx_file import open_onnx

Precision = Literal["fp32", "fp16", "int8"]

_STRIDE = 32  # model pixels per cell of YOLOv8's coarsest grid
_DEFAULT_SIDE = 640
_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16)


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """An ONNX file that passed, and what its reader needs to know.

    Attributes:
        path: where it was read.
        content: the very bytes that were checked; a runtime loads these, not the file again.
        input_name: of the only input, (N, 3, H, W).
        output_name: of the only output, the head.
        input_size: of one image, model pixels; where the model leaves it open, the
            ``imgsz`` of its export.
        half: the input is float16.
        labels: class names, by class id; empty if the file has none and the head's size is open.
        precision: what most of the weights are computed in.
    """

    path: Path
    content: bytes
    input_name: str
    output_name: str
    input_size: Size
    half: bool
    labels: tuple[str, ...]
    precision: Precision


def read_model(path: Path) -> Model:
    """Read an ONNX file and check everything that can be known without running it.

    Raises:
        InputMissingError: there is no such file, or it cannot be opened.
        DataError: it is not an ONNX, or one that Edge cannot run.
    """
    content, proto = open_onnx(path)
    tensor = _only("input", path, _real_inputs(proto.graph))
    head = _only("output", path, proto.graph.output)
    metadata = {entry.key: entry.value for entry in proto.metadata_props}
    _refuse_other_tasks(path, metadata)
    shape = _shape(head)
    names = _names(path, metadata)
    return Model(
        path=path,
        content=content,
        input_name=tensor.name,
        output_name=head.name,
        input_size=_input_size(path, tensor, metadata),
        half=tensor.type.tensor_type.elem_type == TensorProto.FLOAT16,
        labels=_labels(path, shape, names),
        precision=_precision(proto.graph),
    )


def default_labels(count: int) -> tuple[str, ...]:
    """Names for the classes of a model that carries none."""
    return tuple(f"class{number}" for number in range(count))


def _real_inputs(graph: Any) -> list[Any]:
    # Before IR version 4, weights were listed among the inputs too.
    weights = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in weights]


def _only(kind: str, path: Path, values: Sequence[Any]) -> Any:
    if len(values) == 1:
        return values[0]
    names = ", ".join(f"{value.name!r}" for value in values) or "none"
    raise DataError(
        f"{path}: has {len(values)} {kind}s ({names}), a YOLOv8 detection model has one. "
        "Export the detection model alone: edge export best.pt -o m.onnx"
    )


def _refuse_other_tasks(path: Path, metadata: dict[str, str]) -> None:
    if (task := metadata.get("task", "detect")) != "detect":
        raise DataError(
            f"{path}: is a model for the task {task!r}. Edge runs detection models (yolov8n.pt, "
            "not yolov8n-seg.pt)"
        )


def _shape(value: Any) -> tuple[int | None, ...]:
    """Sizes of a tensor; None where the model leaves one open."""
    dims = value.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in dims)


def _input_size(path: Path, tensor: Any, metadata: dict[str, str]) -> Size:
    shape, kind = _shape(tensor), tensor.type.tensor_type.elem_type
    if len(shape) == 4 and shape[3] == 3 and shape[1] != 3:
        raise DataError(
            f"{path}: input {tensor.name!r} is {_text(shape)}, colours last (NHWC). Edge feeds "
            "(N, 3, H, W). Export from PyTorch: edge export best.pt -o m.onnx"
        )
    batch_fits = bool(shape) and shape[0] in (1, None)
    if len(shape) != 4 or shape[1] not in (3, None) or not batch_fits or kind not in _FLOATS:
        raise DataError(
            f"{path}: input {tensor.name!r} is {TensorProto.DataType.Name(kind).lower()} "
            f"{_text(shape)}; Edge feeds float32 or float16 (1, 3, H, W), RGB, 0..1"
        )
    height, width = _chosen(shape[2:], metadata)
    if height < 1 or width < 1 or height % _STRIDE or width % _STRIDE:
        raise DataError(
            f"{path}: the input's size {width}x{height} is not a multiple of {_STRIDE} on both "
            "sides, as YOLOv8 needs. Export with another size, such as: --imgsz 640"
        )
    return Size(width, height)


def _chosen(sides: tuple[int | None, ...], metadata: dict[str, str]) -> tuple[int, int]:
    """Height and width: the model's own, or what it was exported for, where left open."""
    try:
        wanted = ast.literal_eval(metadata.get("imgsz", ""))
        height, width = (int(side) for side in (wanted * 2 if len(wanted) == 1 else wanted))
    except (ValueError, SyntaxError, TypeError):
        height = width = _DEFAULT_SIDE
    return sides[0] or height, sides[1] or width


def _names(path: Path, metadata: dict[str, str]) -> tuple[str, ...] | None:
    """Class names from the metadata, a Python literal such as ``{0: 'open', 1: 'short'}``."""
    if (text := metadata.get("names")) is None:
        return None
    try:
        return _names_from(ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError, KeyError, RecursionError, MemoryError) as error:
        raise DataError(
            f"{path}: its class names cannot be read: {text[:80]!r}. "
            "Wanted: {0: 'open', 1: 'short'} under 'names' in the ONNX metadata"
        ) from error


def _names_from(literal: Any) -> tuple[str, ...]:
    if isinstance(literal, dict):
        literal = [literal[number] for number in range(len(literal))]
    if not isinstance(literal, (list, tuple)) or not literal:
        raise TypeError(type(literal).__name__)
    return tuple(str(name) for name in literal)


def _labels(
    path: Path, shape: tuple[int | None, ...], names: tuple[str, ...] | None
) -> tuple[str, ...]:
    count = class_count(path, shape, names)
    return names or default_labels(count or 0)


def _precision(graph: Any) -> Precision:
    if any(node.op_type in ("QuantizeLinear", "QLinearConv") for node in graph.node):
        return "int8"
    weights = [tensor.data_type for tensor in graph.initializer if len(tensor.dims) > 1]
    halves = weights.count(TensorProto.FLOAT16)
    return "fp16" if halves * 2 > len(weights) else "fp32"


def _text(shape: Sequence[int | None]) -> str:
    return "(" + ", ".join("?" if side is None else str(side) for side in shape) + ")"
