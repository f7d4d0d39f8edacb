"""Everything that knows inference runtimes. Whoever needs a network asks here for an ``Engine``."""

from __future__ import annotations

from pathlib import Path

from edge.core.errors import ConfigError
from edge.core.ports import Engine


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
        return _open_bundle(model, threads, key)
    from edge.engine.onnx_cpu import OnnxCpuEngine

    return OnnxCpuEngine(model, threads=threads)


def _open_bundle(bundle: Path, threads: int | None, key: Path | None) -> Engine:
    from edge.engine.bundle import verified_file, verify

    if key is None:
        raise ConfigError(f"{bundle}: a bundle is opened under this device's key; none was given")
    folder = bundle.resolve()  # the link may move while this goes on
    manifest = verify(folder, key=key)
    if manifest.machine.runtime == "onnxruntime":
        from edge.engine.onnx_cpu import OnnxCpuEngine

        return OnnxCpuEngine(folder / manifest.engine, threads=threads)
    from edge.engine.tensorrt_engine import TensorRtEngine

    plan = verified_file(folder, manifest, manifest.engine)
    return TensorRtEngine(plan, labels=manifest.labels, precision=manifest.precision)
