"""The people who may log in: a file of the state folder that ``edge users`` edits.

The service looks at the file with every request, so what is changed there holds at once.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from edge.core.config import Strict
from edge.core.errors import ConfigError, DataError, InputMissingError
from edge.sinks.web.access.passwords import is_kept_token, is_token
from edge.sinks.web.access.people import Person, Role
from edge.sinks.web.access.private_file import PrivateFile

FILE = "users.json"
UserName = Annotated[str, Field(pattern=r"^\w[\w .@-]{0,62}$")]


class User(Strict):
    """Somebody, or some program, that may log in."""

    name: UserName
    """Letters of any script, digits, space, ``_ . @ -``."""
    role: Annotated[Role, Field(strict=False)]
    """What they may do."""
    kept: str
    """What is kept instead of the password or token."""

    @property
    def person(self) -> Person:
        """Who asks, once they are known."""
        return Person(self.name, self.role)

    @property
    def login(self) -> str:
        """By ``password`` or ``token``."""
        return "token" if is_kept_token(self.kept) else "password"

    @property
    def stamp(self) -> str:
        """Changes with the password; a session that began with another one is over."""
        return hashlib.sha256(self.kept.encode()).hexdigest()[:32]


class _Content(Strict):
    version: Annotated[int, Field(ge=1, le=1)] = 1
    users: tuple[User, ...] = Field(default=(), strict=False)


_CONTENT = TypeAdapter(_Content)
_NAME: TypeAdapter[str] = TypeAdapter(UserName)


class Users:
    """Everybody who may log in; for any thread.

    A file that cannot be read or understood lets nobody in, rather than everybody.
    """

    def __init__(self, folder: Path) -> None:
        """Of this state folder; without a file there is nobody."""
        self._file = PrivateFile(folder / FILE)
        self._lock = threading.Lock()
        self._known: tuple[User, ...] = ()
        self._stamp: tuple[int, ...] | None = None

    @property
    def path(self) -> Path:
        """Where they are kept."""
        return self._file.path

    def all(self) -> tuple[User, ...]:
        """Everybody, by name.

        Raises:
            ConfigError: the file cannot be used; it is named with what to do.
        """
        with self._lock:
            stamp = self._file.stamp()
            if stamp != self._stamp:
                self._known = self._read()
                self._stamp = stamp
            return self._known

    def find(self, name: str) -> User | None:
        """The one of this name."""
        return next((user for user in self.all() if user.name == name), None)

    def of_token(self, token: str) -> User | None:
        """The program that holds this token."""
        return next((user for user in self.all() if is_token(user.kept, token)), None)

    def add(self, name: str, role: Role, kept: str) -> None:
        """A new one.

        Raises:
            DataError: the name is taken, or none.
            UnavailableError: it cannot be written.
        """
        try:
            _NAME.validate_python(name)
        except ValidationError as error:
            raise DataError(
                f"{name!r} is no name for a user: letters, digits, space, _ . @ - (at most 63)"
            ) from error

        def added(users: dict[str, User]) -> None:
            if name in users:
                raise DataError(
                    f"{name}: there is such a user already. For a new password: "
                    f"edge users passwd {name}"
                )
            users[name] = User(name=name, role=role, kept=kept)

        self._change(added)

    def replace_password(self, name: str, kept: str) -> None:
        """Another password; ends the sessions that began with the old one.

        Raises:
            InputMissingError: there is no such user.
            UnavailableError: it cannot be written.
        """

        def replaced(users: dict[str, User]) -> None:
            users[name] = _existing(users, name).model_copy(update={"kept": kept})

        self._change(replaced)

    def remove(self, name: str) -> None:
        """Let them in no more; ends their sessions.

        Raises:
            InputMissingError: there is no such user.
            UnavailableError: it cannot be written.
        """

        def removed(users: dict[str, User]) -> None:
            del users[_existing(users, name).name]

        self._change(removed)

    def _change(self, change: Callable[[dict[str, User]], None]) -> None:
        with self._file.alone():
            users = {user.name: user for user in self._read()}
            change(users)
            content = _Content(users=tuple(users[name] for name in sorted(users)))
            self._file.replace(json.dumps(content.model_dump(mode="json"), indent=1).encode())

    def _read(self) -> tuple[User, ...]:
        content = self._file.read()
        if content is None:
            return ()
        try:
            return _CONTENT.validate_json(content).users
        except ValidationError as error:
            raise ConfigError(
                f"{self.path}: is damaged, so nobody can log in "
                f"({error.error_count()} problems, the first: {error.errors()[0]['msg']}). "
                "Remove it and add everybody again: edge users add"
            ) from error


def _existing(users: dict[str, User], name: str) -> User:
    if name not in users:
        raise InputMissingError(
            f"{name}: there is no such user. There are: {', '.join(users) or 'none'}"
        )
    return users[name]
