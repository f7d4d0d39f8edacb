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
        if before is not None:
            # First, so that a crash in between leaves both links on a bundle that exists.
            _point(out, PREVIOUS, before)
        _point(out, CURRENT, path.name)
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
def exclusive(out: Path) -> Iterator[None]:
    """Hold the lock of a folder of builds; the kernel lets go of it when the process dies.

    Raises:
        BusyError: another process, or thread, holds it.
        UnavailableError: the folder cannot be written to.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = os.open(out / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise UnavailableError(f"{out}: cannot be written to ({error.strerror})") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(
                f"{out}: another build is publishing. Wait until it is done, and try again"
            ) from error
        yield
    finally:
        os.close(lock)


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
