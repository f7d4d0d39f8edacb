"""How long work takes on the GPU, by its own clock."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from edge.engine.cuda import CudaContext
from edge.engine.cuda_graph import GraphDriver

Start = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Timed:
    """Where the work runs; the context is current.

    Attributes:
        context: of CUDA.
        graphs: to launch the work as a graph; None: as it is.
        stream: that the work starts itself on.
    """

    context: CudaContext
    graphs: GraphDriver | None
    stream: Any

    def launcher(self, start: Start, owned: ExitStack) -> Start:
        """What starts the work at once, as far as that can be had."""
        if self.graphs is None:
            return start
        graph = self.graphs.capture(self.stream, start)
        owned.callback(graph.close)
        return lambda: graph.launch(self.stream)


def stages_ms(timed: Timed, stages: Mapping[str, Start], times: int) -> dict[str, float]:
    """Median time of each stage, milliseconds; the first one is never a graph.

    Each is a graph of its own, so that the GPU does not wait for the host in between.
    """
    names = list(stages)
    with ExitStack() as owned:
        starts = [stages[names[0]]]
        starts += [timed.launcher(stages[name], owned) for name in names[1:]]
        rounds = [_one_round(timed, starts) for _ in range(times)]
    medians = (statistics.median(column) for column in zip(*rounds, strict=True))
    return dict(zip(names, medians, strict=True))


def repeated_s(timed: Timed, start: Start, times: int) -> float:
    """Seconds for so many runs, back to back."""
    begin, end = (timed.context.event(timing=True) for _ in range(2))
    with ExitStack() as owned:
        launch = timed.launcher(start, owned)
        launch()
        begin.record(timed.stream)
        for _ in range(times):
            launch()
        end.record(timed.stream)
        end.synchronize()
        return float(end.time_since(begin)) / 1e3


def _one_round(timed: Timed, starts: list[Start]) -> list[float]:
    marks = [timed.context.event(timing=True) for _ in range(len(starts) + 1)]
    marks[0].record(timed.stream)
    for start, mark in zip(starts, marks[1:], strict=True):
        start()
        mark.record(timed.stream)
    marks[-1].synchronize()
    return [float(later.time_since(earlier)) for earlier, later in itertools.pairwise(marks)]
