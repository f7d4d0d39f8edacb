"""Who may log in at the live view."""

from __future__ import annotations

import os
from pathlib import Path

from edge.app.keeping import state_folder
from edge.app.parts import SERVICE_STATE
from edge.sinks.web.access.passwords import Passwords, kept_token, new_token
from edge.sinks.web.access.people import Role
from edge.sinks.web.access.users import Users

ROLES = tuple(role.value for role in Role)
"""What somebody may be; each may what those before it may."""


def add_user(name: str, role: str, password: str, state: Path | None = None) -> Path:
    """Let somebody log in; a running service knows them at once.

    Args:
        name: letters of any script, digits, space, ``_ . @ -``.
        role: one of :data:`ROLES`.
        password: at least ten characters.
        state: folder of the service's state; None: of the installed service, else the user's own.

    Returns:
        The file they are in.

    Raises:
        DataError: name or password cannot be taken.
        UnavailableError: the file cannot be written.
    """
    users = _users(state)
    users.add(name, Role(role), Passwords().hash(password))
    return users.path


def add_program(name: str, role: str, state: Path | None = None) -> str:
    """Let a program in, such as a metrics collector.

    Returns:
        Its token, for the header ``Authorization: Bearer``. It is kept nowhere.

    Raises:
        DataError: the name cannot be taken.
        UnavailableError: the file cannot be written.
    """
    token = new_token()
    _users(state).add(name, Role(role), kept_token(token))
    return token


def change_password(name: str, password: str, state: Path | None = None) -> None:
    """Another password; whoever is logged in by the old one is logged out.

    Raises:
        DataError: the password cannot be taken.
        InputMissingError: there is no such user.
        UnavailableError: the file cannot be written.
    """
    _users(state).replace_password(name, Passwords().hash(password))


def remove_user(name: str, state: Path | None = None) -> None:
    """Let them in no more; they are logged out.

    Raises:
        InputMissingError: there is no such user.
        UnavailableError: the file cannot be written.
    """
    _users(state).remove(name)


def users(state: Path | None = None) -> list[dict[str, str]]:
    """``name``, ``role`` and ``login`` (``password`` or ``token``) of everybody, by name."""
    return [
        {"name": user.name, "role": user.role.value, "login": user.login}
        for user in _users(state).all()
    ]


def _users(state: Path | None) -> Users:
    return Users(state or _folder())


def _folder() -> Path:
    by_hand = "STATE_DIRECTORY" not in os.environ
    return SERVICE_STATE if by_hand and os.access(SERVICE_STATE, os.W_OK) else state_folder()
