from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from edge import export
from edge.core.errors import DataError, InputMissingError, MissingLibraryError
from edge.core.types import Size
from edge.engine import open_engine
from edge.export import check_head, export_onnx, load_ultralytics
from tests.engine.models import constant_model, saved


@pytest.fixture
def ultralytics() -> Any:
    """Ultralytics' ``YOLO``; its tests are skipped where it is not installed."""
    try:
        return load_ultralytics()
    except MissingLibraryError as error:
        pytest.skip(str(error))


def untrained(yolo: Any, path: Path, architecture: str = "yolov8n.yaml") -> Path:
    """Weights that know nothing: enough to be exported."""
    model = yolo(architecture, verbose=False)
    model.save(path)
    return path


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        pytest.param({"weights": "gone.pt"}, InputMissingError, r"gone.pt: no such file", id="pt"),
        pytest.param({"output": "no/m.onnx"}, InputMissingError, "no such folder", id="folder"),
        pytest.param({"imgsz": 650}, DataError, "imgsz is 650, but must be a multiple", id="size"),
        pytest.param({"imgsz": 0}, DataError, "imgsz is 0, but must be", id="no size"),
    ],
)
def test_bad_input_is_said_before_anything_is_loaded(
    tmp_path: Path, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    (tmp_path / "best.pt").write_bytes(b"x")
    given = {"weights": "best.pt", "output": "m.onnx", "imgsz": 640, **options}
    with pytest.raises(error, match=message):
        export_onnx(tmp_path / given["weights"], tmp_path / given["output"], imgsz=given["imgsz"])


def test_without_ultralytics_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ultralytics", None)
    weights = tmp_path / "best.pt"
    weights.write_bytes(b"x")
    with pytest.raises(
        MissingLibraryError, match=r"pip install 'edge-inspect\[export\]'.*CPU-only"
    ):
        export_onnx(weights, tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("shape", "classes"),
    [
        pytest.param((1, 300, 6), 80, id="without NMS"),
        pytest.param((1, 84, 8400), 3, id="other classes"),
        pytest.param((1, 84), 80, id="rank 2"),
    ],
)
def test_an_export_with_another_head_is_refused(
    tmp_path: Path, shape: tuple[int, ...], classes: int
) -> None:
    exported = saved(constant_model(np.zeros(shape, np.float32)), tmp_path / "m.onnx")
    with pytest.raises(DataError, match=r"best.pt: its export answers with .* not with one head"):
        check_head(exported, classes, Path("best.pt"))


@pytest.mark.parametrize("declared", [(1, 84, 189), ("n", 84, "anchors"), ("n", "rows", "anchors")])
def test_an_export_with_the_head_of_yolov8_passes(tmp_path: Path, declared: Any) -> None:
    model = constant_model(np.zeros((1, 84, 189), np.float32), declared=declared)
    check_head(saved(model, tmp_path / "m.onnx"), 80, Path("best.pt"))


@pytest.mark.export
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("dynamic", [False, True], ids=["fixed", "dynamic"])
def test_exported_weights_run(tmp_path: Path, ultralytics: Any, dynamic: bool) -> None:
    weights = untrained(ultralytics, tmp_path / "best.pt")
    output = tmp_path / "out" / "m.onnx"
    output.parent.mkdir()
    report = export_onnx(weights, output, imgsz=96, dynamic=dynamic)
    assert report.sha256 == hashlib.sha256(output.read_bytes()).hexdigest()
    assert (report.onnx, report.imgsz, len(report.labels)) == (output, 96, 80)
    assert onnx.load(output).opset_import[0].version == export.OPSET
    engine = open_engine(output, threads=1)
    assert engine.labels == report.labels
    assert engine.input_size == Size(96, 96)
    head = engine.infer(np.zeros((1, 3, 96, 96), np.float32))
    assert head.shape == (1, 84, 189)
    assert [path.name for path in output.parent.iterdir()] == ["m.onnx"]
    assert [path.name for path in tmp_path.glob("*.onnx")] == []


@pytest.mark.export
@pytest.mark.filterwarnings("default")
def test_weights_for_another_task_are_refused(tmp_path: Path, ultralytics: Any) -> None:
    weights = untrained(ultralytics, tmp_path / "best.pt", "yolov8n-seg.yaml")
    with pytest.raises(DataError, match="for the task 'segment'"):
        export_onnx(weights, tmp_path / "m.onnx", imgsz=96)
    assert [path.name for path in tmp_path.iterdir()] == ["best.pt"]


@pytest.mark.export
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 half a zip"])
def test_a_file_that_holds_no_weights_is_refused(
    tmp_path: Path, ultralytics: Any, content: bytes
) -> None:
    weights = tmp_path / "best.pt"
    weights.write_bytes(content)
    with pytest.raises(DataError, match=r"best\.pt: not weights that Ultralytics can load"):
        export_onnx(weights, tmp_path / "m.onnx", imgsz=96)
