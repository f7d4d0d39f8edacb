"""The rows of the recorded frames, in one SQLite file; a picture without a row does not exist.

As in the service's durable state: a rollback journal, since a write-ahead log can end the process
on a full disk, and ``synchronous=FULL``. Reads are short pages, so that no reader keeps the writer
waiting.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from edge.core.errors import UnavailableError
from edge.core.types import Verdict
from edge.sinks.record.entry import Entry, Wanted

_log = logging.getLogger(__name__)

_VERSION = 1
_SCHEMA = f"""
CREATE TABLE entries (id INTEGER PRIMARY KEY AUTOINCREMENT, camera TEXT, frame INTEGER, at REAL,
  age_ms REAL, verdict TEXT, width INTEGER, height INTEGER, boxes TEXT, size INTEGER,
  thumbnail BLOB);
CREATE TABLE boxes (entry INTEGER REFERENCES entries (id) ON DELETE CASCADE, label TEXT,
  score REAL);
CREATE INDEX boxes_by_entry ON boxes (entry);
CREATE INDEX boxes_by_label ON boxes (label, score);
PRAGMA user_version = {_VERSION};
"""
_COLUMNS = "id, camera, frame, at, age_ms, verdict, width, height, boxes, size"
_MOST_ID = (1 << 63) - 1


class Index:
    """Rows for any thread. A damaged file is moved aside as ``NAME.bad`` and begun anew."""

    def __init__(self, path: Path) -> None:
        """Name the file; it is opened when it is first needed, and again after a failure."""
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    def close(self) -> None:
        """Let go of the file; nothing can be asked any more. Safe to call twice."""
        with self._lock:
            self._closed = True
            self._disconnect()

    def add(self, entry: Entry, thumbnail: bytes) -> None:
        """A row, on the disk when this returns; raises ``UnavailableError``."""
        row = (
            *(entry.id, entry.camera, entry.frame, entry.at, entry.age_ms),
            *(entry.verdict and entry.verdict.value, entry.width, entry.height),
            *(json.dumps(entry.boxes, ensure_ascii=False), entry.size, thumbnail),
        )
        with self._connected() as database, database:
            database.execute(f"INSERT INTO entries VALUES ({','.join('?' * len(row))})", row)
            database.executemany(
                "INSERT INTO boxes VALUES (?, ?, ?)",
                [(entry.id, box["label"], box["score"]) for box in entry.boxes],
            )

    def remove(self, ids: list[int]) -> None:
        """These rows are gone; raises ``UnavailableError``."""
        with self._connected() as database, database:
            database.executemany("DELETE FROM entries WHERE id = ?", [(each,) for each in ids])

    def sizes(self) -> dict[int, int]:
        """Bytes by id, oldest first; raises ``UnavailableError``."""
        with self._connected() as database:
            return dict(database.execute("SELECT id, size FROM entries ORDER BY id").fetchall())

    def last_id(self) -> int:
        """The highest that was ever given; 0: none. Raises ``UnavailableError``."""
        with self._connected() as database:
            found = database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'entries'")
            return next((int(last) for (last,) in found), 0)

    def page(self, wanted: Wanted, before: int | None, limit: int) -> list[Entry]:
        """The newest that are wanted and older than ``before``; raises ``UnavailableError``."""
        condition, values = wanted.condition()
        query = f"SELECT {_COLUMNS} FROM entries WHERE {condition} AND id < ?"
        asked = [*values, min(before or _MOST_ID, _MOST_ID), limit]
        with self._connected() as database:
            rows = database.execute(f"{query} ORDER BY id DESC LIMIT ?", asked).fetchall()
        return [_entry(row) for row in rows]

    def entry(self, wanted: int) -> Entry | None:
        """One of them, if it is there; raises ``UnavailableError``."""
        with self._connected() as database:
            query = f"SELECT {_COLUMNS} FROM entries WHERE id = ?"
            row = database.execute(query, (min(wanted, _MOST_ID),)).fetchone()
        return _entry(row) if row else None

    def thumbnail(self, wanted: int) -> bytes | None:
        """Its small JPEG, if it is there; raises ``UnavailableError``."""
        with self._connected() as database:
            query = "SELECT thumbnail FROM entries WHERE id = ?"
            row = database.execute(query, (min(wanted, _MOST_ID),)).fetchone()
        return row[0] if row else None

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._closed:
                    raise sqlite3.OperationalError("it is closed")
                if self._connection is None:
                    self._connection = self._opened()
                yield self._connection
            except (sqlite3.Error, OSError) as error:
                self._disconnect()  # a connection may not survive an I/O error
                raise UnavailableError(f"{self._path}: cannot be used: {error}") from error

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        try:
            return _checked(self._path)
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:  # the disk's fault, not the file's
                raise
            _log.warning("%s: damaged (%s); moved aside and begun anew", self._path, error)
            for suffix in ("-journal", ""):
                with suppress(FileNotFoundError):
                    Path(f"{self._path}{suffix}").replace(f"{self._path}.bad{suffix}")
            return _checked(self._path)

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def _checked(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=5.0, check_same_thread=False)
    try:
        for setting in ("journal_mode = TRUNCATE", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {setting}")
        if _version_of(connection) == 0:
            connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection


def _version_of(connection: sqlite3.Connection) -> int:
    """Of the tables, 0 where there are none yet; raises for damage and unknown versions."""
    (damage,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if damage != "ok":
        raise sqlite3.DatabaseError(damage)
    if version not in (0, _VERSION):
        raise sqlite3.DatabaseError(f"tables of version {version}, this Edge knows {_VERSION}")
    return int(version)


def _entry(row: tuple[Any, ...]) -> Entry:
    number, camera, frame, at, age_ms, verdict, width, height, boxes, size = row
    judged = Verdict(verdict) if verdict else None
    found = tuple(json.loads(boxes))
    return Entry(number, camera, frame, at, age_ms, judged, width, height, found, size)
