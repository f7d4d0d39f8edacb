"""Numbers that were measured, in few words."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


def nearest_rank(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that at least ``percent`` of them do not exceed."""
    rank = max(1, math.ceil(len(values) * percent / 100))
    return sorted(values)[rank - 1]


def spread(rounds: Sequence[float]) -> float:
    """(largest - smallest) / median of equal rounds: a difference below it is noise."""
    return (max(rounds) - min(rounds)) / statistics.median(rounds)


def percentiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99, milliseconds. By nearest rank: each was really measured."""
    return {f"p{percent}": nearest_rank(seconds, percent) * 1e3 for percent in (50, 95, 99)}
