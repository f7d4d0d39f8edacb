"""A line that looks otherwise than it did is no fault of the engine: it is told, nothing more."""

from __future__ import annotations

from collections.abc import Callable

from edge.app.tap import Sample
from edge.core.service import Conditions
from edge.watch import DriftVerdict, DriftWatch

ABOUT = "drift"
"""What its warning is about."""


class DriftTeller:
    """Tells when drift begins, ends, or is another; warns as long as there is some."""

    def __init__(
        self,
        watch: DriftWatch,
        conditions: Conditions,
        tell: Callable[[str, str], None],
    ) -> None:
        """Begin with no drift.

        Args:
            watch: judges.
            conditions: where it warns.
            tell: ``tell(kind, text)`` is called for changes only.
        """
        self._watch = watch
        self._conditions = conditions
        self._drifted: tuple[str, ...] = ()
        self._tell = tell
        conditions.calm(ABOUT)

    @property
    def verdict(self) -> DriftVerdict:
        """How far the line is from its baseline."""
        return self._watch.verdict()

    def add(self, sample: Sample) -> None:
        """Look at one more inspected frame; takes a few milliseconds."""
        verdict = self._watch.add(sample.frame, sample.found)
        if verdict.drifted:
            self._conditions.warn(ABOUT, verdict.reason)
        else:
            self._conditions.calm(ABOUT)
        if verdict.drifted != self._drifted:
            self._drifted = verdict.drifted
            self._tell("drift", verdict.reason)
