"""This machine, as far as an engine depends on it."""

from __future__ import annotations

import re
from pathlib import Path

from edge.core.errors import MissingLibraryError
from edge.engine.manifest import Machine, Runtime

_DRIVER = Path("/proc/driver/nvidia/version")  # of a graphics card; a Jetson's driver is its kernel


def this_machine(runtime: Runtime, *, power_mode: str | None = None) -> Machine:
    """What runs engines here.

    Args:
        runtime: which runtime is asked about; a GPU is looked for only for TensorRT.
        power_mode: as the caller knows it.

    Raises:
        MissingLibraryError: the runtime is not installed.
        UnavailableError: TensorRT is, but there is no GPU.
    """
    if runtime == "onnxruntime":
        return Machine(
            runtime=runtime, runtime_version=_onnxruntime_version(), power_mode=power_mode
        )
    from edge.engine.cuda import first_gpu
    from edge.engine.tensorrt_api import load_tensorrt

    device = first_gpu()
    return Machine(
        runtime=runtime,
        runtime_version=load_tensorrt().version_text,
        gpu=device.name,
        compute_capability=device.compute_capability,
        cuda=device.cuda,
        driver=_driver_version(),
        power_mode=power_mode,
    )


def _onnxruntime_version() -> str:
    try:
        import onnxruntime
    except ImportError as error:  # pragma: no cover - part of the core installation
        raise MissingLibraryError(
            "onnxruntime is not installed. Run: pip install onnxruntime"
        ) from error
    return str(onnxruntime.__version__)


def _driver_version() -> str | None:
    try:
        text = _DRIVER.read_text()
    except OSError:
        return None
    found = re.search(r"\b\d{3}(?:\.\d+)+\b", text)
    return found.group() if found else None
