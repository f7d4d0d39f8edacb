"""A batch in flight on the GPU: its memory, its stream, and its work as a graph."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Hashable, Iterable, Sequence
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
from edge.engine.gpu_lane import Lane, Placed, Tools
from edge.engine.kernels.postprocess import HeadShape, Postprocess
from edge.engine.kernels.preprocess import Kind, taps
from edge.engine.tensorrt_plan import Execution, TensorRtPlan
from edge.vision.letterbox import Letterbox

_log = logging.getLogger(__name__)

MOST_KINDS = 8
"""Sizes and formats of frames that a slot knows; the one used longest ago goes first. No batch is
larger, so that none of its own goes."""

Start = Callable[[], None]
Stages = dict[str, Start]


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


class Slot:
    """Takes a batch of frames, works on it, gives their detections; then takes the next.

    A plan of one image has all its work in one graph for each kind of frame. With more, kinds may
    come in any mixture: there the network alone is a graph, for each size of batch.

    Every call is made while the context is current. The frames' pixels are kept until ``finish``.
    """

    def __init__(self, parts: SlotParts) -> None:
        """Reserve the memory that does not depend on the frames' size.

        Raises:
            UnavailableError: there is too little.
        """
        context, plan = parts.context, parts.plan
        self._parts = parts
        self._sizes = batch_sizes(plan.most)
        self._placed: dict[Kind, Placed] = {}
        self._works: dict[tuple[int, Kind], tuple[Start, Start]] = {}
        self._graphs: dict[Hashable, Graph | None] = {}
        self._executions: dict[int, Execution] = {}
        self._frames: tuple[Frame, ...] = ()
        half = plan.input_type == np.float16
        image_bytes = math.prod(plan.input_shape) * (2 if half else 4)
        head_bytes = math.prod(plan.head_shape) * 4
        _, rows, anchors = plan.head_shape
        post = Postprocess(parts.module, HeadShape(rows - 4, anchors), parts.settings)
        tools = Tools(context, parts.module, post, parts.settings, half, parts.mapped)
        with ExitStack() as owned:  # undone in reverse: at the end, or if this fails half-way
            self._tensor = _device(owned, context, plan.most * image_bytes)
            self._head = _device(owned, context, plan.most * head_bytes)
            tensor, head = self._tensor.address, self._head.address
            self._lanes = [
                Lane(tools, owned, tensor + number * image_bytes, head + number * head_bytes)
                for number in range(plan.most)
            ]
            owned.callback(self._executions.clear)
            self._execution(self._sizes[0])
            self.stream = context.stream()
            self._done = context.event(blocking=parts.blocking)
            owned.callback(self._stop)
            self._owned = owned.pop_all()

    @property
    def images(self) -> int:
        """Frames in flight in it."""
        return len(self._frames)

    @property
    def captures(self) -> bool:
        """Whether its work can be recorded, as far as is known."""
        return all(graph is not None for graph in self._graphs.values())

    def begin(self, frames: Sequence[Frame], pinned: Sequence[PinnedMemory]) -> None:
        """Start the work on a batch of frames; the rest of it is padding.

        Raises:
            UnavailableError: the GPU failed.
        """
        self._frames = tuple(frames)
        for lane, frame in zip(self._lanes, frames, strict=False):
            lane.bring(frame, pinned, self.stream)
        kinds = [kind_of(frame) for frame in frames]
        if len(self._lanes) == 1:
            self._launch(kinds[0], lambda: _run(self._stages(kinds).values()))
        else:
            stages, size = self._stages(kinds), self._padded(len(frames))
            stages["preprocess"]()
            self._launch(size, stages["engine"])
            stages["postprocess"]()
            stages["copy out"]()
        self._done.record(self.stream)

    def finish(self) -> list[Detections | str]:
        """Wait for the results, in the order of the frames; as text why one is none.

        Raises:
            UnavailableError: the GPU failed.
        """
        try:
            self._done.synchronize()
            return [lane.read() for lane, _ in zip(self._lanes, self._frames, strict=False)]
        finally:
            self._frames = ()

    def stages(self, frames: Sequence[Frame], pinned: Sequence[PinnedMemory]) -> Stages:
        """The work on such frames, by name, to be started one by one."""

        def bring() -> None:
            for lane, frame in zip(self._lanes, frames, strict=False):
                lane.bring(frame, pinned, self.stream)

        return {"copy in": bring} | self._stages([kind_of(frame) for frame in frames])

    def enqueue(self, images: int) -> None:
        """Start the network alone, on what is in its input."""
        self._execution(self._padded(images)).enqueue(self.stream)

    def close(self) -> None:
        """Wait for what runs and release everything. Safe to call twice."""
        self._owned.close()

    def _stop(self) -> None:
        with suppress(self._parts.context.error):  # what failed is known already
            self.stream.synchronize()
        self._frames = ()
        for graph in self._graphs.values():
            _release(graph)
        for placed in self._placed.values():
            placed.taps.free()
        self._graphs.clear()
        self._works.clear()
        self._placed.clear()
        self._done = self.stream = None

    def _stages(self, kinds: Sequence[Kind]) -> Stages:
        works = [self._work(number, kind) for number, kind in enumerate(kinds)]
        execution = self._execution(self._padded(len(kinds)))
        return {
            "preprocess": lambda: _run(preprocess for preprocess, _ in works),
            "engine": lambda: execution.enqueue(self.stream),
            "postprocess": lambda: _run(postprocess for _, postprocess in works),
            "copy out": lambda: self._fetch(len(kinds)),
        }

    def _work(self, number: int, kind: Kind) -> tuple[Start, Start]:
        """What starts a lane's kernels for such a picture, before and after the network."""
        placed = self._place(kind)
        if (number, kind) not in self._works:
            lane, stream = self._lanes[number], self.stream
            works = lane.preprocess(placed, stream), lane.postprocess(placed, stream)
            self._works[number, kind] = works
        return self._works[number, kind]

    def _fetch(self, images: int) -> None:
        for lane in self._lanes[:images]:
            lane.fetch(self.stream)

    def _launch(self, key: Hashable, work: Start) -> None:
        """As a graph, once the same work has run as it is: TensorRT wants that before."""
        if key not in self._graphs:
            work()
            self.stream.synchronize()
            self._graphs[key] = self._captured(work)
        elif (graph := self._graphs[key]) is not None:
            graph.launch(self.stream)
        else:
            work()

    def _captured(self, work: Start) -> Graph | None:
        if self._parts.graphs is None:
            return None
        # TensorRT may spoil a recording and say nothing; then it is PyCUDA's next call that fails.
        refusals = (UnavailableError, self._parts.context.error)
        try:
            return self._parts.graphs.capture(self.stream, work)
        except refusals as error:
            # As text: a log that keeps the error would keep its frames, and so the kernels.
            _log.warning("no CUDA graph, frames take longer to start: %s", str(error))
            return None

    def _place(self, kind: Kind) -> Placed:
        if (placed := self._placed.pop(kind, None)) is None:
            while len(self._placed) >= MOST_KINDS:
                self._forget(next(iter(self._placed)))
            placed = self._new_place(kind)
        self._placed[kind] = placed  # behind the others: the first one was used longest ago
        return placed

    def _new_place(self, kind: Kind) -> Placed:
        letterbox = Letterbox.fit(kind.size, self._parts.plan.input_size)
        table = taps(letterbox)
        memory = self._parts.context.device_memory(table.nbytes)
        self._parts.context.copy_in(memory.address, table, self.stream)
        self.stream.synchronize()  # until then the driver may still read the array
        return Placed(kind, letterbox, memory)

    def _forget(self, kind: Kind) -> None:
        _release(self._graphs.pop(kind, None))
        for number in range(len(self._lanes)):
            self._works.pop((number, kind), None)
        self._placed.pop(kind).taps.free()

    def _execution(self, images: int) -> Execution:
        if images not in self._executions:
            plan = self._parts.plan
            fresh = plan.execution(self._tensor.address, self._head.address, images)
            self._executions[images] = fresh
        return self._executions[images]

    def _padded(self, images: int) -> int:
        return next(size for size in self._sizes if size >= images)


def batch_sizes(most: int) -> tuple[int, ...]:
    """The sizes that batches are padded to: powers of two, and the largest. E.g. 1, 2, 4, 6."""
    return (*(2**power for power in range(most.bit_length()) if 2**power < most), most)


def kind_of(frame: Frame) -> Kind:
    """What a frame shares with others like it.

    Raises:
        DataError: an NV12 picture of odd width, whose colours lie nowhere.
    """
    kind = Kind(frame.size, frame.pixel_format)
    if kind.pixel_format == "nv12" and kind.size.width % 2:
        raise DataError(f"{frame.camera}: an nv12 picture needs an even width, got {kind.size}")
    return kind


def _run(starts: Iterable[Start]) -> None:
    for start in starts:
        start()


def _release(graph: Graph | None) -> None:
    if graph is not None:
        with suppress(UnavailableError):  # of a GPU that failed before
            graph.close()


def _device(owned: ExitStack, context: CudaContext, size_bytes: int) -> DeviceMemory:
    memory = context.device_memory(size_bytes)
    owned.callback(memory.free)
    return memory
