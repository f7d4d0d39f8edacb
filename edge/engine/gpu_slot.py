"""One frame in flight on the GPU: its memory, its stream, and its work as a graph."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.core.config import DetectConfig
from edge.core.errors import DataError, UnavailableError
from edge.core.types import Detections, Frame
from edge.engine.cuda import CudaContext
from edge.engine.cuda_graph import Graph, GraphDriver
from edge.engine.cuda_memory import DeviceMemory, PinnedMemory
from edge.engine.gpu_crossing import CopiedFrames, FrameInput, MappedFrames, ResultOutput
from edge.engine.kernels.postprocess import SUMMARY_BYTES, HeadShape, Postprocess, read_result
from edge.engine.kernels.preprocess import Kind, launch_preprocess, preprocess_kernel, taps
from edge.engine.tensorrt_plan import TensorRtPlan
from edge.vision.letterbox import Letterbox

_log = logging.getLogger(__name__)

MOST_KINDS = 8
"""Graphs a slot keeps, one for each size and format of frames; the oldest goes first."""

Stages = dict[str, Callable[[], None]]


@dataclass(frozen=True, slots=True)
class SlotParts:
    """What all slots share.

    Attributes:
        context: of CUDA.
        graphs: None: every launch goes to the driver one by one.
        plan: the network.
        module: the loaded kernels.
        settings: what counts as a detection.
        mapped: frames and results are not copied: GPU and CPU share their memory.
        blocking: who waits for a result sleeps instead of asking again and again.
    """

    context: CudaContext
    graphs: GraphDriver | None
    plan: TensorRtPlan
    module: Any
    settings: DetectConfig
    mapped: bool
    blocking: bool


@dataclass(slots=True)
class _Prepared:
    """A kind's own: its graph (None where nothing is captured), and how to run without it."""

    taps: DeviceMemory
    stages: Stages
    graph: Graph | None = None


