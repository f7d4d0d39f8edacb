from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from edge.core.errors import DataError, EdgeError, InputMissingError
from edge.core.types import Size
from edge.engine import open_engine
from edge.engine.intake import read_model
from edge.engine.onnx_file import MOST_BYTES
from tests.engine.models import COLOURS, colour_model, constant_model, saved


def a_head(rows: int, columns: int) -> Any:
    return np.zeros((1, rows, columns), np.float32)


def test_a_good_model_passes(tmp_path: Path) -> None:
    model = read_model(saved(colour_model(), tmp_path / "m.onnx"))
    assert (model.input_name, model.output_name) == ("images", "output0")
    assert model.input_size == Size(96, 64)
    assert model.labels == ("red", "green", "blue")
    assert model.precision == "fp32"
    assert not model.half


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("m.onnx", b"", "the file is empty. Copy or export", id="empty"),
        pytest.param("m.onnx", b"hello\nworld", "a text file, not an ONNX: it begins", id="text"),
        pytest.param("m.onnx", b"\x00\xff" * 99, "not an ONNX file, or a truncated", id="noise"),
        pytest.param(
            "m.onnx", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull", id="LFS"
        ),
        pytest.param("best.pt", b"\x80\x02", "edge export .*best.pt -o best.onnx", id="pickle"),
        pytest.param("m.onnx", b"PK\x03\x04", "PyTorch weights, not an ONNX", id="renamed .pt"),
        pytest.param("m.engine", b"\x00" * 9, "the ONNX it was built from, such as m.onnx", id="e"),
        pytest.param("m.onnx", b"ftrt\x00\x00", "a TensorRT engine", id="renamed .engine"),
        pytest.param("m.onnx", b"\x08\x08", "holds no network", id="no graph"),
    ],
)
def test_what_is_no_onnx_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_model(path)


def test_a_missing_file_is_said_with_the_way_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError, match=r"gone.onnx: no such file.* edge export best.pt"):
        read_model(tmp_path / "gone.onnx")


def test_a_file_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    path = saved(colour_model(), tmp_path / "m.onnx")
    with pytest.raises(InputMissingError, match="cannot be read: Not a directory"):
        read_model(path / "m.onnx")


def test_an_endless_file_is_not_read() -> None:
    with pytest.raises(DataError, match="/dev/zero: is not a regular file"):
        read_model(Path("/dev/zero"))


def test_a_file_larger_than_any_onnx_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.touch()
    os.truncate(path, MOST_BYTES + 1)  # sparse: takes no space
    with pytest.raises(DataError, match="2147483649 bytes are too many"):
        read_model(path)


def test_a_folder_is_refused_and_the_file_in_it_named(tmp_path: Path) -> None:
    path = saved(colour_model(), tmp_path / "m.onnx")
    with pytest.raises(DataError, match=f"is a folder.*{re.escape(str(path))}"):
        read_model(tmp_path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_an_error_of_ours(tmp_path: Path, share: float) -> None:
    content = colour_model().SerializeToString()
    path = tmp_path / "m.onnx"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=r"[Cc]opy or export it again|is not a head|has 0 "):
        open_engine(path)


@pytest.mark.parametrize("place", ["weights.bin", "../../etc/passwd", "/etc/passwd"])
def test_weights_in_another_file_are_never_opened(tmp_path: Path, place: str) -> None:
    model = colour_model()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", place
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match=f"lie in another file \\('{re.escape(place)}'\\)"):
        read_model(path)


