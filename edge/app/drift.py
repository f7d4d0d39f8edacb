"""A line that looks otherwise than it did is no fault of the engine: it is told, nothing more."""

from __future__ import annotations

from collections.abc import Callable

from edge.app.tap import Sample
from edge.core.config import WatchConfig
from edge.watch import DriftWatch


class DriftTeller:
    """Tells when drift begins, ends, or is another."""

    def __init__(
        self, settings: WatchConfig, classes: int, tell: Callable[[str, str], None]
    ) -> None:
        """Begin without a baseline; ``tell(kind, text)`` is called for changes only."""
        self._watch = DriftWatch(settings, classes)
        self._drifted: tuple[str, ...] = ()
        self._tell = tell

    def add(self, sample: Sample) -> None:
        """Look at one more inspected frame; takes a few milliseconds."""
        verdict = self._watch.add(sample.frame, sample.found)
        if verdict.drifted != self._drifted:
            self._drifted = verdict.drifted
            self._tell("drift", verdict.reason)