class Slot:
    """Takes a frame, works on it, gives its detections; then takes the next.

    Every call is made while the context is current. The frame's pixels are kept until ``finish``.
    """

    def __init__(self, parts: SlotParts) -> None:
        """Reserve the memory that does not depend on the frames' size.

        Raises:
            UnavailableError: there is too little.
        """
        context, plan = parts.context, parts.plan
        self._parts = parts
        self._half = plan.input_type == np.float16
        _, rows, anchors = plan.head_shape
        self._post = Postprocess(parts.module, HeadShape(rows - 4, anchors), parts.settings)
        memory = self._post.memory
        self._prepared: dict[Kind, _Prepared] = {}
        self._frame: Frame | None = None
        with ExitStack() as owned:  # undone in reverse: at the end, or if this fails half-way
            self._tensor = _device(owned, context, plan.input_shape, 2 if self._half else 4)
            self._head = _device(owned, context, plan.head_shape, 4)
            self._work = _device(owned, context, (memory.bytes,), 1)
            self._result = ResultOutput(context, memory.result_bytes, mapped=parts.mapped)
            owned.callback(self._result.free)
            self._input: FrameInput = (MappedFrames if parts.mapped else CopiedFrames)(context)
            owned.callback(self._input.free)
            self._execution = plan.execution(self._tensor.address, self._head.address)
            owned.callback(self._execution.close)
            self.stream = context.stream()
            self._done = context.event(blocking=parts.blocking)
            owned.callback(self._stop)
            self._owned = owned.pop_all()

    @property
    def head(self) -> int:
        """Address of the network's output, for tests that put one there."""
        return self._head.address

    @property
    def captures(self) -> bool:
        """Whether its work can be recorded, as far as is known."""
        return all(each.graph is not None for each in self._prepared.values())

    def begin(self, frame: Frame, pinned: Sequence[PinnedMemory]) -> None:
        """Start the work on a frame.

        Raises:
            DataError: the picture is of a kind that no camera delivers.
            UnavailableError: the GPU failed.
        """
        kind = kind_of(frame)
        self._frame = frame
        self._input.bring(frame.image, pinned, self.stream)
        prepared = self._prepared.get(kind) or self._prepare(kind)
        if prepared.graph is not None:
            prepared.graph.launch(self.stream)
        else:
            _run(prepared.stages)
        self._done.record(self.stream)

    def finish(self) -> Detections:
        """Wait for the result.

        Raises:
            DataError: the network's output is not one; the frame was not inspected.
            UnavailableError: the GPU failed.
        """
        try:
            self._done.synchronize()
            return read_result(self._result.host, self._parts.settings.max_boxes)
        finally:
            self._frame = None

    def stages(self, frame: Frame, pinned: Sequence[PinnedMemory]) -> Stages:
        """The work on a frame of a kind that came before, by name, to be started one by one."""
        bring = {"copy in": lambda: self._input.bring(frame.image, pinned, self.stream)}
        return bring | self._prepared[kind_of(frame)].stages

    def enqueue(self) -> None:
        """Start the network alone, on what is in its input."""
        self._execution.enqueue(self.stream)

    def close(self) -> None:
        """Wait for what runs and release everything. Safe to call twice."""
        self._owned.close()

    def _stop(self) -> None:
        with suppress(self._parts.context.error):  # what failed is known already
            self.stream.synchronize()
        self._frame = None
        for prepared in self._prepared.values():
            _release(prepared)
        self._prepared.clear()
        self._done = self.stream = None

    def _prepare(self, kind: Kind) -> _Prepared:
        """Set a kind up and run it once: TensorRT wants that before it is captured."""
        while len(self._prepared) >= MOST_KINDS:
            _release(self._prepared.pop(next(iter(self._prepared))))
        letterbox = Letterbox.fit(kind.size, self._parts.plan.input_size)
        table = taps(letterbox)
        memory = self._parts.context.device_memory(table.nbytes)
        self._parts.context.copy_in(memory.address, table, self.stream)
        prepared = _Prepared(memory, self._stages(kind, letterbox, memory.address))
        _run(prepared.stages)
        self.stream.synchronize()
        prepared.graph = self._captured(prepared.stages)
        self._prepared[kind] = prepared
        return prepared

    def _stages(self, kind: Kind, letterbox: Letterbox, taps_address: int) -> Stages:
        parts, stream = self._parts, self.stream
        kernel = preprocess_kernel(parts.module, kind.pixel_format, half=self._half)
        addresses = (self._input.cell, taps_address, self._tensor.address)
        head, work, result = self._head.address, self._work.address, self._result.address

        def postprocess() -> None:
            parts.context.clear(work, SUMMARY_BYTES, stream)
            self._post.launch(stream, head, work, result, letterbox=letterbox)

        return {
            "preprocess": lambda: launch_preprocess(kernel, stream, addresses, letterbox),
            "engine": self.enqueue,
            "postprocess": postprocess,
            "copy out": lambda: self._result.fetch(stream),
        }

    def _captured(self, stages: Stages) -> Graph | None:
        if self._parts.graphs is None:
            return None
        # TensorRT may spoil a recording and say nothing; then it is PyCUDA's next call that fails.
        refusals = (UnavailableError, self._parts.context.error)
        try:
            return self._parts.graphs.capture(self.stream, lambda: _run(stages))
        except refusals as error:
            # As text: a log that keeps the error would keep its frames, and so the kernels.
            _log.warning("no CUDA graph, frames take longer to start: %s", str(error))
            return None


def kind_of(frame: Frame) -> Kind:
    """What a frame shares with others like it.

    Raises:
        DataError: an NV12 picture of odd width, whose colours lie nowhere.
    """
    kind = Kind(frame.size, frame.pixel_format)
    if kind.pixel_format == "nv12" and kind.size.width % 2:
        raise DataError(f"{frame.camera}: an nv12 picture needs an even width, got {kind.size}")
    return kind


def _run(stages: Stages) -> None:
    for start in stages.values():
        start()


def _release(prepared: _Prepared) -> None:
    if prepared.graph is not None:
        with suppress(UnavailableError):  # of a GPU that failed before
            prepared.graph.close()
    prepared.taps.free()


def _device(
    owned: ExitStack, context: CudaContext, shape: tuple[int, ...], item_bytes: int
) -> DeviceMemory:
    memory = context.device_memory(math.prod(shape) * item_bytes)
    owned.callback(memory.free)
    return memory
