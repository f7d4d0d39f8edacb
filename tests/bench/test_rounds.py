from __future__ import annotations

import dataclasses
import json
import threading

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.bench import Stagewise, bench, compare, nearest_rank
from edge.core.types import Detections, Frame, Size
from edge.detect import CpuDetector
from edge.vision.letterbox import Letterbox


class FakeClock:
    """Time moves only when a stage says how long it takes."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.time += seconds
        return stop.is_set()


class PacedEngine:
    """Takes the next of these times for a frame, in seconds, over and over."""

    description = "paced"
    labels: tuple[str, ...] = ("a",)
    input_size = Size(64, 64)

    def __init__(self, clock: FakeClock, *seconds: float) -> None:
        self._clock, self._seconds, self.calls = clock, seconds, 0

    def infer(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        self._clock.time += self._seconds[self.calls % len(self._seconds)]
        self.calls += 1
        return np.zeros((1, 5, 84), np.float32)

    def close(self) -> None:
        pass


class PacedDetector(CpuDetector):
    """Preprocess takes 1 ms and postprocess 4 ms of the fake clock."""

    def __init__(self, clock: FakeClock, engine: PacedEngine) -> None:
        super().__init__(engine)
        self._clock = clock

    def preprocess(self, frame: Frame) -> tuple[NDArray[np.float32], Letterbox]:
        self._clock.time += 0.001
        return super().preprocess(frame)

    def postprocess(self, head: NDArray[np.float32], letterbox: Letterbox) -> Detections:
        self._clock.time += 0.004
        return super().postprocess(head, letterbox)


def frames(count: int) -> list[Frame]:
    return [Frame(np.zeros((72, 128, 3), np.uint8), index, 0.0) for index in range(count)]


def test_engine_alone_and_the_whole_way_are_told_apart() -> None:
    clock = FakeClock()
    engine = PacedEngine(clock, 0.045)
    report = bench(Stagewise(PacedDetector(clock, engine)), frames(4), seconds=6, clock=clock)
    assert report.engine_only_fps == pytest.approx(1 / 0.045)
    assert report.end_to_end_fps == pytest.approx(1 / 0.05)
    assert report.ratio == pytest.approx(0.9)
    assert report.stages_ms == pytest.approx({"preprocess": 1, "inference": 45, "postprocess": 4})
    assert report.latency_ms == pytest.approx({"p50": 50, "p95": 50, "p99": 50})
    assert report.spread == pytest.approx({"engine_only": 0, "end_to_end": 0, "ratio": 0})
    assert (report.rounds, report.engine) == (30, "paced")
    assert report.power_mode is None


@pytest.mark.parametrize("seconds", [3.0, 60.0])
def test_it_takes_the_time_it_was_given(seconds: float) -> None:
    clock = FakeClock()
    detector = PacedDetector(clock, PacedEngine(clock, 0.045))
    report = bench(Stagewise(detector), frames(4), seconds=seconds, rounds=3, clock=clock)
    assert clock.time - 100 == pytest.approx(seconds, abs=0.5)
    assert report.frames == pytest.approx(seconds / 2 / 0.05, abs=3)


def test_a_slow_frame_shows_in_the_tail_and_in_the_spread() -> None:
    clock = FakeClock()
    engine = PacedEngine(clock, *[0.045] * 12, 0.145)
    report = bench(Stagewise(PacedDetector(clock, engine)), frames(5), seconds=3, clock=clock)
    assert report.latency_ms["p50"] == pytest.approx(50)
    assert report.latency_ms["p99"] == pytest.approx(150)
    assert report.spread["end_to_end"] > 0.1


def test_engine_and_whole_way_take_turns() -> None:
    # Two warm-up calls; then one call a turn, since no turn has time for a second one.
    clock, turns = FakeClock(), list[tuple[int, int]]()
    engine = PacedEngine(clock, 9, 9, 0.01, 0.02, 0.03, 0.04)
    detector = PacedDetector(clock, engine)
    report = bench(
        Stagewise(detector),
        frames(2),
        seconds=0,
        rounds=2,
        clock=clock,
        progress=lambda *n: turns.append(n),
    )
    assert report.ratio == pytest.approx((0.01 / 0.025 + 0.03 / 0.045) / 2)
    assert engine.calls == 6
    assert turns == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_every_frame_has_its_turn() -> None:
    clock, seen = FakeClock(), list[int]()

    class Watching(PacedDetector):
        def preprocess(self, frame: Frame) -> tuple[NDArray[np.float32], Letterbox]:
            seen.append(frame.index)
            return super().preprocess(frame)

    detector = Watching(clock, PacedEngine(clock, 0.045))
    bench(Stagewise(detector), frames(3), seconds=1, rounds=1, clock=clock)
    assert seen[3:10] == [0, 1, 2, 0, 1, 2, 0]


def test_the_report_is_json_and_tells_memory() -> None:
    clock = FakeClock()
    detector = PacedDetector(clock, PacedEngine(clock, 0.01))
    report = bench(Stagewise(detector), frames(1), seconds=0, clock=clock)
    shown = json.loads(json.dumps(dataclasses.asdict(report)))
    assert shown["memory_mb"]["peak"] >= shown["memory_mb"]["rss"] > 10


def test_the_real_clock_measures_something() -> None:
    report = bench(Stagewise(CpuDetector(PacedEngine(FakeClock(), 0))), frames(3), seconds=0)
    assert report.end_to_end_fps > 0
    assert all(share > 0 for share in report.stages_ms.values())


def test_two_situations_are_measured_in_turns() -> None:
    order: list[str] = []
    fps = {"without": iter([10.0, 11.0, 10.5]), "with": iter([9.0, 8.4, 8.7])}

    def measure(kind: str) -> dict[str, float]:
        order.append(kind)
        return {"fps": next(fps[kind])}

    result = compare(lambda: measure("without"), lambda: measure("with"), rounds=3)
    assert order == ["without", "with"] * 3
    assert (result.baseline["fps"], result.variant["fps"], result.rounds) == (10.5, 8.7, 3)
    assert result.change["fps"] == pytest.approx(8.7 / 10.5 - 1)
    assert result.spread["fps"] == pytest.approx(1 / 10.5)


@pytest.mark.parametrize(("count", "rounds"), [(0, 1), (1, 0)], ids=["no frame", "no round"])
def test_nothing_to_measure_is_refused(count: int, rounds: int) -> None:
    clock = FakeClock()
    detector = PacedDetector(clock, PacedEngine(clock, 0.01))
    with pytest.raises(ValueError, match="at least one frame and one round"):
        bench(Stagewise(detector), frames(count), rounds=rounds, clock=clock)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        pytest.param([7], 50, 7, id="one value"),
        pytest.param([4, 1, 3, 2], 50, 2, id="half of four"),
        pytest.param([4, 1, 3, 2], 51, 3, id="just above half"),
        pytest.param(range(1, 101), 99, 99, id="99 of 100"),
        pytest.param(range(1, 101), 0, 1, id="least"),
        pytest.param(range(1, 11), 99, 10, id="too few for p99: the worst"),
    ],
)
def test_a_percentile_is_a_value_that_was_measured(
    values: list[float], percent: float, expected: float
) -> None:
    assert nearest_rank(values, percent) == expected
