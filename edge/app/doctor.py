"""What is wrong with this machine: every room's findings together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from edge.app.engines import find_tensorrt
from edge.app.parts import bundle_key, model_to_use
from edge.core.errors import EdgeError, MissingLibraryError
from edge.core.types import Check
from edge.engine import open_detector
from edge.engine.kernels import find_compiler
from edge.host.doctor import machine_checks


def doctor(folder: Path, port: int) -> list[Check]:
    """Everything that may be wrong with this machine."""
    return [*machine_checks(folder, port), *_runtime_checks(), _model_check()]


def _runtime_checks() -> Iterator[Check]:
    trt, why = find_tensorrt("auto")
    yield Check("runtime", True, trt.name if trt else f"ONNX Runtime on the CPU: {why}")
    if trt is None:
        return
    try:
        yield Check("kernels", True, f"compiled by {find_compiler()} when a bundle is built")
    except MissingLibraryError as error:
        slower = "bundles are built without GPU kernels, which is slower"
        yield Check("kernels", False, slower, str(error))


def _model_check() -> Check:
    model = model_to_use(None)
    try:
        with closing(open_detector(model, key=bundle_key())) as detector:
            return Check("model", True, f"{model}: {detector.description}")
    except EdgeError as error:
        return Check("model", False, str(error), "name another one with --model")
