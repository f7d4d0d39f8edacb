"""Files that survive a power cut: what was reported as written is there, whole, afterwards."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge.core.errors import ConfigError, InputMissingError, UnavailableError

_CHUNK = 1 << 20
_KEY_BYTES = 32  # as long as SHA-256's digest: RFC 2104, section 3


def copy_file(source: Path, target: Path) -> tuple[str, int]:
    """Copy and wait for the disk; the SHA-256, hexadecimal, and size of what was written."""
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as reader, target.open("xb") as writer:
        while chunk := reader.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    return digest.hexdigest(), size


def write_file(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """A new file with this content, on the disk when this returns."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def point(link: Path, target: str) -> None:
    """Make a symbolic link, or move it in one step; nobody ever sees it missing."""
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)  # of a process that was killed here
    fresh.symlink_to(target)
    fresh.replace(link)
    sync_folder(link.parent)


def sha256_of(path: Path) -> tuple[str, int]:
    """SHA-256, hexadecimal, and size of a regular file; links are not followed."""
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


@contextmanager
def removed_on_failure(folder: Path) -> Iterator[None]:
    """Whatever goes wrong inside, the folder is gone afterwards; a full disk is named.

    Raises:
        UnavailableError: the disk is full, or cannot be written to.
    """
    try:
        yield
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise _explained(error, folder.parent) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def read_key(path: Path) -> bytes:
    """This device's key, 32 bytes.

    Raises:
        InputMissingError: there is none, or it cannot be read.
        ConfigError: it is not one, or not secret.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            key = file.read(_KEY_BYTES + 1)
    except FileNotFoundError as error:
        raise InputMissingError(
            f"{path}: no device key. It is made by the first build on this machine: edge build"
        ) from error
    except OSError as error:
        raise InputMissingError(
            f"{path}: the device key cannot be read ({error.strerror}). Run this as the user that "
            "runs the service"
        ) from error
    if not stat.S_ISREG(mode) or len(key) != _KEY_BYTES:
        raise ConfigError(
            f"{path}: not a device key (a file of {_KEY_BYTES} bytes). Remove it, and build again: "
            "edge build"
        )
    if mode & 0o077:
        raise ConfigError(
            f"{path}: others may read the device key (mode {mode & 0o777:o}), so it proves "
            f"nothing. Remove it, and build again: edge build"
        )
    return key


def device_key(path: Path) -> bytes:
    """This device's key, made at first use; of two processes that make it, one wins.

    Raises:
        ConfigError: there is a file, but it is no key, or not secret.
        UnavailableError: it cannot be written.
    """
    if path.exists():
        return read_key(path)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(fresh, secrets.token_bytes(_KEY_BYTES), mode=0o600)
        with suppress(FileExistsError):
            os.link(fresh, path)  # unlike a rename, this never replaces another process's key
        fresh.unlink()
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise _explained(error, path.parent) from error
    return read_key(path)


def _explained(error: OSError, folder: Path) -> UnavailableError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(folder).free
        return UnavailableError(
            f"{folder}: the disk is full ({free / 1e6:.1f} MB free). Nothing was published; "
            "remove old builds or other files, and try again"
        )
    name = error.filename or folder
    return UnavailableError(f"{name}: cannot be written ({error.strerror}). Nothing was published")
