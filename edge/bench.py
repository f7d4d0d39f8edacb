"""How fast is it? The engine alone against the whole way of a frame, stage by stage."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge.core.clock import Clock, MonotonicClock
from edge.core.types import Frame
from edge.detect import CpuDetector

_WARM_UP = 2  # frames that run before anything is timed
Progress = Callable[[int, int], None]
Measure = Callable[[], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class BenchReport:
    """Measured rates and times; frames per second, milliseconds, megabytes (10**6 bytes).

    Attributes:
        engine_only_fps: median over the rounds of the engine's own rate, on a ready tensor.
        end_to_end_fps: median over the rounds of preprocess + engine + postprocess.
        ratio: median over the rounds of end to end over engine only, each pair run back to back.
        stages_ms: median of each stage: preprocess, inference, postprocess.
        latency_ms: p50, p95, p99 of a frame end to end. Nearest rank: each was really measured.
        memory_mb: rss now and its peak, of this process; empty where the system does not tell.
        power_mode: of the board; None where there is no such thing.
        spread: (largest - smallest) / median of equal rounds: engine_only, end_to_end and ratio.
            Differences below it are noise.
        rounds: how often each of the two was measured.
        frames: how many ran end to end.
        engine: what ran, for people.
    """

    engine_only_fps: float
    end_to_end_fps: float
    ratio: float
    stages_ms: dict[str, float]
    latency_ms: dict[str, float]
    memory_mb: dict[str, float]
    power_mode: str | None
    spread: dict[str, float]
    rounds: int
    frames: int
    engine: str


@dataclass
class _Tally:
    """What the rounds have shown so far, in seconds and frames per second."""

    stages: dict[str, list[float]] = field(
        default_factory=lambda: {"preprocess": [], "inference": [], "postprocess": []}
    )
    latencies: list[float] = field(default_factory=list)
    engine_only: list[float] = field(default_factory=list)
    end_to_end: list[float] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        pairs = zip(self.end_to_end, self.engine_only, strict=True)
        return [whole / engine for whole, engine in pairs]


def bench_detector(
    detector: CpuDetector,
    frames: Sequence[Frame],
    *,
    seconds: float = 60.0,
    rounds: int = 30,
    clock: Clock | None = None,
    progress: Progress | None = None,
) -> BenchReport:
    """Measure engine only and end to end in turns, so that a noisy machine troubles both alike.

    Args:
        detector: the way of a frame, in its three stages.
        frames: in memory already; they come round again and again.
        seconds: time in all; a turn takes its share and runs one frame at least.
        rounds: how often each of the two has its turn; many short turns outlast noise best.
        clock: for tests.
        progress: told after every turn how many are done, and of how many.

    Raises:
        ValueError: no frames or no rounds.
        DataError: the engine's output is not one.
    """
    if not frames or rounds < 1:
        raise ValueError(f"need at least one frame and one round, got {len(frames)} and {rounds}")
    clock = clock or MonotonicClock()
    tally = _Tally()
    for _ in range(_WARM_UP):
        detector(frames[0])
    share = seconds / (2 * rounds)
    for turn in range(2 * rounds):
        if turn % 2 == 0:
            tally.engine_only.append(_engine_turn(detector, frames[0], share, clock))
        else:
            tally.end_to_end.append(_whole_turn(detector, frames, share, clock, tally))
        if progress is not None:
            progress(turn + 1, 2 * rounds)
    return _report(detector, tally)


def _engine_turn(detector: CpuDetector, frame: Frame, seconds: float, clock: Clock) -> float:
    """Frames per second of the engine alone, again and again on one ready tensor."""
    tensor, _ = detector.preprocess(frame)
    start, now, count = clock.now(), clock.now(), 0
    while count == 0 or now - start < seconds:
        detector.engine.infer(tensor)
        now, count = clock.now(), count + 1
    return count / (now - start)


def _whole_turn(
    detector: CpuDetector, frames: Sequence[Frame], seconds: float, clock: Clock, tally: _Tally
) -> float:
    """Frames per second from a frame in memory to its detections."""
    start, now, count = clock.now(), clock.now(), 0
    while count == 0 or now - start < seconds:
        now = _whole_frame(detector, frames[count % len(frames)], clock, tally)
        count += 1
    return count / (now - start)


def _whole_frame(detector: CpuDetector, frame: Frame, clock: Clock, tally: _Tally) -> float:
    """Run one frame, note what each stage took, and return the time at its end."""
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
    tally.latencies.append(done - began)
    return done


def _report(detector: CpuDetector, tally: _Tally) -> BenchReport:
    return BenchReport(
        engine_only_fps=statistics.median(tally.engine_only),
        end_to_end_fps=statistics.median(tally.end_to_end),
        ratio=statistics.median(tally.ratios),
        stages_ms={name: statistics.median(s) * 1000 for name, s in tally.stages.items()},
        latency_ms={f"p{p}": nearest_rank(tally.latencies, p) * 1000 for p in (50, 95, 99)},
        memory_mb=_memory_mb(),
        power_mode=None,
        spread={
            "engine_only": _spread(tally.engine_only),
            "end_to_end": _spread(tally.end_to_end),
            "ratio": _spread(tally.ratios),
        },
        rounds=len(tally.engine_only),
        frames=len(tally.latencies),
        engine=detector.description,
    )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two situations measured in turns, for example without and with viewers.

    Attributes:
        baseline: median of each number over the rounds of the first situation.
        variant: the same of the second.
        change: ``variant / baseline - 1`` of those medians.
        spread: (largest - smallest) / median of equal rounds, the worse of the two kinds. A change
            below it is noise.
        rounds: how often each of the two was measured.
    """

    baseline: dict[str, float]
    variant: dict[str, float]
    change: dict[str, float]
    spread: dict[str, float]
    rounds: int


def compare(
    baseline: Measure, variant: Measure, *, rounds: int, progress: Progress | None = None
) -> Comparison:
    """Measure two situations alternately: baseline, variant, baseline, variant.

    Args:
        baseline: measures once and returns its numbers by name, each above zero.
        variant: the same numbers in the other situation.
        rounds: how often each is measured.
        progress: told after every measurement how many are done, and of how many.
    """
    results: tuple[list[Mapping[str, float]], list[Mapping[str, float]]] = ([], [])
    for turn in range(2 * rounds):
        results[turn % 2].append((baseline, variant)[turn % 2]())
        if progress is not None:
            progress(turn + 1, 2 * rounds)
    names = list(results[0][0])
    columns = [{name: [one[name] for one in kind] for name in names} for kind in results]
    before, after = ({k: statistics.median(v) for k, v in c.items()} for c in columns)
    return Comparison(
        baseline=before,
        variant=after,
        change={name: after[name] / before[name] - 1 for name in names},
        spread={name: max(_spread(column[name]) for column in columns) for name in names},
        rounds=rounds,
    )


def nearest_rank(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that at least ``percent`` of them do not exceed."""
    rank = max(1, math.ceil(len(values) * percent / 100))
    return sorted(values)[rank - 1]


def _spread(rounds: Sequence[float]) -> float:
    return (max(rounds) - min(rounds)) / statistics.median(rounds)


def _memory_mb() -> dict[str, float]:
    """Resident memory of this process, from Linux' ``/proc``."""
    names = {"VmRSS": "rss", "VmHWM": "peak"}
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return {}
    fields = {line.partition(":")[0]: line.split() for line in lines if line[:2] == "Vm"}
    return {word: int(fields[key][1]) * 1024 / 1e6 for key, word in names.items() if key in fields}
