"""What the service remembers across restarts and power cuts: runs, rejected bundles, history."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from edge.host.database import Database, Statement

KEPT_RUNS = 200
KEPT_REJECTIONS = 1000
KEPT_EVENTS = 5000
KEPT_OF_A_KIND = 200
"""So that what happens often, for years, pushes out nothing that happens seldom."""
_VERSION = 1
_TABLES = (
    "CREATE TABLE IF NOT EXISTS runs (id TEXT PRIMARY KEY, boot TEXT, began_s REAL, seen_s REAL,"
    " clean INTEGER, began_utc TEXT)",
    "CREATE TABLE IF NOT EXISTS rejected (bundle TEXT PRIMARY KEY, reason TEXT, utc TEXT)",
    "CREATE TABLE IF NOT EXISTS history (kind TEXT, text TEXT, utc TEXT, boot TEXT, at_s REAL)",
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time that no clock setting moves.

    Attributes:
        boot: id of the boot, another one after every restart of the machine.
        at_s: ``CLOCK_BOOTTIME``, seconds since that boot, suspended time included.
    """

    boot: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Run:
    """One life of the service.

    Attributes:
        boot: id of the boot it ran in.
        began_s: its start, seconds since that boot.
        seen_s: when it was last known to be alive, seconds since that boot.
        clean: it ended as it should; otherwise it crashed, or the power went.
        began_utc: its start by the wall clock, for people only.
    """

    boot: str
    began_s: float
    seen_s: float
    clean: bool
    began_utc: str


@dataclass(frozen=True, slots=True)
class Rejection:
    """A bundle that failed its trial; it is not tried again. ``utc`` is for people only."""

    bundle: str
    reason: str
    utc: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that changed. ``utc`` is for people only; ``boot`` and ``at_s`` put it in order."""

    kind: str
    text: str
    utc: str
    boot: str
    at_s: float


def this_moment(root: Path = Path("/")) -> Moment:
    """Now, on this machine; ``root`` is that of the file system whose ``proc`` is read."""
    try:
        boot = (root / "proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot = "unknown"
    return Moment(boot, time.clock_gettime(time.CLOCK_BOOTTIME))


class StateStore:
    """The state, shared by threads and processes.

    No call raises for what a disk does; every write waits for it and is not for the way of a
    frame. See :class:`edge.host.database.Database`.
    """

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], Moment] = this_moment,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Open or make the file; a damaged one is moved aside as ``NAME.bad-<n>``.

        Args:
            path: the file; its folder is made when missing.
            now: for decisions.
            wall: Unix seconds, for people.
        """
        self.now = now
        self._wall = wall
        self._database = Database(path, _TABLES, _VERSION)

    @property
    def failing(self) -> bool:
        """Whether something waits in memory because the disk refused it."""
        return self._database.failing

    @property
    def failures(self) -> int:
        """Writes and reads that the disk refused since the start."""
        return self._database.failures

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        self._database.close()

    def begin_run(self) -> str:
        """The service started; returns the id of this run."""
        now = self.now()
        run = f"{now.boot}/{now.at_s:.3f}/{os.getpid()}"
        row = (run, now.boot, now.at_s, now.at_s, 0, self._utc())
        insert = "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?)"
        self._database.write((insert, row), _newest_only("runs", KEPT_RUNS))
        return run

    def see_run(self, run: str) -> None:
        """The service is still alive."""
        self._database.write(("UPDATE runs SET seen_s = ? WHERE id = ?", (self.now().at_s, run)))

    def end_run(self, run: str) -> None:
        """The service ended as it should."""
        changed = (self.now().at_s, run)
        self._database.write(("UPDATE runs SET seen_s = ?, clean = 1 WHERE id = ?", changed))

    def forget_runs(self) -> None:
        """Count crashes from nought again."""
        self._database.write(("DELETE FROM runs", ()))

    def runs(self) -> tuple[Run, ...]:
        """The last runs, oldest first; one that is still going on counts as not clean."""
        columns = "boot, began_s, seen_s, clean, began_utc"
        return tuple(
            Run(boot, began_s, seen_s, bool(clean), utc)
            for boot, began_s, seen_s, clean, utc in self._database.read(
                f"SELECT {columns} FROM runs"
            )
        )

    def reject(self, bundle: str, reason: str) -> None:
        """Never try this bundle again."""
        row = (bundle, reason, self._utc())
        insert = "INSERT OR REPLACE INTO rejected VALUES (?, ?, ?)"
        self._database.write((insert, row), _newest_only("rejected", KEPT_REJECTIONS))

    def rejection(self, bundle: str) -> Rejection | None:
        """Why this bundle is not tried again; None: it may be."""
        found = self._database.read("SELECT * FROM rejected WHERE bundle = ?", bundle)
        return Rejection(*found[-1]) if found else None

    def allow(self, bundle: str) -> None:
        """Take a rejection back: an operator wants this bundle tried."""
        self._database.write(("DELETE FROM rejected WHERE bundle = ?", (bundle,)))

    def record(self, kind: str, text: str) -> None:
        """Add to the history."""
        now = self.now()
        row = (kind, text, self._utc(), now.boot, now.at_s)
        insert = "INSERT INTO history VALUES (?, ?, ?, ?, ?)"
        newest = "SELECT rowid FROM history WHERE kind = ? ORDER BY rowid DESC LIMIT ?"
        surplus = (
            f"DELETE FROM history WHERE kind = ? AND rowid NOT IN ({newest})",
            (kind, kind, KEPT_OF_A_KIND),
        )
        self._database.write((insert, row), surplus, _newest_only("history", KEPT_EVENTS))

    def history(self, limit: int = 100) -> tuple[Event, ...]:
        """What changed, newest first."""
        rows = self._database.read("SELECT * FROM history")
        return tuple(Event(*row) for row in reversed(rows[-limit:]))

    def _utc(self) -> str:
        return datetime.fromtimestamp(self._wall(), timezone.utc).isoformat(timespec="seconds")


def _newest_only(table: str, keep: int) -> Statement:
    newest = f"SELECT rowid FROM {table} ORDER BY rowid DESC LIMIT ?"
    return f"DELETE FROM {table} WHERE rowid NOT IN ({newest})", (keep,)
