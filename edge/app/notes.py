"""What the service and a recalibration tell each other, in the folder of builds that they share.

A note is replaced in one step and never waits for the disk: it is worth nothing after a power cut.
Who reads one can tell whether its writer lives. A recalibration holds a lock while it goes on; the
service's note carries the time since boot, which no clock setting moves.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge.host.state import Moment, this_moment

STALE_S = 5.0
"""A service that has not written for so long is not running. Seconds."""

_PROGRESS = ".recalibration.json"
_FRAME_AGE = ".frame-age.json"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a recalibration is, or how it ended.

    Attributes:
        doing: in words.
        done, of: how far with that.
        paused: why it stands still; empty: it does not.
        ended: it is over.
        passed: a bundle was published.
    """

    doing: str
    done: int = 0
    of: int = 0
    paused: str = ""
    ended: bool = False
    passed: bool = False

    def __str__(self) -> str:
        text = f"{self.doing}, {self.done} of {self.of}" if self.of > 1 else self.doing
        return f"{text}; paused: {self.paused}" if self.paused else text


def write_progress(models: Path, progress: Progress) -> None:
    """Tell the service; a disk that refuses is no reason to stop."""
    _write(models / _PROGRESS, asdict(progress))


def read_progress(models: Path) -> Progress | None:
    """What the last recalibration said; None: there was none, or it cannot be understood."""
    with suppress(TypeError):
        return Progress(**_read(models / _PROGRESS))
    return None


def write_frame_age(models: Path, age_s: float | None, now: Moment | None = None) -> None:
    """Tell a recalibration how old frames are, seconds; None: no camera is live."""
    now = now or this_moment()
    _write(models / _FRAME_AGE, {"boot": now.boot, "at_s": now.at_s, "age_s": age_s})


def read_frame_age(models: Path, now: Moment | None = None) -> float | None:
    """How old the running service's frames are, seconds; None: none runs, or no camera is live."""
    now, note = now or this_moment(), _read(models / _FRAME_AGE)
    with suppress(KeyError, TypeError, ValueError):
        if note["boot"] == now.boot and 0 <= now.at_s - float(note["at_s"]) <= STALE_S:
            return None if note["age_s"] is None else float(note["age_s"])
    return None


def _write(path: Path, content: dict[str, Any]) -> None:
    fresh = path.with_name(f"{path.name}.new")
    with suppress(OSError):
        fresh.write_text(json.dumps(content), encoding="utf-8")
        fresh.replace(path)


def _read(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            return content
    return {}
