"""A small SQLite file that survives power cuts, and a disk that does not.

``synchronous=FULL``: what was saved survives a power cut. The journal is a rollback journal, not a
write-ahead log: the index of such a log is mapped memory, and on a full disk touching it ends the
process by SIGBUS (measured on ext4). What cannot be saved is kept in memory, counted, and saved
with the next write that works.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)

Statement = tuple[str, tuple[Any, ...]]

_KEPT_BAD_FILES = 9
_UNSAVED = 2000  # statements that wait for a disk; about a day of them
_BUSY_S = 5.0  # another process is writing


class _UnusableError(Exception):
    """The file is no database of this version."""


class Database:
    """Tables shared by threads and processes. No call raises for what a disk does.

    A copy in memory answers when the disk cannot. Every write waits for the disk: none belongs on
    the way of a frame.

    Attributes:
        failures: writes and reads that the disk refused since the start.
    """

    def __init__(self, path: Path, tables: Sequence[str], version: int) -> None:
        """Open or make the file; a damaged one is moved aside as ``NAME.bad-<n>``.

        Args:
            path: the file; its folder is made when missing.
            tables: statements that make the tables where they are missing.
            version: of the tables, from 1; a file of another version is moved aside as well.
        """
        self.failures = 0
        self._path = path
        self._schema = [*tables, f"PRAGMA user_version = {version}"]
        self._version = version
        self._lock = threading.Lock()
        self._unsaved: deque[Statement] = deque(maxlen=_UNSAVED)
        self._memory = _connect(":memory:")
        self._disk: sqlite3.Connection | None = None
        self._refused = 0
        self._make_tables(self._memory)
        with self._lock:
            self._save()

    @property
    def failing(self) -> bool:
        """Whether something waits in memory because the disk refused it."""
        return self._refused > 0

    def close(self) -> None:
        """Let go of file and memory; nothing can be asked any more. Safe to call twice."""
        with self._lock:
            self._disconnect()
            self._memory.close()

    def write(self, *statements: Statement) -> None:
        """All of these or, after a power cut, none."""
        with self._lock:
            _transaction(self._memory, statements)
            self._unsaved.extend(statements)
            self._save()

    def read(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        """The rows, those of other processes included while the disk works."""
        with self._lock:
            if self._disk is not None and not self._refused:
                try:
                    return self._disk.execute(query, values).fetchall()
                except sqlite3.Error as error:
                    self._failed(error)
            return self._memory.execute(query, values).fetchall()

    def _save(self) -> None:
        """Bring everything that waits to the disk, all or nothing."""
        try:
            if self._disk is None or self._refused:  # a connection may not survive an I/O error
                self._reconnect()
            self._commit()
        except (sqlite3.Error, OSError, _UnusableError) as error:
            self._failed(error)
        else:
            self._worked()

    def _reconnect(self) -> None:
        self._disconnect()
        self._disk = self._open()
        if self._is_empty(self._disk):  # begun anew: it gets all that is known, not the reverse
            self._memory.backup(self._disk)
            self._unsaved.clear()
        else:
            self._disk.backup(self._memory)
            _transaction(self._memory, self._unsaved)

    def _commit(self) -> None:
        assert self._disk is not None
        try:
            _transaction(self._disk, self._unsaved)
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:  # the disk's fault, not the file's
                raise
            self._disconnect()
            _set_aside(self._path, error)
            self._disk = self._open()
            self._memory.backup(self._disk)

    def _disconnect(self) -> None:
        if self._disk is not None:
            with suppress(sqlite3.Error):
                self._disk.close()
            self._disk = None

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        self._refused += 1
        if self._refused == 1:
            _log.warning(
                "%s: cannot be saved (%s); the line goes on, and what changes is kept in memory. "
                "Free some space, or check the disk and who may write there",
                self._path,
                error,
            )

    def _worked(self) -> None:
        self._unsaved.clear()
        if self._refused:
            _log.warning("%s: saved again, after %d refusals", self._path, self._refused)
            self._refused = 0

    def _open(self) -> sqlite3.Connection:
        """The file, whole and of this version; what is not is moved aside first."""
        try:
            return self._checked()
        except (sqlite3.DatabaseError, _UnusableError) as error:
            if type(error) not in (sqlite3.DatabaseError, _UnusableError):  # the disk's fault
                raise
            _set_aside(self._path, error)
            return self._checked()

    def _checked(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        connection = _connect(str(self._path))
        try:
            connection.execute("PRAGMA journal_mode = TRUNCATE")
            connection.execute("PRAGMA synchronous = FULL")
            if self._version_of(connection) == 0:
                self._make_tables(connection)
                _give_to_owner_of_folder(self._path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _is_empty(self, connection: sqlite3.Connection) -> bool:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        names = [name for (name,) in tables.fetchall() if not name.startswith("sqlite_")]
        rows = (connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone() for name in names)
        return not any(rows)

    def _version_of(self, connection: sqlite3.Connection) -> int:
        """Of the tables, 0 where there are none yet; raises for damage and unknown versions."""
        (damage,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if damage != "ok":
            raise _UnusableError(damage)
        if version not in (0, self._version):
            known = self._version
            raise _UnusableError(f"tables of version {version}, this Edge knows {known}")
        return int(version)

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        _transaction(connection, [(sql, ()) for sql in self._schema])


def _connect(database: str) -> sqlite3.Connection:
    return sqlite3.connect(database, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)


def _transaction(connection: sqlite3.Connection, statements: Iterable[Statement]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for sql, values in statements:
            connection.execute(sql, values)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _give_to_owner_of_folder(path: Path) -> None:
    """What root makes here must stay writable for the service."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        for suffix in ("", "-journal"):
            with suppress(FileNotFoundError):
                os.chown(f"{path}{suffix}", owner.st_uid, owner.st_gid)


def _set_aside(path: Path, why: Exception) -> None:
    """Rename a damaged database for people to look at; its journal goes first.

    Cut short between the two, the damaged file is found again; a journal beside a new file would
    be rolled back into it.
    """
    taken = (n for n in range(1, _KEPT_BAD_FILES) if not _bad(path, n).exists())
    aside = _bad(path, next(taken, _KEPT_BAD_FILES))
    for suffix in ("-journal", ""):
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").replace(f"{aside}{suffix}")
    _log.warning("%s: damaged (%s); kept as %s, and begun anew", path, why, aside.name)


def _bad(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.bad-{number}")
