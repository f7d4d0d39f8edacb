"""One model in several forms, each against the one before: what does each step bring?"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge.bench.percentiles import spread
from edge.core.errors import EdgeError

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """One row to be.

    Attributes:
        name: for people.
        measure: measures once, in a fresh process, and gives a ``BenchReport`` as plain values;
            raises ``EdgeError`` if it cannot run.
    """

    name: str
    measure: Callable[[], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """One form of the model, as it ran.

    Attributes:
        name: for people.
        reason: why it did not run; empty: it did, and all numbers are there.
        engine: what ran.
        engine_only_fps: of the network alone, median over the rounds.
        end_to_end_fps: from a frame in memory to detections, median over the rounds.
        memory_mb: peak of everything, the largest of the rounds; None: the system does not tell.
        spread: (largest - smallest) / median of the rounds, of ``end_to_end_fps``.
        against: the row that ran before this one; empty for the first.
        faster: ``end_to_end_fps`` over that row's.
        memory: ``memory_mb`` over that row's.
    """

    name: str
    reason: str = ""
    engine: str = ""
    engine_only_fps: float | None = None
    end_to_end_fps: float | None = None
    memory_mb: float | None = None
    spread: float | None = None
    against: str = ""
    faster: float | None = None
    memory: float | None = None


def tabulate(
    entries: Sequence[Entry], *, rounds: int, progress: Progress | None = None
) -> tuple[Row, ...]:
    """Measure all of them in turns, first to last and again; who fails once is not asked again.

    Args:
        entries: in the order of the table.
        rounds: how often each is measured.
        progress: told after every measurement how many are done, and of how many.
    """
    reports: list[list[Mapping[str, Any]]] = [[] for _ in entries]
    reasons = [""] * len(entries)
    for turn in range(rounds * len(entries)):
        number = turn % len(entries)
        if not reasons[number]:
            try:
                reports[number].append(entries[number].measure())
            except EdgeError as error:
                reasons[number] = str(error)
        if progress is not None:
            progress(turn + 1, rounds * len(entries))
    rows: list[Row] = []
    for entry, reason, measured in zip(entries, reasons, reports, strict=True):
        before = next((row for row in reversed(rows) if not row.reason), None)
        rows.append(Row(entry.name, reason) if reason else _row(entry.name, measured, before))
    return tuple(rows)


def _row(name: str, reports: Sequence[Mapping[str, Any]], before: Row | None) -> Row:
    rates = [float(report["end_to_end_fps"]) for report in reports]
    peaks = [report["memory_mb"].get("all") for report in reports]
    rate, peak = statistics.median(rates), None if None in peaks else max(peaks)
    return Row(
        name=name,
        engine=str(reports[0]["engine"]),
        engine_only_fps=statistics.median(report["engine_only_fps"] for report in reports),
        end_to_end_fps=rate,
        memory_mb=peak,
        spread=spread(rates),
        against=before.name if before else "",
        faster=_over(rate, before.end_to_end_fps if before else None),
        memory=_over(peak, before.memory_mb if before else None),
    )


def _over(now: float | None, before: float | None) -> float | None:
    return now / before if now is not None and before else None
