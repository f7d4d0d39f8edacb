"""Everything that knows inference runtimes. Whoever needs a network asks here for an ``Engine``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge.core.build import Precision
from edge.core.errors import ConfigError
from edge.core.ports import Engine

if TYPE_CHECKING:
    from edge.engine.manifest import Manifest


def open_engine(model: Path, *, threads: int | None = None, key: Path | None = None) -> Engine:
    """Check a model, load it and run it once, so that the first frame is as quick as the rest.

    Args:
        model: an ONNX file with the head of YOLOv8; or a bundle's folder, or a link to one.
        threads: CPU threads that compute; none: one for each physical core this process may use.
        key: this device's key, which bundles are signed under; not needed for an ONNX file.

    Raises:
        InputMissingError: there is no such file or key.
        DataError: the file is not a model that Edge can run, or the bundle was changed, or built
            for another machine; the message says what to do.
        ConfigError: a bundle is to be opened without a key.
        MissingLibraryError: the runtime is not installed.
    """
    from edge.engine.manifest import MANIFEST  # what a runtime needs is loaded when it is asked for

    if (model / MANIFEST).exists():
        manifest = _verified(model, key)
        return _open_part(model.resolve(), manifest, manifest.engine, manifest.precision, threads)
    from edge.engine.onnx_cpu import OnnxCpuEngine

    return OnnxCpuEngine(model, threads=threads)


def open_fallback(bundle: Path, *, threads: int | None = None, key: Path) -> Engine | None:
    """The engine that judges a bundle's own in service, and takes over from it; None: it has none.

    Raises:
        DataError: the bundle was changed, or built for another machine.
        MissingLibraryError: the runtime is not installed.
    """
    manifest = _verified(bundle, key)
    if manifest.fallback is None:
        return None
    named = Precision.FP32 if manifest.machine.runtime == "onnxruntime" else Precision.FP16
    return _open_part(bundle.resolve(), manifest, manifest.fallback, named, threads)


def _verified(bundle: Path, key: Path | None) -> Manifest:
    from edge.engine.bundle import verify

    if key is None:
        raise ConfigError(f"{bundle}: a bundle is opened under this device's key; none was given")
    return verify(bundle.resolve(), key=key)  # the link may move while this goes on


def _open_part(
    folder: Path, manifest: Manifest, name: str, precision: Precision, threads: int | None
) -> Engine:
    if manifest.machine.runtime == "onnxruntime":
        from edge.engine.onnx_cpu import OnnxCpuEngine

        return OnnxCpuEngine(folder / name, threads=threads)
    from edge.engine.bundle import verified_file
    from edge.engine.tensorrt_engine import TensorRtEngine

    plan = verified_file(folder, manifest, name)
    return TensorRtEngine(plan, labels=manifest.labels, precision=precision)
