"""Two situations, measured in turns, so that a noisy machine troubles both alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edge.bench.percentiles import spread

Progress = Callable[[int, int], None]
Measure = Callable[[], Mapping[str, float]]


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
        spread={name: max(spread(column[name]) for column in columns) for name in names},
        rounds=rounds,
    )
