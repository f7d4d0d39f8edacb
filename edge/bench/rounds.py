"""Rounds of turns: the network alone, the whole way, and again."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edge.bench.machine import MachineWatch
from edge.bench.percentiles import percentiles_ms, spread
from edge.bench.subjects import Subject
from edge.bench.tally import END_TO_END, ENGINE_ONLY, NO_GRAPH, Tally
from edge.core.clock import Clock, MonotonicClock
from edge.core.types import Frame

_LOOKS = 5  # at the machine; each takes a moment
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class BenchReport:
    """Measured rates and times; frames per second, milliseconds, megabytes (10**6 bytes).

    Attributes:
        engine_only_fps: median over the rounds of the network's own rate, on a ready tensor; on a
            GPU back-to-back launches of a CUDA graph in one stream.
        engine_only_no_graph_fps: the same, launched kernel by kernel; None: there are no graphs.
        end_to_end_fps: median over the rounds of frames in memory to detections, at full rate.
        ratio: median over the rounds of end to end over engine only, each pair run back to back.
        stages_ms: median of each stage, on a GPU by CUDA events and for a whole batch.
        latency_ms: p50, p95, p99 of a frame that has everything for itself, from memory to
            detections.
        frame_age_ms: the same at the full rate, where frames wait for those before them.
        memory_mb: see :meth:`edge.bench.machine.MachineWatch.memory_mb`.
        power_mode: of the board; None where there is no such thing.
        machine: clocks, heat, power and throttling while it ran, as far as the machine tells.
        spread: (largest - smallest) / median of equal rounds: engine_only, end_to_end and ratio.
            Differences below it are noise.
        rounds: how often each kind was measured.
        frames: how many ran end to end, at full rate.
        in_flight: how many were worked on at once, at most.
        engine: what ran, for people.
    """

    engine_only_fps: float
    engine_only_no_graph_fps: float | None
    end_to_end_fps: float
    ratio: float
    stages_ms: dict[str, float]
    latency_ms: dict[str, float]
    frame_age_ms: dict[str, float]
    memory_mb: dict[str, float]
    power_mode: str | None
    machine: dict[str, Any]
    spread: dict[str, float]
    rounds: int
    frames: int
    in_flight: int
    engine: str


def bench(  # noqa: PLR0913 - all but two have defaults
    subject: Subject,
    frames: Sequence[Frame],
    *,
    seconds: float = 60.0,
    rounds: int = 30,
    clock: Clock | None = None,
    machine: MachineWatch | None = None,
    progress: Progress | None = None,
) -> BenchReport:
    """Measure the kinds in turns, so that a noisy machine troubles all of them alike.

    Args:
        subject: what is measured.
        frames: in memory already; they come round again and again.
        seconds: time in all; a turn takes its share and runs one frame at least.
        rounds: how often each kind has its turn; many short turns outlast noise best.
        clock: for tests.
        machine: what looks at it; it has looked once, before anything was loaded.
        progress: told after every turn how many are done, and of how many.

    Raises:
        ValueError: no frames or no rounds.
        DataError: the engine's output is not one.
    """
    if not frames or rounds < 1:
        raise ValueError(f"need at least one frame and one round, got {len(frames)} and {rounds}")
    clock, machine, tally = clock or MonotonicClock(), machine or MachineWatch(), Tally()
    subject.warm_up(frames[0])
    turns = subject.turns(frames, clock, tally)
    count = rounds * len(turns)
    for done in range(count):
        turns[done % len(turns)](seconds / count)
        if (done + 1) * _LOOKS // count > done * _LOOKS // count:
            machine.look()
        if progress is not None:
            progress(done + 1, count)
    return _report(subject, tally, machine)


def _report(subject: Subject, tally: Tally, machine: MachineWatch) -> BenchReport:
    engine_only, end_to_end = tally.rates[ENGINE_ONLY], tally.rates[END_TO_END]
    spreads = {"engine_only": engine_only, "end_to_end": end_to_end, "ratio": tally.ratios}
    return BenchReport(
        engine_only_fps=statistics.median(engine_only),
        engine_only_no_graph_fps=tally.rate(NO_GRAPH),
        end_to_end_fps=statistics.median(end_to_end),
        ratio=statistics.median(tally.ratios),
        stages_ms={name: statistics.median(s) * 1e3 for name, s in tally.stages.items()},
        latency_ms=percentiles_ms(tally.latencies),
        frame_age_ms=percentiles_ms(tally.ages),
        memory_mb=machine.memory_mb(),
        power_mode=machine.power_mode,
        machine=machine.conditions(),
        spread={name: spread(values) for name, values in spreads.items()},
        rounds=len(end_to_end),
        frames=len(tally.ages),
        in_flight=subject.in_flight,
        engine=subject.description,
    )
