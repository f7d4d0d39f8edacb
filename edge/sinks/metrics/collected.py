"""Readings of the service in the form of Prometheus's client library."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from edge.core.readings import Metric, Reading, Readings

Family = CounterMetricFamily | GaugeMetricFamily


class Collected(Collector):
    """Asks for readings whenever somebody asks for metrics.

    A metric without a value now is there all the same, with its help: a dashboard can tell a number
    that is not known from one that does not exist.
    """

    def __init__(self, readings: Readings) -> None:
        """Collect these."""
        self._readings = readings

    def collect(self) -> Iterator[Family]:
        """Every metric, with the values that are known."""
        known: dict[str, list[Reading]] = {}
        for reading in self._readings.read():
            known.setdefault(reading.metric.name, []).append(reading)
        for metric in self._readings.metrics:
            yield _family(metric, known.get(metric.name, []))

    def describe(self) -> Iterator[Family]:
        """The same without values, so that nothing is read when it is registered."""
        return (_family(metric, []) for metric in self._readings.metrics)


def _family(metric: Metric, readings: list[Reading]) -> Family:
    kinds = {"gauge": GaugeMetricFamily, "counter": CounterMetricFamily}
    family: Family = kinds[metric.kind](metric.name, metric.text, labels=metric.labels)
    for reading in readings:
        family.add_metric(reading.labels, reading.value)
    return family
