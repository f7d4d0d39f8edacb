"""The network on an NVIDIA GPU with TensorRT."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.core.build import Precision
from edge.core.errors import DataError, UnavailableError
from edge.core.types import Size, describe
from edge.engine.cuda import CudaContext, DeviceBuffer, first_gpu
from edge.engine.inspector import LayerCount, count_layers
from edge.engine.tensorrt_api import TensorRt, load_tensorrt


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
        self._trt = load_tensorrt()
        self.description = f"{self._trt.name} {precision.value}, {first_gpu().name}"
        self._log = self._trt.log()
        self._cuda = CudaContext()
        self._runtime: Any = None
        self._engine: Any = None
        self._context: Any = None
        self._stream: Any = None
        self._input: DeviceBuffer | None = None
        self._head: DeviceBuffer | None = None
        try:
            with self._cuda.current():
                self._load(plan)
                names = _tensor_names(self._trt, self._engine)
                self._reserve(*names)
            self._warm_up()
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
        if self._input is None or self._head is None:
            raise ValueError(f"{self.description}: infer() after close()")
        if tensor.dtype != np.float32 or tensor.shape != self._input.host.shape:
            raise ValueError(
                f"tensor must be float32 {self._input.host.shape}, got {describe(tensor)}"
            )
        with self._cuda.current():
            np.copyto(self._input.host, tensor)
            self._input.upload(self._stream)
            self._enqueue()
            self._head.download(self._stream)
            self._stream.synchronize()
        return self._head.host

    def run_engine_only(self, times: int) -> None:
        """Run the network on what is in its input already, and wait; for measuring."""
        with self._cuda.current():
            for _ in range(times):
                self._enqueue()
            self._stream.synchronize()

    def layers_json(self) -> str:
        """What TensorRT's inspector says about the layers, as it says it."""
        inspector = self._engine.create_engine_inspector()
        return str(inspector.get_engine_information(self._trt.module.LayerInformationFormat.JSON))

    def layers(self) -> LayerCount:
        """How many layers there are, and how many really run INT8."""
        return count_layers(self.layers_json())

    def close(self) -> None:
        """Release GPU memory and the context. Safe to call twice."""
        if self._runtime is not None:
            with self._cuda.current():
                for buffer in filter(None, (self._input, self._head)):
                    buffer.free()
                # In the order of their making, backwards: each needs the one before it.
                self._input = self._head = None
                self._stream = None
                self._context = None
                self._engine = None
                self._runtime = None
        self._cuda.close()

    def _load(self, plan: bytes) -> None:
        self._runtime = self._trt.start("Runtime", self._log)
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise DataError(f"{self._trt.name} refuses the engine: {self._log.last()}")
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise UnavailableError(
                f"{self._trt.name} cannot prepare the engine: {self._log.last()}. "
                "Is there enough GPU memory?"
            )

    def _reserve(self, input_name: str, head_name: str) -> None:
        shape = tuple(self._engine.get_tensor_shape(input_name))
        if -1 in shape:  # built for one size: that of its only profile
            shape = tuple(self._engine.get_tensor_profile_shape(input_name, 0)[1])
            self._context.set_input_shape(input_name, shape)
        self.input_size = Size(shape[3], shape[2])
        self._stream = self._cuda.stream()
        self._input = self._cuda.buffer(shape)
        self._head = self._cuda.buffer(tuple(self._context.get_tensor_shape(head_name)))
        self._context.set_tensor_address(input_name, self._input.address)
        self._context.set_tensor_address(head_name, self._head.address)

    def _enqueue(self) -> None:
        if not self._context.execute_async_v3(self._stream.handle):
            raise UnavailableError(f"{self._trt.name} failed to run: {self._log.last()}")

    def _warm_up(self) -> None:
        blank = np.zeros((1, 3, self.input_size.height, self.input_size.width), np.float32)
        rows = self.infer(blank).shape[1]
        if rows != 4 + len(self.labels):
            raise DataError(
                f"the engine answers {rows - 4} classes, but the bundle names {len(self.labels)}"
            )


def _tensor_names(trt: TensorRt, engine: Any) -> tuple[str, str]:
    """Names of the only input and the only output, both float32."""
    module = trt.module
    names = [engine.get_tensor_name(number) for number in range(engine.num_io_tensors)]
    inputs = [n for n in names if engine.get_tensor_mode(n) == module.TensorIOMode.INPUT]
    outputs = [n for n in names if n not in inputs]
    floats = all(engine.get_tensor_dtype(name) == module.DataType.FLOAT for name in names)
    if len(inputs) != 1 or len(outputs) != 1 or not floats:
        raise DataError(
            f"the engine has the inputs {inputs} and outputs {outputs}; Edge runs networks with "
            "one of each, both float32"
        )
    return inputs[0], outputs[0]
