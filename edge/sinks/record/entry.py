"""One recorded frame, and which of them somebody wants to see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge.core.types import Verdict


@dataclass(frozen=True, slots=True)
class Entry:
    """One recorded frame.

    Attributes:
        id: counts what was recorded, from 1; never used twice.
        camera: that saw it.
        frame: its index at that camera.
        at: of its capture, seconds since 1970 in UTC, as the machine's clock had it; for people.
        age_ms: from capture to result.
        verdict: by the camera's rules at that time; None: there were none.
        width, height: of the picture that the boxes lie in, pixels.
        boxes: ``box`` as x1 y1 x2 y2, ``score``, ``label``; best score first.
        size: of its files and rows, bytes.
    """

    id: int
    camera: str
    frame: int
    at: float
    age_ms: float
    verdict: Verdict | None
    width: int
    height: int
    boxes: tuple[dict[str, Any], ...]
    size: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries are wanted; None asks for nothing in particular.

    Attributes:
        camera: that saw it.
        label: at least one box of this class ...
        min_score: ... or of any, with at least this score.
        since, until: captured at or after, and before; seconds since 1970.
        verdict: it got.
    """

    camera: str | None = None
    label: str | None = None
    min_score: float | None = None
    since: float | None = None
    until: float | None = None
    verdict: Verdict | None = None

    def condition(self) -> tuple[str, list[Any]]:
        """The same as SQL after ``WHERE``, and its values."""
        given: list[tuple[str, Any]] = [
            ("camera = ?", self.camera),
            ("at >= ?", self.since),
            ("at < ?", self.until),
            ("verdict = ?", self.verdict and self.verdict.value),
        ]
        terms = ["1"] + [sql for sql, value in given if value is not None]
        values = [value for _, value in given if value is not None]
        if self.label is not None or self.min_score is not None:
            box = [("label = ?", self.label), ("score >= ?", self.min_score)]
            inner = " AND ".join(["1"] + [sql for sql, value in box if value is not None])
            terms.append(f"id IN (SELECT entry FROM boxes WHERE {inner})")
            values += [value for _, value in box if value is not None]
        return " AND ".join(terms), values
