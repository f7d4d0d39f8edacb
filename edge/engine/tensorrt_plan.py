"""A TensorRT plan, loaded once, and the contexts that run it: one for each frame in flight."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge.core.errors import DataError, UnavailableError
from edge.core.types import Size
from edge.engine.tensorrt_api import load_tensorrt

_OF_MEMORY = ("out of memory", "outofmemory", "allocat")  # in TensorRT's messages, any version


class TensorRtPlan:
    """The network of a plan: images in, the head of YOLOv8 out. Make it while CUDA is current.

    A plan is executable code: give it only one whose bundle was verified.

    Attributes:
        name: of the runtime, for people.
        input_shape: (1, 3, H, W), of one image.
        most: images that it takes at once.
        input_type: float32 or float16.
        input_size: model pixels.
        head_shape: (1, 4 + classes, anchors), of one image; float32.
    """

    def __init__(self, plan: bytes, labels: tuple[str, ...]) -> None:
        """Deserialise.

        Raises:
            MissingLibraryError: TensorRT is not installed.
            UnavailableError: there is too little memory.
            DataError: TensorRT refuses the plan, or it is no YOLOv8 network of these labels.
        """
        self._trt = load_tensorrt()
        self._log = self._trt.log()
        self.name = self._trt.name
        self._engine: Any = None
        self._runtime: Any = self._trt.start("Runtime", self._log)
        try:
            self._load(plan, labels)
        except BaseException:
            self.close()
            raise

    def execution(self, input_address: int, head_address: int, images: int = 1) -> Execution:
        """A context that reads the tensors and writes the heads at these addresses of the GPU.

        Args:
            input_address: of the first image's tensor; the others follow it.
            head_address: of the first image's head.
            images: at once, at most ``most``.

        Raises:
            UnavailableError: there is too little memory.
        """
        context = self._context(images)
        context.set_tensor_address(self._input, input_address)
        context.set_tensor_address(self._head, head_address)
        return Execution(context, self)

    def layers_json(self) -> str:
        """What TensorRT's inspector says about the layers, as it says it."""
        inspector = self._engine.create_engine_inspector()
        return str(inspector.get_engine_information(self._trt.module.LayerInformationFormat.JSON))

    def failure(self) -> UnavailableError:
        """Why it did not run, in TensorRT's words."""
        return UnavailableError(f"{self.name} failed to run: {self._log.last()}")

    def close(self) -> None:
        """Release it, while CUDA is current and no execution is left. Safe to call twice."""
        self._engine = None  # needs the runtime
        self._runtime = None

    def _load(self, plan: bytes, labels: tuple[str, ...]) -> None:
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise self._refusal()
        self._input, self._head = self._tensor_names()
        self.input_shape, self.most = self._fixed_input_shape()
        self.input_size = Size(self.input_shape[3], self.input_shape[2])
        self.head_shape = self._fixed_head_shape()
        if self.head_shape[1] != 4 + len(labels):
            raise DataError(
                f"the engine answers {self.head_shape[1] - 4} classes, but the bundle names "
                f"{len(labels)}"
            )

    def _context(self, images: int = 1) -> Any:
        context = self._engine.create_execution_context()
        if context is None:
            raise UnavailableError(
                f"{self.name} cannot prepare the engine: {self._log.last()}. "
                "Is there enough GPU memory?"
            )
        if -1 in tuple(self._engine.get_tensor_shape(self._input)):
            self._fix_shape(context, images)
        return context

    def _fix_shape(self, context: Any, images: int) -> None:
        if not context.set_input_shape(self._input, (images, *self.input_shape[1:])):
            # TensorRT 8 lends the profile of an open size to one context, unless built otherwise.
            raise UnavailableError(
                f"{self.name} cannot prepare the engine once more: {self._log.last()}. Build it "
                "again, or run it with one slot"
            )

    def _refusal(self) -> Exception:
        reason = self._log.last()
        if any(word in reason.lower() for word in _OF_MEMORY):
            return UnavailableError(
                f"{self.name} cannot load the engine: {reason}. Stop what else uses the GPU's "
                "memory (nvidia-smi, or on a Jetson: tegrastats), or run a smaller model"
            )
        return DataError(f"{self.name} refuses the engine: {reason}")

    def _fixed_input_shape(self) -> tuple[tuple[int, ...], int]:
        """Of one image, and how many at once."""
        shape = tuple(self._engine.get_tensor_shape(self._input))
        if -1 in shape:  # built for one size: that of its only profile
            shape = tuple(self._engine.get_tensor_profile_shape(self._input, 0)[2])
        return (1, *shape[1:]), shape[0]

    def _fixed_head_shape(self) -> tuple[int, ...]:
        shape = tuple(self._engine.get_tensor_shape(self._head))
        return shape if -1 not in shape else tuple(self._context().get_tensor_shape(self._head))

    def _tensor_names(self) -> tuple[str, str]:
        """Names of the only input, float32 or float16, and of the only output, float32."""
        module, engine = self._trt.module, self._engine
        kinds = {module.DataType.FLOAT: np.float32, module.DataType.HALF: np.float16}
        names = [engine.get_tensor_name(number) for number in range(engine.num_io_tensors)]
        inputs = [n for n in names if engine.get_tensor_mode(n) == module.TensorIOMode.INPUT]
        outputs = [n for n in names if n not in inputs]
        types = [kinds.get(engine.get_tensor_dtype(name)) for name in (*inputs, *outputs)]
        if len(inputs) != 1 or len(outputs) != 1 or None in types or types[1] != np.float32:
            raise DataError(
                f"the engine has the inputs {inputs} and outputs {outputs}; Edge runs networks "
                "with one of each, the output float32 and the input float32 or float16"
            )
        self.input_type = types[0]
        return inputs[0], outputs[0]


class Execution:
    """Runs the network on one pair of tensors."""

    def __init__(self, context: Any, plan: TensorRtPlan) -> None:
        self._context = context
        self._plan = plan

    def enqueue(self, stream: Any) -> None:
        """Start it.

        Raises:
            UnavailableError: TensorRT refused.
        """
        if not self._context.execute_async_v3(stream.handle):
            raise self._plan.failure()

    def close(self) -> None:
        """Release it, while CUDA is current. Safe to call twice."""
        self._context = None
