"""What is wrong with this machine: every room's findings together."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from edge.app.engines import find_tensorrt
from edge.app.parts import bundle_key, model_to_use
from edge.core.errors import EdgeError
from edge.core.types import Check
from edge.engine import open_engine
from edge.host.doctor import machine_checks


def doctor(folder: Path, port: int) -> list[Check]:
    """Everything that may be wrong with this machine."""
    return [*machine_checks(folder, port), _runtime_check(), _model_check()]


def _runtime_check() -> Check:
    trt, why = find_tensorrt("auto")
    return Check("runtime", True, trt.name if trt else f"ONNX Runtime on the CPU: {why}")


def _model_check() -> Check:
    model = model_to_use(None)
    try:
        with closing(open_engine(model, key=bundle_key())) as engine:
            return Check("model", True, f"{model}: {engine.description}")
    except EdgeError as error:
        return Check("model", False, str(error), "name another one with --model")
