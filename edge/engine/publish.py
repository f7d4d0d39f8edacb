"""Which bundle is in use: two links, each moved in one step, and one builder at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge.core.errors import EdgeError, InputMissingError, UnavailableError
from edge.engine.durable import point
from edge.engine.manifest import MANIFEST

BUILDS = "builds"
CURRENT = "current"
PREVIOUS = "previous"
_LOCK = ".lock"
RECALIBRATION = ".recalibration"
"""The lock of a recalibration, from its first image to its end."""


class BusyError(EdgeError):
    """Somebody else is at it; the same command works later (75)."""

    exit_code = 75


@dataclass(frozen=True, slots=True)
class Listed:
    """One bundle below ``builds``; whether it is whole is told by ``verify``."""

    path: Path
    current: bool
    previous: bool


def publish(out: Path, bundle: Path) -> str | None:
    """Make a bundle of ``out`` the one in use.

    Returns:
        Name of the bundle that was in use before; None if there was none.

    Raises:
        InputMissingError: it is no bundle of this folder.
        BusyError: another build is publishing.
        UnavailableError: the links cannot be written.
    """
    path = bundle.resolve()
    if path.parent != (out / BUILDS).resolve() or not (path / MANIFEST).is_file():
        raise InputMissingError(f"{bundle}: no bundle of {out}. List them: edge models")
    with exclusive(out):
        before = _named(out, CURRENT)
        if before == path.name:
            return _named(out, PREVIOUS)
        # Cut short in between, both links name one bundle: the one before, which was good enough
        # so far; going back, the one it goes back to, which no link would name otherwise.
        moves = [(PREVIOUS, before), (CURRENT, path.name)]
        if path.name == _named(out, PREVIOUS):
            moves.reverse()
        for link, name in moves:
            if name is not None:
                _point(out, link, name)
        return before


def rollback(out: Path) -> tuple[str, str]:
    """Go back to the bundle that was in use before; once more goes forward again.

    Returns:
        Names of the bundle that was left and of the one now in use.

    Raises:
        InputMissingError: there is nothing to go back to.
        BusyError: another build is publishing.
    """
    with exclusive(out):
        now, before = _named(out, CURRENT), _named(out, PREVIOUS)
        if now is None or before is None or before == now:
            raise InputMissingError(
                f"{out}: there is no earlier bundle to go back to. List them: edge models"
            )
        _point(out, CURRENT, before)
        _point(out, PREVIOUS, now)
        return now, before


def list_bundles(out: Path) -> tuple[Listed, ...]:
    """Every bundle below ``out``, newest first; unfinished ones are none."""
    now, before = _named(out, CURRENT), _named(out, PREVIOUS)
    names = (path.parent.name for path in (out / BUILDS).glob(f"[!.]*/{MANIFEST}"))
    return tuple(
        Listed(out / BUILDS / name, name == now, name == before)
        for name in sorted(names, reverse=True)
    )


@contextmanager
def exclusive(out: Path, lock: str = _LOCK, what: str = "build is publishing") -> Iterator[None]:
    """Hold a lock of a folder of builds; the kernel lets go of it when the process dies.

    Args:
        out: folder of all builds.
        lock: name of the lock's file.
        what: another one of what is at it, for the message.

    Raises:
        BusyError: another process, or thread, holds it.
        UnavailableError: the folder cannot be written to.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        handle = os.open(out / lock, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise UnavailableError(f"{out}: cannot be written to ({error.strerror})") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(
                f"{out}: another {what}. Wait until it is done, and try again"
            ) from error
        yield
    finally:
        os.close(handle)


def in_use(out: Path) -> str | None:
    """Name of the bundle in use; None if there is none."""
    return _named(out, CURRENT)


def before(out: Path) -> str | None:
    """Name of the bundle that was in use before; None if there is none."""
    return _named(out, PREVIOUS)


def recalibrating(out: Path) -> bool:
    """Whether a recalibration is going on."""
    try:
        with exclusive(out, RECALIBRATION):
            return False
    except BusyError:
        return True
    except UnavailableError:  # nothing can be built on a disk that cannot be written to
        return False


def _named(out: Path, link: str) -> str | None:
    """Name of the bundle a link points to; None if it points to none."""
    path = out / link
    return path.resolve().name if path.is_symlink() and (path / MANIFEST).is_file() else None


def _point(out: Path, link: str, name: str) -> None:
    try:
        point(out / link, f"{BUILDS}/{name}")
    except OSError as error:
        raise UnavailableError(
            f"{out / link}: cannot be moved to {name} ({error.strerror}). "
            f"In use: {_named(out, CURRENT) or 'none'}"
        ) from error
