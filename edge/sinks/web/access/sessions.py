"""Who is logged in. A browser holds a random token; only its hash is kept here."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from edge.core.clock import Clock
from edge.core.errors import EdgeError
from edge.sinks.web.access.passwords import kept_token, new_token
from edge.sinks.web.access.people import Role
from edge.sinks.web.access.private_file import PrivateFile

_log = logging.getLogger(__name__)

FILE = "sessions.json"
IDLE_S = 12 * 3600.0
"""Nothing asked and nothing watched for this long ends a session, seconds: one shift away."""
LONGEST_S = {Role.VIEWER: 30 * 86_400.0, Role.OPERATOR: 30 * 86_400.0, Role.ENGINEER: 12 * 3600.0}
"""After this long everybody logs in again, seconds: a panel once a month, who changes the line
every shift."""
MOST_OF_A_USER = 50
"""Sessions of one user at a time; the oldest ends first."""


@dataclass(frozen=True, slots=True)
class Session:
    """One login.

    Attributes:
        user: name.
        stamp: of the password it began with.
        began_s: start. On the disk Unix seconds, here monotonic ones.
        seen_s: last use, the same.
    """

    user: str
    stamp: str
    began_s: float
    seen_s: float


_SAVED: TypeAdapter[dict[str, Session]] = TypeAdapter(dict[str, Session])


class Sessions:
    """All logins, for any thread; they survive a restart of the service.

    Ages are measured on the monotonic clock. Only across a restart is the wall clock asked, and
    one that was set back ends every session.
    """

    def __init__(
        self, folder: Path, clock: Clock, *, wall: Callable[[], float] = time.time
    ) -> None:
        """Those of this state folder."""
        self._file = PrivateFile(folder / FILE)
        self._clock = clock
        self._wall = wall
        self._lock = threading.Lock()
        self._saving = threading.Lock()
        self._open = self._load()
        self._failing = False

    def begin(self, user: str, stamp: str) -> str:
        """A new session; returns its token, which is never seen here again. Waits for the disk."""
        token, now = new_token(), self._clock.now()
        with self._lock:
            self._open[kept_token(token)] = Session(user, stamp, now, now)
            mine = [key for key, session in self._open.items() if session.user == user]
            for key in mine[:-MOST_OF_A_USER]:
                del self._open[key]
        self._save()
        return token

    def find(self, token: str) -> Session | None:
        """The session of this token, which is used now; None when there is none or it is over."""
        key, now = kept_token(token), self._clock.now()
        with self._lock:
            session = self._open.get(key)
            if session is None:
                return None
            if now - session.seen_s > IDLE_S:
                del self._open[key]
                return None
            self._open[key] = session = replace(session, seen_s=now)
            return session

    def is_over(self, session: Session, role: Role) -> bool:
        """Whether it has lasted longer than somebody of this role may stay."""
        return self._clock.now() - session.began_s > LONGEST_S[role]

    def end(self, token: str) -> None:
        """Log out. Waits for the disk."""
        with self._lock:
            self._open.pop(kept_token(token), None)
        self._save()

    def _load(self) -> dict[str, Session]:
        """Those of before the restart that may go on; being restarted is not being idle."""
        wall, now = self._wall(), self._clock.now()
        try:
            saved = _SAVED.validate_json(self._file.read() or b"{}")
        except (EdgeError, ValidationError) as error:
            _log.warning("everybody has to log in again: %s", error)
            return {}
        return {
            key: replace(session, began_s=now - (wall - session.began_s), seen_s=now)
            for key, session in saved.items()
            if session.seen_s <= wall and wall - session.began_s <= max(LONGEST_S.values())
        }

    def _save(self) -> None:
        with self._saving:
            wall, now = self._wall(), self._clock.now()
            with self._lock:
                saved = {
                    key: replace(
                        session,
                        began_s=wall - (now - session.began_s),
                        seen_s=wall - (now - session.seen_s),
                    )
                    for key, session in self._open.items()
                    if now - session.seen_s <= IDLE_S
                }
            try:
                self._file.replace(_SAVED.dump_json(saved))
            except EdgeError as error:
                if not self._failing:
                    _log.warning("%s; after a restart everybody has to log in again", error)
                self._failing = True
            else:
                self._failing = False
