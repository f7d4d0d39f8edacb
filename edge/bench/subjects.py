"""What can be measured: a detector by its stages, one on the GPU, one that shows nothing inside."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from edge.bench.tally import END_TO_END, ENGINE_ONLY, NO_GRAPH, Tally
from edge.core.clock import Clock
from edge.core.ports import Detector, Pipeline
from edge.core.types import Frame
from edge.detect import CpuDetector

Turn = Callable[[float], None]
"""Works for so many seconds, one frame at least, and notes what it saw."""

_FIRST_RUNS = 10  # of the network, to learn how many fill a turn
_STAGE_RUNS = 5


class Subject(Protocol):
    """Something whose speed is measured, in turns of different kinds.

    Attributes:
        description: for people.
        in_flight: frames that it works on at once, at most.
    """

    description: str
    in_flight: int

    def warm_up(self, frame: Frame) -> None:
        """Run what must have run before anything is timed."""
        ...

    def turns(self, frames: Sequence[Frame], clock: Clock, tally: Tally) -> Sequence[Turn]:
        """One of each kind; a round is all of them, one after the other."""
        ...


@runtime_checkable
class TimedPipeline(Pipeline, Protocol):
    """A ``Pipeline`` on a GPU that tells how long its stages take, by the GPU's own clock.

    Attributes:
        batch: images that the network takes at once.
    """

    batch: int

    def stages_ms(self, frames: Sequence[Frame], times: int) -> dict[str, float]:
        """Milliseconds of each stage of a batch, median; nothing is in flight."""
        ...

    def engine_only_s(self, times: int, images: int, *, graph: bool) -> float:
        """Seconds for so many runs of the network alone, back to back; nothing is in flight."""
        ...


class Stagewise:
    """A ``Subject`` whose three stages run on the CPU, one frame at a time."""

    in_flight = 1

    def __init__(self, detector: CpuDetector) -> None:
        self.description = detector.description
        self._detector = detector

    def warm_up(self, frame: Frame) -> None:
        """Twice: the first run of a network may be its slowest."""
        for _ in range(2):
            self._detector(frame)

    def turns(self, frames: Sequence[Frame], clock: Clock, tally: Tally) -> Sequence[Turn]:
        """The engine on a ready tensor, then the whole way."""
        detector = self._detector

        def engine(seconds: float) -> None:
            tensor, _ = detector.preprocess(frames[0])
            rate = _repeat(lambda _: detector.engine.infer(tensor), frames, seconds, clock)
            tally.rates[ENGINE_ONLY].append(rate)

        def whole(seconds: float) -> None:
            def run(frame: Frame) -> None:
                _note_stages(detector, frame, clock, tally)

            tally.rates[END_TO_END].append(_repeat(run, frames, seconds, clock))

        return engine, whole


class OneFrameAtATime:
    """A ``Subject`` that shows nothing inside: a network alone, and something that uses it."""

    in_flight = 1

    def __init__(
        self, description: str, network: Callable[[], object], detect: Callable[[Frame], object]
    ) -> None:
        """Take the two.

        Args:
            description: for people.
            network: runs once, on a tensor that is ready, and waits for the result.
            detect: takes a frame from memory to detections.
        """
        self.description = description
        self._network = network
        self._detect = detect

    def warm_up(self, frame: Frame) -> None:
        """Twice: the first run of a network may be its slowest."""
        for _ in range(2):
            self._network()
            self._detect(frame)

    def turns(self, frames: Sequence[Frame], clock: Clock, tally: Tally) -> Sequence[Turn]:
        """The network alone, then the whole way."""

        def engine(seconds: float) -> None:
            rate = _repeat(lambda _: self._network(), frames, seconds, clock)
            tally.rates[ENGINE_ONLY].append(rate)

        def whole(seconds: float) -> None:
            def run(frame: Frame) -> None:
                began = clock.now()
                self._detect(frame)
                _note_latency(clock.now() - began, tally)

            tally.rates[END_TO_END].append(_repeat(run, frames, seconds, clock))

        return engine, whole


class OnGpu:
    """A ``Subject`` with frames in flight; what it works on lies in the GPU's pinned memory."""

    def __init__(self, detector: TimedPipeline) -> None:
        self.description = detector.description
        self.in_flight = detector.free
        self._detector = detector
        self._run_s = 0.0

    def warm_up(self, frame: Frame) -> None:
        """Every slot with this kind of frame, then once more."""
        for _ in range(2):
            for _ in range(self._detector.free):
                self._detector.submit(frame)
            for _ in range(self.in_flight):
                self._detector.collect()

    def turns(self, frames: Sequence[Frame], clock: Clock, tally: Tally) -> Sequence[Turn]:
        """The network in a CUDA graph, the whole way at full rate; then what is worth knowing."""

        def engine(seconds: float) -> None:
            tally.rates[ENGINE_ONLY].append(self._engine(seconds, graph=True))

        def whole(seconds: float) -> None:
            self._whole(frames, seconds, clock, tally)

        def single(seconds: float) -> None:
            def run(frame: Frame) -> None:
                began = clock.now()
                self._detector(frame)
                tally.latencies.append(clock.now() - began)

            _repeat(run, frames, seconds, clock)

        def no_graph(seconds: float) -> None:
            tally.rates[NO_GRAPH].append(self._engine(seconds, graph=False))

        def stages(_seconds: float) -> None:
            batch = frames[: self._detector.batch]
            for name, took_ms in self._detector.stages_ms(batch, _STAGE_RUNS).items():
                tally.stages[name].append(took_ms / 1e3)

        return engine, whole, single, no_graph, stages

    def _engine(self, seconds: float, *, graph: bool) -> float:
        """Frames per second of the network alone, a full batch at a time."""
        batch = self._detector.batch
        if not self._run_s:
            first = self._detector.engine_only_s(_FIRST_RUNS, batch, graph=graph)
            self._run_s = first / _FIRST_RUNS
        times = max(1, round(seconds / self._run_s))
        return times * batch / self._detector.engine_only_s(times, batch, graph=graph)

    def _whole(self, frames: Sequence[Frame], seconds: float, clock: Clock, tally: Tally) -> None:
        """As fast as it goes: a frame is submitted as soon as there is room for it."""
        began, submitted, started = clock.now(), 0, deque[float]()

        def collect() -> None:
            self._detector.collect()
            tally.ages.append(clock.now() - started.popleft())

        while not submitted or clock.now() - began < seconds:
            if not self._detector.free:
                collect()
            started.append(clock.now())
            self._detector.submit(frames[submitted % len(frames)])
            submitted += 1
        while started:
            collect()
        tally.rates[END_TO_END].append(submitted / (clock.now() - began))