def test_external_weights_in_a_nodes_attribute_are_found_too(tmp_path: Path) -> None:
    model = colour_model()
    tensor = onnx.numpy_helper.from_array(np.zeros(3, np.float32), "hidden")
    tensor.data_location = TensorProto.EXTERNAL
    branch = onnx.helper.make_graph(
        [onnx.helper.make_node("Constant", [], ["x"], value=tensor)], "branch", [], []
    )
    model.graph.node.append(onnx.helper.make_node("If", ["c"], ["y"], then_branch=branch))
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match="lie in another file"):
        read_model(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param(
            {"inputs": {"a": (1, 3, 64, 64), "b": (1,)}}, r"has 2 inputs \('a', 'b'\)", id="inputs"
        ),
        pytest.param({"inputs": {}}, r"has 0 inputs \(none\)", id="no input"),
        pytest.param({"outputs": 2}, r"has 2 outputs \('output0', 'output1'\)", id="outputs"),
        pytest.param(
            {"inputs": {"i": (1, 640, 640, 3)}}, r"\(1, 640, 640, 3\), colours last", id="NHWC"
        ),
        pytest.param({"inputs": {"i": (3, 64, 64)}}, r"float \(3, 64, 64\); Edge feeds", id="rank"),
        pytest.param({"inputs": {"i": (1, 1, 64, 64)}}, "Edge feeds float32", id="grey"),
        pytest.param({"inputs": {"i": (8, 3, 64, 64)}}, "Edge feeds float32", id="batch of 8"),
        pytest.param({"input_type": TensorProto.UINT8}, r"is uint8 \(1, 3, 64, 64\)", id="uint8"),
        pytest.param(
            {"inputs": {"i": (1, 3, 640, 650)}}, "650x640 is not a multiple of 32", id="odd size"
        ),
        pytest.param({"metadata": {"task": "segment"}}, "for the task 'segment'", id="segment"),
        pytest.param({"metadata": {"names": "{0: 'a"}}, "class names cannot be read", id="broken"),
        pytest.param({"metadata": {"names": "{1: 'a'}"}}, "names cannot be read", id="no class 0"),
        pytest.param({"metadata": {"names": "__import__('os')"}}, "names cannot be", id="code"),
        pytest.param({"metadata": {"names": "[]"}}, "class names cannot be read", id="no names"),
        pytest.param({"metadata": {"names": "(" * 9999}}, "names cannot be read", id="nested"),
    ],
)
def test_a_model_that_does_not_fit_says_why(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    path = saved(constant_model(a_head(7, 84), **options), tmp_path / "m.onnx")
    with pytest.raises(DataError, match=message):
        open_engine(path)


@pytest.mark.parametrize(
    ("shape", "names", "message"),
    [
        pytest.param((1, 300, 6), None, "with NMS inside", id="NMS inside"),
        pytest.param((1, 300, 6), COLOURS, "with NMS inside", id="NMS inside, named"),
        pytest.param((1, 25200, 85), None, "that of YOLOv5", id="YOLOv5"),
        pytest.param((1, 25200, 8), COLOURS, "that of YOLOv5", id="YOLOv5, named"),
        pytest.param((1, 8400, 7), COLOURS, "transposed", id="transposed"),
        pytest.param((1, 7, 8400), "{0: 'a'}", "has 3 classes .* names 1: a", id="one name"),
        pytest.param((1, 5, 8400), COLOURS, "has 1 classes .* names 3: red, green", id="3 names"),
        pytest.param((1, 4, 8400), None, "has 0 classes", id="no class"),
        pytest.param((1, 3), None, "not a head", id="rank 2"),
    ],
)
@pytest.mark.parametrize("open_shape", [False, True], ids=["declared", "seen when it runs"])
def test_other_heads_are_called_by_their_name(
    tmp_path: Path, shape: tuple[int, ...], names: str | None, message: str, open_shape: bool
) -> None:
    declared = tuple(f"d{side}" for side in shape) if open_shape else None
    metadata = {} if names is None else {"names": names}
    model = constant_model(np.zeros(shape, np.float32), declared=declared, metadata=metadata)
    with pytest.raises(DataError, match=message):
        open_engine(saved(model, tmp_path / "m.onnx"))


@pytest.mark.parametrize(
    ("shape", "names"),
    [
        pytest.param((1, 84, 8400), 80, id="80 classes"),
        pytest.param((1, 84, 21), 80, id="fewer anchors than classes"),
        pytest.param((1, 5, 6), 1, id="six anchors"),
        pytest.param((1, 10, 8400), None, id="no names"),
    ],
)
def test_heads_of_yolov8_pass(tmp_path: Path, shape: tuple[int, ...], names: int | None) -> None:
    literal = str({number: f"c{number}" for number in range(names or 0)})
    metadata = {} if names is None else {"names": literal}
    model = constant_model(np.zeros(shape, np.float32), metadata=metadata)
    assert len(read_model(saved(model, tmp_path / "m.onnx")).labels) == shape[1] - 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"opset": 999}, "newer runtime.*--opset 17", id="opset"),
        pytest.param({"ir_version": 999}, "newer runtime.*--opset 17", id="IR version"),
    ],
)
def test_a_model_from_the_future_says_which_opset_to_take(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = saved(colour_model(**changes), tmp_path / "m.onnx")
    with pytest.raises(EdgeError, match=message):
        open_engine(path)


@pytest.mark.parametrize(
    ("size", "metadata", "expected"),
    [
        pytest.param((64, 96), {}, Size(96, 64), id="fixed"),
        pytest.param(("h", "w"), {"imgsz": "[320, 480]"}, Size(480, 320), id="as exported"),
        pytest.param(("h", "w"), {"imgsz": "[320]"}, Size(320, 320), id="one side"),
        pytest.param(("h", "w"), {}, Size(640, 640), id="default"),
        pytest.param(("h", "w"), {"imgsz": "nonsense"}, Size(640, 640), id="unreadable"),
        pytest.param((64, "w"), {"imgsz": "[320, 480]"}, Size(480, 64), id="half open"),
    ],
)
def test_an_open_input_takes_the_size_of_its_export(
    tmp_path: Path, size: tuple[Any, Any], metadata: dict[str, str], expected: Size
) -> None:
    metadata = {"names": COLOURS, **metadata}
    model = colour_model(size=size, metadata=metadata, batch="n")
    assert read_model(saved(model, tmp_path / "m.onnx")).input_size == expected


def test_weights_listed_as_inputs_by_old_exporters_are_no_inputs(tmp_path: Path) -> None:
    model = colour_model()
    shape = [1, 4, 2]
    listed = onnx.helper.make_tensor_value_info("boxes", TensorProto.FLOAT, shape)
    model.graph.input.append(listed)
    assert open_engine(saved(model, tmp_path / "m.onnx")).labels == ("red", "green", "blue")


def test_quantised_models_are_called_so(tmp_path: Path) -> None:
    model = colour_model()
    model.graph.node.append(onnx.helper.make_node("QuantizeLinear", ["means", "s"], ["q"]))
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    assert read_model(path).precision == "int8"
