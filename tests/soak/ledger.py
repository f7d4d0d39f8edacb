"""Do the counts add up? The service's own lines against its report, when it has ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Camera:
    """What the lines say of one camera."""

    frames: int = 0
    last: int = -1
    state: str = "connecting"
    changes: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def add(self, row: dict[str, Any]) -> None:
        """One line of it."""
        if "state" in row:
            self.state = row["state"]
            self.changes[self.state] = self.changes.get(self.state, 0) + 1
            if row["detections"] is not None:
                self.wrong.append(f"{self.state}, yet detections are known: {row}")
            return
        self.frames += 1
        if self.state != "live":
            self.wrong.append(f"a frame was inspected while it was {self.state}: {row['index']}")
        if row["index"] <= self.last:
            self.wrong.append(f"frame {row['index']} after {self.last}")
        if row["detections"] is None:
            self.wrong.append(f"frame {row['index']} was inspected without an answer")
        self.last = row["index"]

    @property
    def dropped(self) -> int:
        """Frames that the camera produced and nobody inspected, by the holes in the index."""
        return self.last + 1 - self.frames


@dataclass(frozen=True)
class Ledger:
    """All cameras' lines, and everything that does not fit."""

    cameras: dict[str, Camera]
    wrong: list[str]

    @property
    def frames(self) -> int:
        return sum(camera.frames for camera in self.cameras.values())

    @property
    def dropped(self) -> int:
        return sum(camera.dropped for camera in self.cameras.values())

    @property
    def changes(self) -> dict[str, int]:
        """How often any camera entered each state."""
        states = sorted({state for camera in self.cameras.values() for state in camera.changes})
        return {
            state: sum(camera.changes.get(state, 0) for camera in self.cameras.values())
            for state in states
        }


def balance(folder: Path) -> Ledger:
    """Read ``results.jsonl`` with all its older parts, and ``report.json`` beside it."""
    cameras: dict[str, Camera] = {}
    for row in _rows(folder / "results.jsonl"):
        cameras.setdefault(row["camera"], Camera()).add(row)
    report = json.loads((folder / "report.json").read_text())
    ledger = Ledger(cameras, [f"{n}: {w}" for n, camera in cameras.items() for w in camera.wrong])
    for what in ("frames", "dropped"):
        if report[what] != getattr(ledger, what):
            told = f"{what}: the report says {report[what]}, the lines {getattr(ledger, what)}"
            ledger.wrong.append(told)
    return ledger


def _rows(newest: Path) -> Iterator[dict[str, Any]]:
    older = newest.parent.glob(f"{newest.name}.*")
    for part in [*sorted(older, key=lambda path: -int(path.suffix[1:])), newest]:
        with part.open() as lines:
            yield from map(json.loads, lines)
