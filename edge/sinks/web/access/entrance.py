"""Who comes in: by login, by session, by a program's token, or because nobody has to log in."""

from __future__ import annotations

import logging
import math
from http.cookies import CookieError, SimpleCookie
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

from edge.core.clock import Clock
from edge.sinks.web.access.attempts import Attempts
from edge.sinks.web.access.passwords import BusyError, Passwords
from edge.sinks.web.access.people import Person
from edge.sinks.web.access.sessions import Sessions
from edge.sinks.web.access.users import User, Users
from edge.sinks.web.endpoint import RefusedError

_log = logging.getLogger(__name__)
_BUSY_S = 2


class Entrance:
    """Knows everybody. As soon as there is one user, everybody logs in, from loopback too.

    Attributes:
        passwords: makes and checks them.
    """

    def __init__(
        self,
        somebody: Person | None,
        folder: Path | None,
        clock: Clock,
        passwords: Passwords | None = None,
    ) -> None:
        """Prepare.

        Args:
            somebody: who everybody is while there are no users; None: nobody comes in.
            folder: of the state, with users and sessions; None: there are no users.
            clock: for sessions and for waiting after wrong passwords.
            passwords: makes and checks them.
        """
        self.passwords = passwords or Passwords()
        self._somebody = somebody
        self._users = None if folder is None else Users(folder)
        self._sessions = None if folder is None else Sessions(folder, clock)
        self._attempts = Attempts(clock)

    @property
    def has_users(self) -> bool:
        """Whether there is anybody who could log in, and so has to.

        Raises:
            ConfigError: the list of users cannot be used.
        """
        return bool(self._users and self._users.all())

    def identify(self, scope: Scope) -> Person | None:
        """Who sent this; None: nobody known.

        A program's token stands in the header ``Authorization: Bearer``, a browser's in a cookie
        that no script can read; none is ever looked for in an address, which ends up in logs.

        Raises:
            ConfigError: the list of users cannot be used, so nobody comes in.
        """
        if self._users is None or not self._users.all():
            return self._somebody
        headers = Headers(scope=scope)
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            user = self._users.of_token(token.strip())
        else:
            user = self._of_cookie(_cookie(scope, headers))
        return None if user is None else user.person

    def log_in(self, name: str, password: str, address: str) -> tuple[str, Person]:
        """A session for who knows the password; takes a while, whatever is wrong.

        Args:
            name: of a user, as typed.
            password: as typed.
            address: of who asks.

        Returns:
            The session's token, and who it is.

        Raises:
            RefusedError: 401 for a wrong name or password, which are not told apart; 429 with
                ``Retry-After`` after too many of them.
            ConfigError: the list of users cannot be used.
        """
        if self._users is None or self._sessions is None or not self.has_users:
            raise RefusedError(401, "There are no users.", "On the device: edge users add NAME")
        if (wait_s := self._attempts.begin(name, address)) > 0:
            raise _wait("Too many wrong passwords.", wait_s)
        user = self._users.find(name)
        try:
            right = self.passwords.verify(user.kept if user else None, password)
        except BusyError:
            raise _wait("Too many people are logging in.", _BUSY_S) from None
        if user is None or not right:
            if user is not None:  # an unknown name may be a password in the wrong field
                _log.info("a wrong password for %s, from %s", user.name, address)
            raise RefusedError(401, "The name or the password is wrong.", "Try again.")
        self._attempts.succeeded(name, address)
        _log.info("%s (%s) logged in from %s", user.name, user.role.value, address)
        return self._sessions.begin(user.name, user.stamp), user.person

    def log_out(self, scope: Scope) -> None:
        """End the session that this came with."""
        token = _cookie(scope, Headers(scope=scope))
        if token is not None and self._sessions is not None:
            self._sessions.end(token)

    def _of_cookie(self, token: str | None) -> User | None:
        if token is None or self._users is None or self._sessions is None:
            return None
        session = self._sessions.find(token)
        user = None if session is None else self._users.find(session.user)
        if session is None or user is None or user.stamp != session.stamp:
            return None
        return None if self._sessions.is_over(session, user.role) else user


def hand_out(response: Response, scope: Scope, token: str, longest_s: float) -> None:
    """Have a browser keep the session's token where no script and no other site gets at it."""
    response.set_cookie(
        _cookie_name(scope),
        token,
        max_age=round(longest_s),
        path="/",
        secure=scope["scheme"] == "https",
        httponly=True,
        samesite="strict",
    )


def take_back(response: Response, scope: Scope) -> None:
    """Have a browser forget the session's token."""
    hand_out(response, scope, "", 0)


def _cookie(scope: Scope, headers: Headers) -> str | None:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(_cookie_name(scope))
    except CookieError:
        return None
    return found.value if found and found.value else None


def _cookie_name(scope: Scope) -> str:
    """One for each port: browsers share cookies between the ports of a host.

    ``__Host-`` lets no other host of the domain set it (RFC 6265bis, section 4.1.3).
    """
    name = f"edge-{scope['server'][1]}"
    return f"__Host-{name}" if scope["scheme"] in ("https", "wss") else name


def _wait(what: str, wait_s: float) -> RefusedError:
    seconds = max(1, math.ceil(wait_s))
    return RefusedError(
        429, what, f"Wait {seconds} s, then try again.", headers={"retry-after": str(seconds)}
    )
