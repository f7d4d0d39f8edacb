"""A bounded, varied folder of live frames, for recalibration: exactly what ``--images`` takes."""

from edge.sinks.collect.collection import CollectReport
from edge.sinks.collect.folder import Name
from edge.sinks.collect.sink import Collect, Collected
from edge.sinks.collect.variety import Why

__all__ = ["Collect", "CollectReport", "Collected", "Name", "Why"]
