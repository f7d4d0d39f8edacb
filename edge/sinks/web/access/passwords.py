"""Passwords and tokens, kept so that reading the file does not reveal them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from edge.core.errors import DataError

SHORTEST, LONGEST = 10, 256
"""Characters of a password; it is judged by its length alone, as NIST SP 800-63B advises."""

# RFC 9106, section 4, second choice (64 MiB, 3 passes), on one lane: a login must not take the
# cores that the line needs. About 0.2 s of one core.
_HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
_TOKEN = "sha256:"
_MOST_WAITING = 2  # threads; more would keep the rooms from theirs


class BusyError(Exception):
    """Too many passwords are being checked at once."""


class Passwords:
    """Makes and checks what is kept instead of a password; one at a time, for its memory."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or _HASHER
        self._nobody = _of_nobody(self._hasher)
        self._turn = threading.Lock()
        self._waiting = threading.BoundedSemaphore(1 + _MOST_WAITING)

    def hash(self, password: str) -> str:
        """What is kept instead of the password: argon2id with its salt.

        Raises:
            DataError: the password is too short or too long.
        """
        if not SHORTEST <= len(password) <= LONGEST:
            raise DataError(
                f"a password of {len(password)} characters; it needs {SHORTEST} to {LONGEST}. "
                "Four words that do not belong together are easy to remember"
            )
        return self._hasher.hash(password)

    def verify(self, kept: str | None, password: str) -> bool:
        """Whether this is the password; as much work when nobody has it (``kept`` is None).

        Raises:
            BusyError: too many are being checked.
        """
        if not self._waiting.acquire(blocking=False):
            raise BusyError
        try:
            with self._turn:
                return self._verify(self._nobody if kept is None else kept, password)
        finally:
            self._waiting.release()

    def _verify(self, kept: str, password: str) -> bool:
        if len(password) > LONGEST or is_kept_token(kept):
            kept, password = self._nobody, ""
        try:
            return self._hasher.verify(kept, password)
        except (Argon2Error, InvalidHashError):
            return False


def _of_nobody(hasher: PasswordHasher) -> str:
    """What no password leads to, and takes as long to find out."""
    salt, found = (
        base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (16, 32)
    )
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${found}"


def new_token() -> str:
    """256 random bits, for a cookie or a header; too many to be guessed or to need a slow hash."""
    return secrets.token_urlsafe(32)


def kept_token(token: str) -> str:
    """What is kept instead of a token."""
    return _TOKEN + hashlib.sha256(token.encode()).hexdigest()


def is_kept_token(kept: str) -> bool:
    """Whether this is kept instead of a token, not of a password."""
    return kept.startswith(_TOKEN)


def is_token(kept: str, token: str) -> bool:
    """Whether ``kept`` is kept instead of this token."""
    return hmac.compare_digest(kept, kept_token(token))
