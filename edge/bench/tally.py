"""What the turns have shown so far."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass, field

ENGINE_ONLY = "engine_only"
NO_GRAPH = "engine_only_no_graph"
END_TO_END = "end_to_end"


def _lists() -> defaultdict[str, list[float]]:
    return defaultdict(list)


@dataclass
class Tally:
    """Filled by a subject, turn by turn.

    Attributes:
        rates: frames per second of every turn, by what ran: :data:`ENGINE_ONLY`, :data:`NO_GRAPH`,
            :data:`END_TO_END`.
        stages: seconds that a frame took, by stage.
        latencies: seconds of a frame that had everything for itself, from memory to detections.
        ages: seconds from memory to detections at the full rate, where frames wait for others.
    """

    rates: defaultdict[str, list[float]] = field(default_factory=_lists)
    stages: defaultdict[str, list[float]] = field(default_factory=_lists)
    latencies: list[float] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        """End to end over engine only, each pair run back to back."""
        pairs = zip(self.rates[END_TO_END], self.rates[ENGINE_ONLY], strict=True)
        return [whole / engine for whole, engine in pairs]

    def rate(self, what: str) -> float | None:
        """Median over the rounds, frames per second; None: it never ran."""
        rounds = self.rates.get(what)
        return statistics.median(rounds) if rounds else None
