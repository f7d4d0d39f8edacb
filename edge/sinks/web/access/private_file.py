"""A small file that only the service's user may read, whole after every power cut."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge.core.errors import ConfigError, UnavailableError

MAX_BYTES = 1 << 20


class PrivateFile:
    """Content that is replaced in one step, readable by its owner only.

    Attributes:
        path: of the file; its folder is made when missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def stamp(self) -> tuple[int, ...] | None:
        """Changes whenever the content does; None: there is no file.

        Raises:
            ConfigError: it cannot be looked at.
        """
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"{self.path}: cannot be read: {error.strerror}") from error
        return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode

    def read(self) -> bytes | None:
        """The content; None: there is no file.

        Raises:
            ConfigError: it cannot be read, is far too long, or others may read it.
        """
        try:
            with self.path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                content = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(
                f"{self.path}: cannot be read: {error.strerror}. Run this as the user that runs "
                "the service"
            ) from error
        if mode & 0o077:
            raise ConfigError(
                f"{self.path}: others may read it (mode {mode & 0o777:o}). If nobody did: "
                f"chmod 600 {self.path}"
            )
        if len(content) > MAX_BYTES:
            raise ConfigError(f"{self.path}: is longer than {MAX_BYTES} bytes")
        return content

    def replace(self, content: bytes) -> None:
        """Write this instead, on the disk when this returns; what root writes is the folder's.

        Raises:
            UnavailableError: it cannot be written; the old content is as it was.
        """
        fresh = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(fresh, content)
            fresh.replace(self.path)
            _sync(self.path.parent)
        except OSError as error:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise UnavailableError(
                f"{self.path}: cannot be written: {error.strerror}. Free some space, or run this "
                "as the user that runs the service"
            ) from error

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else reads, changes and writes it meanwhile, other processes included.

        Raises:
            UnavailableError: the folder cannot be written to.
        """
        lock = self.path.with_name(f".{self.path.name}.lock")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UnavailableError(
                f"{lock}: cannot be opened: {error.strerror}. Run this as the user that runs the "
                "service"
            ) from error
        try:
            _give_to_owner_of_folder(descriptor, lock)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        _give_to_owner_of_folder(descriptor, path)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _give_to_owner_of_folder(descriptor: int, path: Path) -> None:
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
