"""The whole way of a frame on the GPU, with several frames in flight."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import numpy as np

from edge.core.build import Precision
from edge.core.config import DetectConfig
from edge.core.errors import DataError, UnavailableError
from edge.core.types import Detections, Frame, Size
from edge.engine.cuda import CudaContext, first_gpu
from edge.engine.cuda_graph import GraphDriver
from edge.engine.gpu_frames import CameraBlocks, PinnedPools
from edge.engine.gpu_slot import Slot, SlotParts, batch_sizes, kind_of
from edge.engine.gpu_timing import Timed, repeated_s, stages_ms
from edge.engine.tensorrt_plan import TensorRtPlan
from edge.vision.letterbox import BORDER


@dataclass(frozen=True, slots=True)
class GpuOptions:
    """How the GPU is used; the detections are the same either way.

    Attributes:
        slots: batches in flight at most, of one frame unless the plan takes more. Two hide the copy
            of a frame behind its predecessor.
        blocking: who waits for a result sleeps: less CPU, some microseconds later. None: on an
            integrated GPU, with which the CPU shares its power.
        mapped: frames are read where they lie instead of being copied. None: on an integrated GPU.
        graphs: a frame is one launch. False is for measuring what that gains.
    """

    slots: int = 2
    blocking: bool | None = None
    mapped: bool | None = None
    graphs: bool = True


class GpuDetector:
    """A ``Pipeline`` from a plan and its kernels: agrees with ``CpuDetector``, and is faster.

    ``detector(frame)`` is one frame at a time. For the full rate keep it busy::

        if not detector.free:
            detections = detector.collect()   # of the oldest frame
        detector.submit(frame)

    With a plan for several images, frames gather to a batch. It starts when it is full, or when
    somebody wants to collect one of its frames; the rest is padding.

    One thread at a time may call it. A plan is executable code: give it only one whose bundle was
    verified.

    Attributes:
        description: runtime, precision and GPU, for people.
        labels: class names, by class id.
        input_size: of the model's input, model pixels.
        batch: images that the network takes at once, at most.
    """

    def __init__(  # noqa: PLR0913 - a plan with all that belongs to it
        self,
        plan: bytes,
        kernels: bytes,
        *,
        labels: tuple[str, ...],
        precision: Precision,
        settings: DetectConfig | None = None,
        options: GpuOptions | None = None,
        pools: PinnedPools | None = None,
    ) -> None:
        """Load the network and the kernels, and reserve memory.

        Args:
            plan: of TensorRT.
            kernels: from :func:`edge.engine.kernels.compile_kernels`, for this GPU.
            labels: class names, by class id.
            precision: of the plan, for people.
            settings: what counts as a detection.
            options: how the GPU is used.
            pools: pinned ones, shared with the other detectors of this process.

        Raises:
            MissingLibraryError: TensorRT or PyCUDA is not installed.
            UnavailableError: there is no GPU, or too little of its memory.
            DataError: plan or kernels do not fit this machine or these labels.
        """
        options = options or GpuOptions()
        self.labels = labels
        self._lost = ""
        self._context = CudaContext()
        self._plan: TensorRtPlan | None = None
        self._slots: list[Slot] = []
        self._mapped = self._context.integrated if options.mapped is None else options.mapped
        self._blocks = CameraBlocks(self._context, pools or PinnedPools(), mapped=self._mapped)
        self._idle: deque[Slot] = deque()
        self._running: deque[Slot] = deque()
        self._gathered: list[Frame] = []
        self._results: deque[Detections | str] = deque()
        try:
            with self._context.current():
                self._plan = TensorRtPlan(plan, labels)
                parts = self._parts(self._plan, kernels, settings or DetectConfig(), options)
                for _ in range(options.slots):
                    self._slots.append(Slot(parts))
            self.description = f"{self._plan.name} {precision.value}, {first_gpu().name}"
            self.input_size = self._plan.input_size
            self.batch = self._plan.most
        except BaseException:
            self.close()
            raise
        self._idle.extend(self._slots)

    @property
    def free(self) -> int:
        """How many frames ``submit`` takes now; every ``collect`` makes room for one more."""
        return len(self._slots) * self.batch - self.in_flight

    @property
    def in_flight(self) -> int:
        """How many frames ``collect`` still has to give."""
        running = sum(slot.images for slot in self._running)
        return len(self._results) + running + len(self._gathered)

    def __call__(self, frame: Frame) -> Detections:
        """What is in this frame; none may be in flight.

        Raises:
            DataError: the network's output is not one; the frame was not inspected.
            UnavailableError: the GPU failed, for good.
        """
        if self.in_flight:
            raise ValueError(f"{self.in_flight} frames are in flight: collect() them first")
        self.submit(frame)
        return self.collect()

    def submit(self, frame: Frame) -> None:
        """Start the work on a frame; its pixels are kept until it is collected.

        Raises:
            DataError: no kernel reads this kind of picture.
            UnavailableError: the GPU failed, for good.
        """
        if self._plan is None:
            raise ValueError("the detector is closed")
        if not self.free:
            raise ValueError("every slot has its frames: collect() one first")
        kind_of(frame)  # or it is refused now, and not the whole batch with it
        self._gathered.append(frame)
        self._start_if_full()

    def collect(self) -> Detections:
        """Wait for the oldest frame's detections.

        Raises:
            DataError: the network's output is not one; this frame, and no other, was not
                inspected.
            UnavailableError: the GPU failed, for good.
        """
        if not self.in_flight:
            raise ValueError("no frame is in flight: submit() one first")
        if not self._results:
            self._finish()
        found = self._results.popleft()
        if isinstance(found, str):
            raise DataError(found)
        return found

    def prepare(self, size: Size) -> None:
        """Get every slot ready for BGR frames of this size, so that the first one does not wait.

        Raises:
            DataError: the network's output is not one, not even for a blank picture.
            UnavailableError: the GPU failed, for good.
        """
        blank = Frame(np.full((size.height, size.width, 3), BORDER, np.uint8), 0, 0.0)
        for images in batch_sizes(self.batch):
            for _ in range(len(self._idle)):
                for _ in range(images):
                    self.submit(blank)
                if self._gathered:
                    self._start()
            while self.in_flight:
                self.collect()

    def stages_ms(self, frames: Sequence[Frame], times: int = 50) -> dict[str, float]:
        """How long each stage of a batch takes on the GPU, median; no frame is in flight.

        Args:
            frames: a batch of them, or fewer.
            times: how often it is measured.

        Raises:
            UnavailableError: the GPU failed, for good.
        """
        for frame in frames:
            self.submit(frame)
        while self.in_flight:
            self.collect()
        slot = self._idle[-1]  # which had them: the others may not know their kinds
        with self._working():
            return stages_ms(self._timed(slot), slot.stages(frames, self._blocks.pinned), times)

    def engine_only_s(self, times: int, images: int = 1, *, graph: bool = True) -> float:
        """Seconds for so many runs of the network alone, back to back in one stream.

        Call it after a frame, and while none is in flight: it runs on what is in the input.

        Args:
            times: how many runs.
            images: in each.
            graph: each is one launch, as far as that can be had.

        Raises:
            UnavailableError: the GPU failed, for good.
        """
        slot = self._idle[-1]
        with self._working():
            slot.enqueue(images)  # TensorRT wants that before it is captured
            timed = self._timed(slot) if graph else Timed(self._context, None, slot.stream)
            return repeated_s(timed, lambda: slot.enqueue(images), times)

    def close(self) -> None:
        """Wait for what runs; release the GPU. Safe to call twice."""
        if self._plan is not None:
            with self._context.current():
                for frames in (self._idle, self._running, self._gathered, self._results):
                    frames.clear()
                while self._slots:  # the last one takes the kernels along: not after the context
                    self._slots.pop().close()
                with suppress(UnavailableError):  # of a GPU that failed before
                    self._blocks.close()
                self._plan.close()
            self._plan = None
        self._context.close()

    def _parts(
        self, plan: TensorRtPlan, kernels: bytes, settings: DetectConfig, options: GpuOptions
    ) -> SlotParts:
        self._graphs = GraphDriver() if options.graphs else None
        module = self._context.module(kernels)
        return SlotParts(
            self._context,
            self._graphs,
            plan,
            module,
            settings,
            self._mapped,
            blocking=self._context.integrated if options.blocking is None else options.blocking,
        )

    def _start_if_full(self) -> None:
        if self._idle and len(self._gathered) >= self.batch:
            self._start()

    def _start(self) -> None:
        slot, frames = self._idle[0], self._gathered[: self.batch]
        del self._gathered[: self.batch]
        with self._working():
            for frame in frames:
                self._blocks.meet(frame, self._settle)
            slot.begin(frames, self._blocks.pinned)
        self._running.append(self._idle.popleft())

    def _finish(self) -> None:
        if not self._running:
            self._start()
        slot = self._running.popleft()
        self._idle.append(slot)
        with self._working():
            self._results.extend(slot.finish())
        self._start_if_full()

    def _settle(self) -> None:
        for slot in self._running:
            slot.stream.synchronize()

    def _timed(self, slot: Slot) -> Timed:
        return Timed(self._context, self._graphs if slot.captures else None, slot.stream)

    @contextmanager
    def _working(self) -> Iterator[None]:
        # An error of CUDA stays with its context: all that follows fails too, or is wrong.
        if self._lost:
            raise UnavailableError(f"the GPU is not used any more: {self._lost}")
        try:
            with self._context.current():
                yield
        except UnavailableError as error:
            self._lost = str(error)
            raise UnavailableError(
                f"{error}. This process cannot use it any more: end it, so that its supervisor "
                "starts it anew"
            ) from error
