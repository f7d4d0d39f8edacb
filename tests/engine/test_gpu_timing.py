from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edge.engine.gpu_timing import Timed, repeated_s, stages_ms


class Gpu:
    """A context, a stream and a driver for graphs, of a GPU whose clock the test sets.

    Attributes:
        now_ms: its time.
        opened: graphs that are there now, by the number of their recording.
        launches: the same numbers, as they were launched.
    """

    def __init__(self) -> None:
        self.now_ms = 0.0
        self.opened: list[int] = []
        self.launches: list[int] = []
        self._recorded = 0

    def event(self, *, timing: bool) -> Any:
        assert timing
        return Mark(self)

    def capture(self, stream: Any, work: Callable[[], None]) -> Any:
        self._recorded += 1
        self.opened.append(self._recorded)
        return Recording(self, self._recorded, work)

    def takes(self, *durations_ms: float) -> Callable[[], None]:
        """Work that takes these times, one after the other."""
        left = iter(durations_ms)

        def work() -> None:
            self.now_ms += next(left)

        return work


class Mark:
    def __init__(self, gpu: Gpu) -> None:
        self._gpu = gpu
        self.at_ms = -1.0

    def record(self, stream: Any) -> None:
        self.at_ms = self._gpu.now_ms

    def synchronize(self) -> None:
        pass

    def time_since(self, earlier: Mark) -> float:
        return self.at_ms - earlier.at_ms


class Recording:
    def __init__(self, gpu: Gpu, number: int, work: Callable[[], None]) -> None:
        self._gpu, self._number, self._work = gpu, number, work

    def launch(self, stream: Any) -> None:
        self._gpu.launches.append(self._number)
        self._work()

    def close(self) -> None:
        self._gpu.opened.remove(self._number)


def timed(gpu: Gpu, *, graphs: bool) -> Timed:
    parts: Any = (gpu, gpu if graphs else None, "stream")
    return Timed(*parts)


@pytest.mark.parametrize("graphs", [True, False], ids=["graphs", "single launches"])
def test_a_stage_takes_the_median_of_its_times(graphs: bool) -> None:
    gpu = Gpu()
    stages = {
        "copy in": gpu.takes(1, 9, 2),
        "engine": gpu.takes(5, 5, 80),
        "out": gpu.takes(0, 0, 0),
    }
    assert stages_ms(timed(gpu, graphs=graphs), stages, times=3) == {
        "copy in": 2,
        "engine": 5,
        "out": 0,
    }


def test_every_stage_but_the_first_is_a_graph_of_its_own_which_is_gone_afterwards() -> None:
    gpu = Gpu()
    stages = {name: gpu.takes(1, 1) for name in ("copy in", "engine", "out")}
    stages_ms(timed(gpu, graphs=True), stages, times=2)
    assert (gpu.launches, gpu.opened) == ([1, 2, 1, 2], [])


def test_graphs_are_gone_too_when_a_stage_fails() -> None:
    gpu = Gpu()
    stages = {"copy in": gpu.takes(1), "engine": gpu.takes(), "out": gpu.takes()}
    with pytest.raises(StopIteration):
        stages_ms(timed(gpu, graphs=True), stages, times=1)
    assert gpu.opened == []


@pytest.mark.parametrize("graphs", [True, False], ids=["graphs", "single launches"])
def test_repeated_work_is_timed_without_its_first_run(graphs: bool) -> None:
    gpu = Gpu()
    assert repeated_s(timed(gpu, graphs=graphs), gpu.takes(700, 1, 2, 3), times=3) == 0.006
    assert gpu.opened == []
