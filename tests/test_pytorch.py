"""PyTorch, to compare with: only where the export extra is installed, as in CI."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.bench import OneFrameAtATime, bench
from edge.core.errors import DataError, InputMissingError, MissingLibraryError, UnavailableError
from edge.core.types import Frame
from edge.export import load_ultralytics
from edge.export.pytorch import PyTorchModel
from tests.test_export import untrained

FRAME = Frame(np.full((48, 64, 3), 90, np.uint8), 0, 0.0)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that know nothing; skipped where Ultralytics is not installed."""
    try:
        yolo = load_ultralytics()
    except MissingLibraryError as error:
        pytest.skip(str(error))
    return untrained(yolo, tmp_path_factory.mktemp("weights") / "best.pt")


def usable(torch: Any) -> bool:
    """Whether PyTorch's and torchvision's builds fit each other: predict needs its NMS."""
    try:
        torch.ops.torchvision.nms  # noqa: B018 - looked up, not called
    except AttributeError:
        return False
    return True


def test_there_are_no_such_weights(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError, match=r"gone\.pt: no such file"):
        PyTorchModel(tmp_path / "gone.pt")


def test_without_ultralytics_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ultralytics", None)
    (tmp_path / "best.pt").write_bytes(b"x")
    with pytest.raises(MissingLibraryError, match=r"edge-inspect\[export\]"):
        PyTorchModel(tmp_path / "best.pt")


@pytest.mark.export
def test_something_else_is_refused(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "best.pt").write_bytes(b"no weights")
    with pytest.raises(DataError, match="not weights that Ultralytics can load"):
        PyTorchModel(tmp_path / "best.pt")


@pytest.mark.export
def test_the_network_alone_and_predict_are_measured_in_turns(weights: Path) -> None:
    import torch

    model = PyTorchModel(weights, side=64)
    assert model.description.startswith(f"PyTorch {torch.__version__} fp32, ")
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32
    detect = model.predict if usable(torch) else lambda frame: frame.bgr().sum()
    subject = OneFrameAtATime(model.description, model.forward, detect)
    report = bench(subject, [FRAME], seconds=0.2, rounds=2)
    assert report.engine == model.description
    assert report.engine_only_fps > 0
    assert report.end_to_end_fps > 0
    assert len(report.latency_ms) == 3


@pytest.mark.export
def test_predict_finds_boxes_in_pixels_of_the_frame(weights: Path) -> None:
    import torch

    if not usable(torch):
        pytest.skip("torchvision was built for another PyTorch")
    result = PyTorchModel(weights, side=64).predict(FRAME)
    assert result.orig_shape == (48, 64)


@pytest.mark.export
def test_half_precision_needs_a_gpu(weights: Path) -> None:
    import torch

    if torch.cuda.is_available():
        assert "fp16" in PyTorchModel(weights, half=True, side=64).description
        return
    with pytest.raises(UnavailableError, match="PyTorch in FP16 needs a GPU"):
        PyTorchModel(weights, half=True)
