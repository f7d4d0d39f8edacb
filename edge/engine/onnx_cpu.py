"""The network on the CPU with ONNX Runtime: runs anywhere, and judges every other engine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.core.errors import DataError, MissingLibraryError
from edge.core.types import describe
from edge.engine.head import class_count
from edge.engine.intake import Model, default_labels, read_model

try:
    import onnxruntime
except ImportError:  # pragma: no cover - part of the core installation
    onnxruntime = None


class OnnxCpuEngine:
    """An ``Engine`` from an ONNX file, on CPU threads. One thread at a time may call it.

    Attributes:
        description: runtime, precision and threads, for people.
        labels: class names, by class id.
        input_size: of the model's input, model pixels.
    """

    def __init__(self, model: Path, *, threads: int | None = None) -> None:
        if onnxruntime is None:
            raise MissingLibraryError("onnxruntime is not installed. Run: pip install onnxruntime")
        checked = read_model(model)
        threads = threads or physical_cores()
        self._session: Any = _open_session(checked, threads)
        self._input, self._output = checked.input_name, checked.output_name
        self._dtype = np.float16 if checked.half else np.float32
        self.input_size = checked.input_size
        self.labels = self._warm_up(checked)
        self.description = (
            f"ONNX Runtime {onnxruntime.__version__} CPU {checked.precision}, "
            f"{threads} thread{'s' if threads > 1 else ''}"
        )

    def infer(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run one batch.

        Args:
            tensor: float32 (N, 3, H, W), RGB, 0..1, C-contiguous, of the model's input size.

        Returns:
            The raw YOLOv8 head, float32 (N, 4 + classes, anchors).

        Raises:
            DataError: the runtime failed on this tensor.
        """
        wanted = (3, self.input_size.height, self.input_size.width)
        if tensor.dtype != np.float32 or tensor.shape[1:] != wanted:
            raise ValueError(f"tensor must be float32 (N, {wanted}), got {describe(tensor)}")
        if self._session is None:
            raise ValueError(f"{self.description}: infer() after close()")
        feed = {self._input: tensor.astype(self._dtype, copy=False)}
        try:
            (head,) = self._session.run([self._output], feed)
        except Exception as error:  # ONNX Runtime's errors share no base but this one
            raise DataError(f"the model cannot be run: {_first_line(error)}") from error
        return head.astype(np.float32, copy=False)

    def close(self) -> None:
        """Release the runtime. Safe to call twice."""
        self._session = None

    def _warm_up(self, model: Model) -> tuple[str, ...]:
        """Run once: buffers are laid out now, and an open shape shows itself."""
        blank = np.zeros((1, 3, self.input_size.height, self.input_size.width), np.float32)
        head = self.infer(blank)
        count = class_count(model.path, head.shape, model.labels or None)
        return model.labels or default_labels(count or 0)


def physical_cores() -> int:
    """Cores that this process may use, hyper-threads counted once: more threads only get slower."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    siblings = set()
    for cpu in allowed:
        try:
            topology = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
            siblings.add(topology.read_text())
        except OSError:
            siblings.add(str(cpu))
    return len(siblings) or os.cpu_count() or 1


def _open_session(model: Model, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only; they are raised as well
    # Idle workers sleep: spinning ones gain 5 % on two idle cores and lose 4 to 50 % as soon as a
    # JPEG encoder wants one of them (YOLOv8n 640 on 2 cores, ONNX Runtime 1.32).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            model.content, options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime's errors share no base but this one
        raise DataError(f"{model.path}: {_explain(error)}") from error


def _explain(error: Exception) -> str:
    reason = _first_line(error)
    if "opset" in reason.lower() or "IR version" in reason:
        return (
            f"written for a newer runtime than ONNX Runtime {onnxruntime.__version__} ({reason}). "
            "Export it with an older opset: edge export best.pt -o m.onnx --opset 17"
        )
    return f"ONNX Runtime cannot load it ({reason}). Copy or export it again"


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
