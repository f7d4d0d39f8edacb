"""A bundle: an engine with all that proves it, in one folder that is written whole or not at all.

``OUT/builds/<utc>-<id>/`` holds the files; ``manifest.json`` is written last and signed. The folder
is made under a temporary name, so that no half bundle ever carries a bundle's name.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import Any

from edge.core.errors import DataError, InputMissingError
from edge.engine.durable import (
    copy_file,
    device_key,
    read_key,
    removed_on_failure,
    sha256_of,
    sync_folder,
    write_file,
)
from edge.engine.machine import this_machine
from edge.engine.manifest import (
    MANIFEST,
    FileEntry,
    Machine,
    Manifest,
    checked,
    read_signed,
    refuse_other_machine,
    signed,
)
from edge.engine.publish import BUILDS, exclusive

UNFINISHED = ".building-"
"""A folder whose name begins so is no bundle, or none any more; the next build removes it."""
_ANY_FILE = FileEntry(sha256="0" * 64, bytes=0)


def write_bundle(
    out: Path, files: Mapping[str, Path], manifest: Mapping[str, Any], *, key: Path
) -> Path:
    """Copy files into a new, signed bundle. It is not published yet.

    Args:
        out: folder of all builds.
        files: where each file of the bundle is now, by its name in the bundle.
        manifest: the fields of :class:`Manifest` as JSON holds them, without ``files`` and
            ``created``.
        key: this device's key; made if there is none.

    Returns:
        The bundle's folder.

    Raises:
        DataError: a name or a field cannot be used.
        BusyError: another build is writing or publishing.
        UnavailableError: the disk is full, or cannot be written to.
    """
    created = datetime.now(timezone.utc)
    fields = {**manifest, "created": created.isoformat(timespec="seconds")}
    checked({**fields, "files": _dumped(dict.fromkeys(files, _ANY_FILE))}, out)
    with exclusive(out):
        builds = out / BUILDS
        builds.mkdir(exist_ok=True)
        _sweep(builds)
        identity = f"{created:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
        fresh = builds / (UNFINISHED + identity)
        with removed_on_failure(fresh):
            fresh.mkdir()
            entries = _copied(files, fresh)
            whole = checked({**fields, "files": _dumped(entries)}, out)
            write_file(fresh / MANIFEST, signed(whole, device_key(key)))
            for folder in {fresh, *(p for p in fresh.rglob("*") if p.is_dir())}:
                sync_folder(folder)
            bundle = fresh.rename(builds / identity)
        sync_folder(builds)
    return bundle


def verify(bundle: Path, *, key: Path, machine: Machine | None = None) -> Manifest:
    """Check a bundle before anything in it is used: signature, then every file, then the machine.

    Args:
        bundle: its folder, or a link to it.
        key: this device's key.
        machine: what to check against; by default this machine.

    Raises:
        InputMissingError: there is no such bundle, or no key.
        DataError: something was changed, is missing, was added, or was built for another machine;
            both values are named.
    """
    folder = bundle.resolve()
    if not (folder / MANIFEST).is_file():
        raise InputMissingError(f"{bundle}: no bundle (it has no {MANIFEST}). Run: edge build")
    manifest = read_signed(folder / MANIFEST, read_key(key))
    _refuse_changed_files(folder, manifest)
    refuse_other_machine(manifest, machine or this_machine(manifest.machine.runtime), bundle)
    return manifest


def verified_file(bundle: Path, manifest: Manifest, name: str) -> bytes:
    """The very bytes that were checked against the manifest.

    Raises:
        DataError: the file was changed since the bundle was verified.
    """
    content = (bundle / name).read_bytes()
    if hashlib.sha256(content).hexdigest() != manifest.files[name].sha256:
        raise DataError(f"{bundle}: {name!r} was changed. Build it again: edge build")
    return content


def _dumped(entries: Mapping[str, FileEntry]) -> dict[str, dict[str, object]]:
    return {name: entry.model_dump() for name, entry in entries.items()}


def _sweep(builds: Path) -> None:
    """Remove what killed builds left; the lock is held, so none of them is alive."""
    for left in builds.glob(UNFINISHED + "*"):
        shutil.rmtree(left, ignore_errors=True)


def _copied(files: Mapping[str, Path], folder: Path) -> dict[str, FileEntry]:
    entries = {}
    for name, source in files.items():
        target = folder / PurePosixPath(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        digest, size = copy_file(source, target)
        entries[name] = FileEntry(sha256=digest, bytes=size)
    return entries


def _refuse_changed_files(folder: Path, manifest: Manifest) -> None:
    found = dict(_files(folder))
    found.pop(MANIFEST, None)
    if odd := sorted(found.keys() ^ manifest.files.keys()):
        what = "is missing" if odd[0] in manifest.files else "is not in the manifest"
        raise DataError(f"{folder}: {odd[0]!r} {what}. Build it again: edge build")
    for name, entry in manifest.files.items():
        digest, size = sha256_of(found[name])
        if (digest, size) != (entry.sha256, entry.bytes):
            raise DataError(
                f"{folder}: {name!r} was changed: SHA-256 {digest[:12]}… of {size} bytes, the "
                f"manifest has {entry.sha256[:12]}… of {entry.bytes}. Build it again: edge build"
            )


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise DataError(f"{folder}: {name!r} is a link or device, not a file of a bundle")
        if path.is_file():
            yield name, path
