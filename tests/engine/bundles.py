"""Small bundles, as a build would write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge.engine.bundle import write_bundle
from edge.engine.machine import this_machine
from tests.engine.models import colour_model, saved


def fields(**changes: Any) -> dict[str, Any]:
    """The fields of a manifest that a caller of ``write_bundle`` gives."""
    return {
        "machine": this_machine("onnxruntime").model_dump(),
        "precision_asked": "auto",
        "precision": "int8",
        "source": {"name": "colours.onnx", "sha256": "0" * 64},
        "calibration": {"sha256": "1" * 64, "images": 125},
        "labels": ["red", "green", "blue"],
        "input_size": {"width": 96, "height": 64},
        "settings": {"workspace_mb": 1024, "map_drop": 0.005, "calibrator": None},
        "engine": "model.onnx",
        **changes,
    }


def files(folder: Path) -> dict[str, Path]:
    """The files that go into a bundle, one of them in a folder."""
    folder.mkdir(exist_ok=True)
    ranges = folder / "ranges.json"
    ranges.write_text('{"images": 1.0}')
    canary = folder / "answer.json"
    canary.write_text("[]")
    model = saved(colour_model(), folder / "model.onnx")
    return {"model.onnx": model, "ranges.json": ranges, "canary/0001.json": canary}


def a_bundle(tmp_path: Path, **changes: Any) -> tuple[Path, Path]:
    """A bundle below ``tmp_path/models``, and the key it is signed under."""
    key = tmp_path / "device.key"
    bundle = write_bundle(tmp_path / "models", files(tmp_path / "work"), fields(**changes), key=key)
    return bundle, key