def subject_of(detector: Detector) -> Subject:
    """The fitting way to measure a detector, by what it shows."""
    if isinstance(detector, CpuDetector):
        return Stagewise(detector)
    if isinstance(detector, TimedPipeline):
        return OnGpu(detector)
    raise ValueError(f"{detector.description}: shows nothing that could be timed")


def _repeat(
    work: Callable[[Frame], object], frames: Sequence[Frame], seconds: float, clock: Clock
) -> float:
    """Frames per second, again and again."""
    start, now, count = clock.now(), clock.now(), 0
    while count == 0 or now - start < seconds:
        work(frames[count % len(frames)])
        now, count = clock.now(), count + 1
    return count / (now - start)


def _note_stages(detector: CpuDetector, frame: Frame, clock: Clock, tally: Tally) -> None:
    if frame.pixel_format != "bgr":
        frame = dataclasses.replace(frame)  # which has not been converted yet
    began = clock.now()
    tensor, letterbox = detector.preprocess(frame)
    ready = clock.now()
    head = detector.engine.infer(tensor)
    inferred = clock.now()
    detector.postprocess(head, letterbox)
    done = clock.now()
    tally.stages["preprocess"].append(ready - began)
    tally.stages["inference"].append(inferred - ready)
    tally.stages["postprocess"].append(done - inferred)
    _note_latency(done - began, tally)


def _note_latency(seconds: float, tally: Tally) -> None:
    """One frame at a time: none waits for another."""
    tally.latencies.append(seconds)
    tally.ages.append(seconds)
