"""What the service keeps on the disk, against the budget it has for that, and what was lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from edge.app.worries import Worry
from edge.core.config import EdgeConfig
from edge.core.readings import Metric, Reading
from edge.engine.publish import BUILDS
from edge.host.crashes import CrashGuard
from edge.host.state import StateStore
from edge.sinks.collect import Collect
from edge.sinks.evidence import Evidence
from edge.sinks.isolated import Isolated
from edge.sinks.record import Record

USED = Metric(
    "edge_disk_used_bytes", "By results, collected and recent frames, evidence, bundles", ("what",)
)
BUDGET = Metric("edge_disk_budget_bytes", "The most that these may use", ("what",))
COLLECTED = Metric("edge_collected_images", "Live frames kept for recalibration")
CASES = Metric("edge_evidence_cases", "Breaches whose frames are kept")
REFUSED = Metric(
    "edge_state_failures_total",
    "Writes and reads of the state that the disk refused since the start",
    kind="counter",
)
LOST = Metric(
    "edge_sink_failures_total",
    "Results that a sink did not take since the start",
    ("sink",),
    "counter",
)
CRASHES = Metric("edge_crashes_recent", "Within ten minutes before this start")
SAFE_MODE = Metric("edge_safe_mode", "1 after a crash loop: the last good bundle on its fallback")
METRICS = (USED, BUDGET, COLLECTED, CASES, REFUSED, LOST, CRASHES, SAFE_MODE)


class Storage:
    """The last look at all that is kept."""

    def __init__(
        self,
        config: EdgeConfig,
        models: Path | None,
        guard: CrashGuard | None,
        store: StateStore | None,
    ) -> None:
        """Look for the first time.

        Args:
            config: of the service.
            models: folder of builds; None: there is none.
            guard: of this run; None: crashes are not counted.
            store: of the state; None: there is none.
        """
        self._config = config
        self._models = models
        self._guard = guard
        self._store = store
        self.collect: Collect | None = None
        self.evidence: Evidence | None = None
        self.record: Record | None = None
        self.sinks: Sequence[Isolated] = ()
        self.look()

    def look(self) -> None:
        """Look again; takes some milliseconds."""
        jsonl = self._config.sinks.jsonl
        self._results = 0 if jsonl is None else _bytes_of(jsonl.path.parent, f"{jsonl.path.name}*")
        self._bundles = 0 if self._models is None else _bytes_of(self._models / BUILDS, "*/**/*")

    def worries(self) -> Iterator[Worry]:
        """What cannot be kept."""
        if self._store is not None and self._store.failing:
            yield "state", "the state cannot be saved: free some space, or check the disk"
        if self.collect is not None and (why := self.collect.report().failing):
            yield "collect", f"no frames are collected for recalibration: {why}"
        if self.evidence is not None and (why := self.evidence.report().failing):
            yield "evidence", f"no evidence can be kept: {why}"
        if self.record is not None and (why := self.record.report().failing):
            yield "record", f"no detections are recorded: {why}"
        for sink in self.sinks:
            if sink.failing:
                yield f"sink {sink.name}", f"sink {sink.name} takes no results; see the log"

    def readings(self) -> Iterator[Reading]:
        """The last look, in figures."""
        sinks = self._config.sinks
        if sinks.jsonl is not None:
            yield USED.at(self._results, "results")
            yield BUDGET.at(sinks.jsonl.rotate_mb * 1e6 * (sinks.jsonl.keep + 1), "results")
        if self.collect is not None and sinks.collect is not None:
            report = self.collect.report()
            yield COLLECTED.at(report.images)
            yield USED.at(report.megabytes * 1e6, "collected")
            yield BUDGET.at(sinks.collect.megabytes * 1e6, "collected")
        if self.evidence is not None and self._config.watch is not None:
            kept = self.evidence.report()
            yield CASES.at(kept.cases)
            yield USED.at(kept.bytes, "evidence")
            yield BUDGET.at(self._config.watch.evidence_mb * 1e6, "evidence")
        if self.record is not None and sinks.record is not None:
            yield USED.at(self.record.report().megabytes * 1e6, "recent")
            yield BUDGET.at(sinks.record.megabytes * 1e6, "recent")
        if self._models is not None:
            yield USED.at(self._bundles, "bundles")
        yield from self._of_state()

    def _of_state(self) -> Iterator[Reading]:
        if self._store is not None:
            yield REFUSED.at(self._store.failures)
        if self._guard is not None:
            yield CRASHES.at(self._guard.crashes)
            yield SAFE_MODE.at(self._guard.safe_mode)
        yield from (LOST.at(sink.failures, sink.name) for sink in self.sinks)


def _bytes_of(folder: Path, pattern: str) -> int:
    """Of the files that match; what vanishes meanwhile counts nothing."""
    total = 0
    try:
        for path in folder.glob(pattern):
            if path.is_file():
                total += path.stat().st_size
    except OSError:
        return total
    return total
