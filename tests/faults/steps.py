"""A process that is struck at any point of a step in a bundle's life: how it plays and dies.

``python -m tests.faults.steps FOLDER STEP FAULT`` reads numbers. For each it forks a child that
prepares the step, takes it, and is struck at the point of this number: a point is before each call
that changes the disk and before each SQL statement, so also behind the one before. The child writes
``ack ...`` for everything that was acknowledged to it; then the parent writes how it ended:
``survived`` means that the step has fewer points.
"""

from __future__ import annotations

import functools
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_PATCHED = ("fsync", "rename", "replace", "symlink", "link", "mkdir")
_calls = _fatal = 0
_strikes: list[Callable[[], None]] = []


def _point() -> None:
    global _calls
    _calls += 1
    if _calls == _fatal:
        _strikes[0]()


def _stepwise(real: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        _point()
        return real(*arguments, **options)

    return functools.partial(call)  # no method of a class that keeps it


for _name in _PATCHED:  # only then pathlib: before Python 3.11 it keeps the functions that it finds
    setattr(os, _name, _stepwise(getattr(os, _name)))


class _Connection(sqlite3.Connection):
    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        _point()
        return super().execute(*arguments)


sqlite3.connect = functools.partial(sqlite3.connect, factory=_Connection)  # type: ignore[assignment]

from pathlib import Path  # noqa: E402

from edge.app.memory import StoredMemory  # noqa: E402
from edge.core.errors import EdgeError  # noqa: E402
from edge.engine import publish  # noqa: E402
from edge.engine.bundle import write_bundle  # noqa: E402
from tests.engine.bundles import fields, files  # noqa: E402
from tests.host.disks import Disk  # noqa: E402
from tests.test_keeper import WRONG, Line, proven  # noqa: E402


class Acknowledging(StoredMemory):
    """Says what was acknowledged, to who waits at the other end of standard output."""

    def reject(self, bundle: str, reason: str) -> None:
        super().reject(bundle, reason)
        say("ack", "rejected", bundle)

    def confirm(self, bundle: str) -> None:
        super().confirm(bundle)
        say("ack", "confirmed", bundle)

    def record(self, kind: str, text: str) -> None:
        super().record(kind, text)
        say("ack", "history", kind.replace(" ", "-"))


def say(*words: str) -> None:
    os.write(1, (" ".join(words) + "\n").encode())


def building(line: Line) -> Callable[[], object]:
    sources = files(line.folder)
    return lambda: write_bundle(line.models, sources, fields(), key=line.folder / "key")


def publishing(line: Line) -> Callable[[], object]:
    bundle = write_bundle(line.models, files(line.folder), fields(), key=line.folder / "key")
    return lambda: publish.publish(line.models, bundle)


def swapping(line: Line) -> Callable[[], object]:
    line.publish()
    return lambda: line.inspect(1)


def confirming(line: Line) -> Callable[[], object]:
    line.publish()
    line.inspect(1)
    return lambda: line.inspect(30)


def rolling_back(line: Line) -> Callable[[], object]:
    line.publish(WRONG)
    line.inspect(1)
    return lambda: line.inspect(30)


STEPS = {
    "build": building,
    "publish": publishing,
    "swap": swapping,
    "confirm": confirming,
    "rollback": rolling_back,
}


def play(folder: Path, step: str, fault: str, number: int) -> None:
    """Prepare and take a step, and be struck at one of its points."""
    global _calls, _fatal
    line = Line(folder)
    line.memory = Acknowledging(line.store)
    proven(line)
    take = STEPS[step](line)
    filler = folder / "filler"
    strikes = {
        "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "power cut": lambda: _cut_power(folder),
        "full disk": lambda: _fill(filler),
    }
    _strikes.append(strikes[fault])
    _calls, _fatal = 0, number
    with suppress(EdgeError):  # of a full disk, which is said
        take()
    struck, _fatal = _calls >= number, 0
    filler.unlink(missing_ok=True)
    line.store.record("there is room again", "")
    assert not line.store.failing
    line.store.close()
    say("struck" if struck else "survived")


def _cut_power(folder: Path) -> None:
    Disk(folder, Path()).cut_power()
    os.kill(os.getpid(), signal.SIGKILL)


def _fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while True:
                    file.write(b"\0" * size)


def main() -> None:
    folder, step, fault = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    for text in sys.stdin:
        if (child := os.fork()) == 0:
            play(folder, step, fault, int(text))
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        say("ended", str(code))


if __name__ == "__main__":
    main()
