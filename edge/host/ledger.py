"""What people did and what became of the line: acts, changes, rules, hours; beyond power cuts."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from edge.core.errors import UnavailableError
from edge.core.hour import Hour
from edge.host.database import Database, Statement

KEPT_ACTS = 5000
KEPT_CHANGES = 2000
KEPT_VERSIONS = 100
"""Of the rules of one camera."""
KEPT_HOURS = 24 * 35
_VERSION = 1
_TABLES = (
    "CREATE TABLE IF NOT EXISTS history (id TEXT, at REAL, what TEXT, who TEXT, why TEXT)",
    "CREATE TABLE IF NOT EXISTS rules (camera TEXT, version INTEGER, rules TEXT, at REAL, who TEXT,"
    " why TEXT, PRIMARY KEY (camera, version))",
    "CREATE TABLE IF NOT EXISTS hours (hour INTEGER, camera TEXT, frames INTEGER, dropped INTEGER,"
    " ok INTEGER, ng INTEGER, unknown INTEGER, blind_s REAL, PRIMARY KEY (hour, camera))",
    "CREATE TABLE IF NOT EXISTS found (hour INTEGER, camera TEXT, label TEXT, count INTEGER,"
    " PRIMARY KEY (hour, camera, label))",
)
_IS_ACT = "who IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that changed.

    Attributes:
        at: seconds since 1970 in UTC, as the machine's clock had it; for people.
        what: happened, or was done.
        who: did it; None: nobody, it happened.
        why: they did it.
    """

    at: float
    what: str
    who: str | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class RulesVersion:
    """The rules of one camera as somebody set them.

    Attributes:
        camera: they are for.
        version: counts the camera's, from 1.
        rules: JSON of :class:`edge.core.line.LineRules`.
        at: seconds since 1970 in UTC.
        who: set them.
        why: they did.
    """

    camera: str
    version: int
    rules: str
    at: float
    who: str
    why: str


class Ledger:
    """The book of the line, for threads and processes; writes wait for the disk.

    What people do is on the disk before it is done, or it is refused. The rest is kept in memory
    while the disk does not take it, see :class:`edge.host.database.Database`.
    """

    def __init__(self, path: Path, *, wall: Callable[[], float] = time.time) -> None:
        """Open or make the file; ``wall`` gives seconds since 1970 in UTC."""
        self._wall = wall
        self._database = Database(path, _TABLES, _VERSION)

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        self._database.close()

    def act(self, what: str, who: str, why: str) -> None:
        """Somebody is about to do this.

        Raises:
            UnavailableError: it could not be written down, and must not be done.
        """
        self._durably(*self._written(what, who, why))

    def note(self, *whats: str) -> None:
        """These have happened, in this order."""
        statements = [each for what in whats for each in self._written(what, None, None)[0]]
        if statements:
            self._database.write(*statements)

    def history(self, limit: int) -> list[Happening]:
        """What changed, newest first; what people did is kept longer."""
        query = f"SELECT at, what, who, why FROM history ORDER BY rowid DESC LIMIT {limit:d}"
        return [Happening(*row) for row in self._database.read(query)]

    def rules(self) -> dict[str, RulesVersion]:
        """The newest of each camera that ever had any."""
        rows = self._database.read("SELECT * FROM rules ORDER BY version")
        return {row[0]: RulesVersion(*row) for row in rows}

    def versions(self, camera: str) -> list[RulesVersion]:
        """All that are kept of one camera, newest first."""
        query = "SELECT * FROM rules WHERE camera = ? ORDER BY version DESC"
        return [RulesVersion(*row) for row in self._database.read(query, camera)]

    def set_rules(self, version: RulesVersion) -> None:
        """Another version of a camera's rules; the history tells it as well.

        Raises:
            UnavailableError: it could not be written down, and must not be used.
        """
        do, undo = self._written(
            f"rules of {version.camera}, version {version.version}", version.who, version.why
        )
        place = (version.camera, version.version)
        row = (*place, version.rules, version.at, version.who, version.why)
        old = f"DELETE FROM rules WHERE camera = ? AND version <= ? - {KEPT_VERSIONS:d}"
        self._durably(
            [*do, ("INSERT INTO rules VALUES (?, ?, ?, ?, ?, ?)", row), (old, place)],
            [*undo, ("DELETE FROM rules WHERE camera = ? AND version = ?", place)],
        )

    def count(self, hours: Iterable[Hour]) -> None:
        """Add these figures to what is there of the same hours."""
        statements: list[Statement] = []
        for one in hours:
            figures = (one.frames, one.dropped, one.ok, one.ng, one.unknown, one.blind_s)
            statements.append((_ADD_HOUR, (one.hour, one.camera, *figures)))
            statements += [
                (_ADD_FOUND, (one.hour, one.camera, label, count))
                for label, count in one.detections.items()
            ]
            forgotten = one.hour - KEPT_HOURS * 3600
            statements.append(("DELETE FROM hours WHERE hour < ?", (forgotten,)))
            statements.append(("DELETE FROM found WHERE hour < ?", (forgotten,)))
        if statements:
            self._database.write(*statements)

    def hours(self, since: int) -> list[Hour]:
        """All that began at ``since`` (seconds since 1970) or later, oldest first."""
        found: dict[tuple[int, str], dict[str, int]] = {}
        for hour, camera, label, count in self._database.read(
            f"SELECT * FROM found WHERE hour >= {since:d} ORDER BY label"
        ):
            found.setdefault((hour, camera), {})[label] = count
        rows = self._database.read(
            f"SELECT * FROM hours WHERE hour >= {since:d} ORDER BY hour, camera"
        )
        named = (dict(zip(_FIGURES, row, strict=True)) for row in rows)
        return [
            Hour(**row, detections=found.get((row["hour"], row["camera"]), {})) for row in named
        ]

    def _written(
        self, what: str, who: str | None, why: str | None
    ) -> tuple[list[Statement], list[Statement]]:
        """Statements that add to the history, and those that take it back."""
        mark = secrets.token_hex(8)
        row = (mark, self._wall(), what, who, why)
        do = [("INSERT INTO history VALUES (?, ?, ?, ?, ?)", row), _newest_only(who)]
        return do, [("DELETE FROM history WHERE id = ?", (mark,))]

    def _durably(self, do: list[Statement], undo: list[Statement]) -> None:
        self._database.write(*do)
        if self._database.failing:
            self._database.write(*undo)
            raise UnavailableError(
                "this cannot be written down, so it is not done: the disk does not take it. Free "
                "some space, or check the disk and who may write there"
            )


_FIGURES = ("hour", "camera", "frames", "dropped", "ok", "ng", "unknown", "blind_s")
_ADD_HOUR = (
    "INSERT INTO hours VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (hour, camera) DO UPDATE SET "
    + ", ".join(f"{name} = {name} + excluded.{name}" for name in _FIGURES[2:])
)
_ADD_FOUND = (
    "INSERT INTO found VALUES (?, ?, ?, ?) ON CONFLICT (hour, camera, label) "
    "DO UPDATE SET count = count + excluded.count"
)


def _newest_only(who: str | None) -> Statement:
    kind, keep = (f"NOT ({_IS_ACT})", KEPT_CHANGES) if who is None else (_IS_ACT, KEPT_ACTS)
    newest = f"SELECT rowid FROM history WHERE {kind} ORDER BY rowid DESC LIMIT ?"
    return f"DELETE FROM history WHERE {kind} AND rowid NOT IN ({newest})", (keep,)
