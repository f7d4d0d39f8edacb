"""Numbers for Prometheus: frames as they come, and whatever else the service can tell."""

from edge.sinks.metrics.sink import MAX_LABELS, Metrics

__all__ = ["MAX_LABELS", "Metrics"]
