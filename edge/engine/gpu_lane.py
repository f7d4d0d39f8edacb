"""One image of a batch on the GPU: where its frame goes in, and where its result comes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from edge.core.config import DetectConfig
from edge.core.errors import DataError
from edge.core.types import Detections, Frame
from edge.engine.cuda import CudaContext
from edge.engine.cuda_memory import DeviceMemory, PinnedMemory
from edge.engine.gpu_crossing import CopiedFrames, FrameInput, MappedFrames, ResultOutput
from edge.engine.kernels.postprocess import SUMMARY_BYTES, Postprocess, read_result
from edge.engine.kernels.preprocess import Kind, launch_preprocess, preprocess_kernel
from edge.vision.letterbox import Letterbox


@dataclass(frozen=True, slots=True)
class Tools:
    """What the lanes of a slot share.

    Attributes:
        context: of CUDA.
        module: the loaded kernels.
        post: of the network's head.
        settings: what counts as a detection.
        half: the network's input is float16.
        mapped: GPU and CPU share the memory of frames and results.
    """

    context: CudaContext
    module: Any
    post: Postprocess
    settings: DetectConfig
    half: bool
    mapped: bool


@dataclass(frozen=True, slots=True)
class Placed:
    """How pictures of one kind lie in the model's canvas.

    Attributes:
        kind: size and format.
        letterbox: the geometry.
        taps: the preprocessing kernel's table, on the GPU.
    """

    kind: Kind
    letterbox: Letterbox
    taps: DeviceMemory


class Lane:
    """Everything is started on a stream; every call is made while the context is current."""

    def __init__(self, tools: Tools, owned: ExitStack, tensor: int, head: int) -> None:
        """Reserve the memory that does not depend on the frames' size; ``owned`` frees it.

        Args:
            tools: of the slot.
            owned: by the slot.
            tensor: address of this image's input.
            head: address of this image's part of the network's output.
        """
        context, memory = tools.context, tools.post.memory
        self._tools = tools
        self._tensor = tensor
        self._head = head
        self._work = context.device_memory(memory.bytes)
        owned.callback(self._work.free)
        self._result = ResultOutput(context, memory.result_bytes, mapped=tools.mapped)
        owned.callback(self._result.free)
        self._input: FrameInput = (MappedFrames if tools.mapped else CopiedFrames)(context)
        owned.callback(self._input.free)

    def bring(self, frame: Frame, pinned: Sequence[PinnedMemory], stream: Any) -> None:
        """Have the frame's pixels there for what follows on the stream."""
        self._input.bring(frame.image, pinned, stream)

    def preprocess(self, placed: Placed, stream: Any) -> Callable[[], None]:
        """What starts the kernel that turns the picture into the input tensor."""
        kernel = preprocess_kernel(
            self._tools.module, placed.kind.pixel_format, half=self._tools.half
        )
        addresses = (self._input.cell, placed.taps.address, self._tensor)
        return lambda: launch_preprocess(kernel, stream, addresses, placed.letterbox)

    def postprocess(self, placed: Placed, stream: Any) -> Callable[[], None]:
        """What starts the kernels that turn the head into boxes."""
        tools, work, result = self._tools, self._work.address, self._result.address

        def start() -> None:
            tools.context.clear(work, SUMMARY_BYTES, stream)
            tools.post.launch(stream, self._head, work, result, letterbox=placed.letterbox)

        return start

    def fetch(self, stream: Any) -> None:
        """Start the copy of the result to the host, where there is one."""
        self._result.fetch(stream)

    def read(self) -> Detections | str:
        """What was found; as text why the network's output is none. The stream has come so far."""
        try:
            return read_result(self._result.host, self._tools.settings.max_boxes)
        except DataError as error:
            return str(error)  # an error that is kept would keep the slot's memory
