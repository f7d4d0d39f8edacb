from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.core.errors import MissingLibraryError
from edge.core.types import Size
from edge.engine import onnx_cpu, open_engine
from edge.engine.onnx_cpu import physical_cores
from tests.engine.models import colour_model, constant_model, saved


def a_tensor(*colours: tuple[float, float, float], size: Size) -> NDArray[np.float32]:
    tensor = np.empty((len(colours), 3, size.height, size.width), np.float32)
    tensor[:] = np.array(colours, np.float32)[:, :, None, None]
    return tensor


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="fixed size"),
        pytest.param({"size": ("h", "w"), "batch": "n"}, id="open size"),
        pytest.param({"half": True}, id="float16"),
    ],
)
def test_the_network_sees_the_tensor(tmp_path: Path, options: dict[str, Any]) -> None:
    engine = open_engine(saved(colour_model(**options), tmp_path / "m.onnx"))
    head = engine.infer(a_tensor((0.75, 0.5, 0.25), size=engine.input_size))
    assert head.dtype == np.float32
    assert head.shape == (1, 7, 2)
    np.testing.assert_allclose(head[0, 4:, 0], [0.75, 0.5, 0.25], atol=2e-3)
    assert head[0, :4, 0].tolist() == [30, 40, 20, 40]
    engine.close()


def test_an_open_batch_takes_several_images(tmp_path: Path) -> None:
    engine = open_engine(saved(colour_model(batch="n"), tmp_path / "m.onnx"))
    head = engine.infer(a_tensor((1, 0, 0), (0, 0.5, 1), size=engine.input_size))
    expected = np.array([[1, 0, 0], [0, 0.5, 1]], np.float32)
    np.testing.assert_allclose(head[:, 4:, 0], expected, atol=1e-6)


def test_the_engine_says_what_it_is(tmp_path: Path) -> None:
    engine = open_engine(saved(colour_model(), tmp_path / "m.onnx"), threads=2)
    assert engine.description.startswith("ONNX Runtime ")
    assert engine.description.endswith(" CPU fp32, 2 threads")
    assert engine.labels == ("red", "green", "blue")
    assert engine.input_size == Size(96, 64)


@pytest.mark.parametrize("declared", [None, ("b", "rows", "columns")], ids=["fixed", "open head"])
def test_classes_without_names_are_numbered(tmp_path: Path, declared: Any) -> None:
    model = constant_model(np.zeros((1, 6, 84), np.float32), declared=declared)
    engine = open_engine(saved(model, tmp_path / "m.onnx"), threads=1)
    assert engine.labels == ("class0", "class1")
    assert engine.description.endswith("1 thread")


@pytest.mark.parametrize(
    "tensor",
    [
        pytest.param(np.zeros((1, 3, 64, 96), np.float64), id="dtype"),
        pytest.param(np.zeros((1, 3, 96, 64), np.float32), id="size"),
        pytest.param(np.zeros((3, 64, 96), np.float32), id="rank"),
    ],
)
def test_another_tensor_is_refused_before_the_runtime_sees_it(tmp_path: Path, tensor: Any) -> None:
    engine = open_engine(saved(colour_model(), tmp_path / "m.onnx"))
    with pytest.raises(ValueError, match="tensor must be float32"):
        engine.infer(tensor)


def test_a_closed_engine_says_so(tmp_path: Path) -> None:
    engine = open_engine(saved(colour_model(), tmp_path / "m.onnx"))
    engine.close()
    engine.close()
    with pytest.raises(ValueError, match="after close"):
        engine.infer(a_tensor((0, 0, 0), size=engine.input_size))


def test_without_the_runtime_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_cpu, "onnxruntime", None)
    with pytest.raises(MissingLibraryError, match="pip install onnxruntime"):
        open_engine(saved(colour_model(), tmp_path / "m.onnx"))


def test_there_is_a_core_to_run_on() -> None:
    assert physical_cores() >= 1
