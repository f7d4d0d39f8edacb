from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from edge.bench import Entry, tabulate
from edge.core.errors import EdgeError, UnavailableError


def entry(name: str, order: list[str], results: Iterable[Any]) -> Entry:
    """Gives the next result with every measurement, or raises it."""
    script = iter(results)

    def measure() -> Mapping[str, Any]:
        order.append(name)
        result = next(script)
        if isinstance(result, EdgeError):
            raise result
        fps, memory = result
        memory_mb = {} if memory is None else {"rss": 1.0, "all": memory}
        return {
            "engine": f"{name} engine",
            "engine_only_fps": fps * 2,
            "end_to_end_fps": fps,
            "memory_mb": memory_mb,
        }

    return Entry(name, measure)


def test_every_row_is_set_against_the_row_before() -> None:
    order: list[str] = []
    rows = tabulate(
        [
            entry("fp32", order, [(18.0, 4000.0), (20.0, 4200.0), (19.0, 4100.0)]),
            entry("fp16", order, [(38.0, 2100.0), (38.0, 2000.0), (38.0, 2000.0)]),
            entry("int8", order, [(57.0, 1050.0)] * 3),
        ],
        rounds=3,
    )
    assert order == ["fp32", "fp16", "int8"] * 3
    assert [row.end_to_end_fps for row in rows] == [19.0, 38.0, 57.0]
    assert [row.memory_mb for row in rows] == [4200.0, 2100.0, 1050.0]
    assert [row.against for row in rows] == ["", "fp32", "fp16"]
    assert [row.faster for row in rows] == [None, 2.0, 1.5]
    assert [row.memory for row in rows] == [None, 0.5, 0.5]
    assert rows[0].spread == pytest.approx(2 / 19)
    assert (rows[2].engine, rows[2].engine_only_fps) == ("int8 engine", 114.0)


def test_a_row_that_cannot_run_says_why_and_is_asked_once() -> None:
    order: list[str] = []
    rows = tabulate(
        [
            entry("torch", order, [UnavailableError("not installed")]),
            entry("fp32", order, [(10.0, 100.0)] * 2),
            entry("fp16", order, [(20.0, 50.0), UnavailableError("out of memory")]),
            entry("int8", order, [(30.0, None)] * 2),
        ],
        rounds=2,
    )
    assert order == ["torch", "fp32", "fp16", "int8", "fp32", "fp16", "int8"]
    assert [row.reason for row in rows] == ["not installed", "", "out of memory", ""]
    assert rows[1].against == ""
    assert (rows[3].against, rows[3].faster, rows[3].memory) == ("fp32", 3.0, None)


def test_progress_counts_every_measurement() -> None:
    seen: list[tuple[int, int]] = []
    tabulate(
        [entry("a", [], [(1.0, 1.0)] * 2), entry("b", [], [UnavailableError("no")])],
        rounds=2,
        progress=lambda *n: seen.append(n),
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
