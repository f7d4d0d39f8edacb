"""The network on an NVIDIA GPU with TensorRT."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.core.build import Precision
from edge.core.errors import DataError
from edge.core.types import describe
from edge.engine.cuda import CudaContext, DeviceBuffer, first_gpu
from edge.engine.inspector import LayerCount, count_layers
from edge.engine.tensorrt_plan import Execution, TensorRtPlan


class TensorRtEngine:
    """An ``Engine`` from a plan. One thread at a time may call it.

    A plan is executable code: give it only one whose bundle was verified.

    Attributes:
        description: runtime, precision and GPU, for people.
        labels: class names, by class id.
        input_size: of the model's input, model pixels.
    """

    def __init__(self, plan: bytes, *, labels: tuple[str, ...], precision: Precision) -> None:
        """Deserialise, reserve memory, and run once.

        Raises:
            MissingLibraryError: TensorRT or PyCUDA is not installed.
            UnavailableError: there is no GPU, or too little of its memory.
            DataError: TensorRT refuses the plan, or it is no YOLOv8 network.
        """
        self.labels = labels
        self._cuda = CudaContext()
        self._plan: TensorRtPlan | None = None
        self._execution: Execution | None = None
        self._stream: Any = None
        self._input: DeviceBuffer | None = None
        self._head: DeviceBuffer | None = None
        try:
            with self._cuda.current():
                self._plan = TensorRtPlan(plan, labels)
                self._reserve(self._plan)
            self.description = f"{self._plan.name} {precision.value}, {first_gpu().name}"
            self.input_size = self._plan.input_size
            self.infer(np.zeros(self._plan.input_shape, np.float32))
        except BaseException:
            self.close()
            raise

    def infer(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run one image.

        Args:
            tensor: float32 (1, 3, H, W), RGB, 0..1, of the model's input size.

        Returns:
            The raw YOLOv8 head, float32 (1, 4 + classes, anchors). Valid until the next call.

        Raises:
            UnavailableError: the GPU failed.
        """
        if self._input is None or self._head is None or self._execution is None:
            raise ValueError(f"{self.description}: infer() after close()")
        if tensor.dtype != np.float32 or tensor.shape != self._input.host.shape:
            raise ValueError(
                f"tensor must be float32 {self._input.host.shape}, got {describe(tensor)}"
            )
        with self._cuda.current():
            np.copyto(self._input.host, tensor)
            self._input.upload(self._stream)
            self._execution.enqueue(self._stream)
            self._head.download(self._stream)
            self._stream.synchronize()
        return self._head.host

    def run_engine_only(self, times: int) -> None:
        """Run the network on what is in its input already, and wait; for measuring."""
        if self._execution is None:
            raise ValueError(f"{self.description}: run_engine_only() after close()")
        with self._cuda.current():
            for _ in range(times):
                self._execution.enqueue(self._stream)
            self._stream.synchronize()

    def layers_json(self) -> str:
        """What TensorRT's inspector says about the layers, as it says it."""
        if self._plan is None:
            raise ValueError(f"{self.description}: layers_json() after close()")
        return self._plan.layers_json()

    def layers(self) -> LayerCount:
        """How many layers there are, and how many really run INT8."""
        return count_layers(self.layers_json())

    def close(self) -> None:
        """Release GPU memory and the context. Safe to call twice."""
        if self._plan is not None:
            with self._cuda.current():
                # In the order of their making, backwards: each needs the one before it.
                if self._execution is not None:
                    self._execution.close()
                for buffer in filter(None, (self._input, self._head)):
                    buffer.free()
                self._execution = self._input = self._head = self._stream = None
                self._plan.close()
                self._plan = None
        self._cuda.close()

    def _reserve(self, plan: TensorRtPlan) -> None:
        if plan.input_type != np.float32:
            raise DataError("the engine's input and output must be both float32 here")
        self._stream = self._cuda.stream()
        self._input = self._cuda.buffer(plan.input_shape)
        self._head = self._cuda.buffer(plan.head_shape)
        self._execution = plan.execution(self._input.address, self._head.address)
