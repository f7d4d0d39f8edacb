"""Everything that knows inference runtimes. Whoever needs a network asks here for an ``Engine``."""

from __future__ import annotations

from pathlib import Path

from edge.core.ports import Engine


def open_engine(model: Path, *, threads: int | None = None) -> Engine:
    """Check a model, load it and run it once, so that the first frame is as quick as the rest.

    Args:
        model: an ONNX file with the head of YOLOv8.
        threads: CPU threads that compute; none: one for each physical core this process may use.

    Raises:
        InputMissingError: there is no such file.
        DataError: the file is not a model that Edge can run; the message says what to do.
        MissingLibraryError: the runtime is not installed.
    """
    from edge.engine.onnx_cpu import OnnxCpuEngine  # a runtime is loaded when it is asked for

    return OnnxCpuEngine(model, threads=threads)
