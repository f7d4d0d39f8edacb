"""Numbers about the service at a moment: named once, read when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["gauge", "counter"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A number with a name, in the conventions of Prometheus.

    Attributes:
        name: with its unit, in base units; a counter's ends in ``_total``.
        text: one line for a person.
        labels: names of what tells its values apart.
        kind: a counter only rises.
    """

    name: str
    text: str
    labels: tuple[str, ...] = ()
    kind: Kind = "gauge"

    def at(self, value: float, *labels: str) -> Reading:
        """One value of it; ``labels`` in the order of ``self.labels``."""
        if len(labels) != len(self.labels):
            raise ValueError(f"{self.name} has the labels {self.labels}, got {labels}")
        return Reading(self, float(value), labels)


@dataclass(frozen=True, slots=True)
class Reading:
    """A value of a metric, now."""

    metric: Metric
    value: float
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Readings:
    """Some metrics, and where their values come from.

    Attributes:
        metrics: all that may be read.
        read: those that are known now; quick, from any thread, and never raises.
    """

    metrics: tuple[Metric, ...]
    read: Callable[[], Iterable[Reading]]
