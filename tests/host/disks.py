"""A real disk of a test's own, whose power can be cut: ext4 on a loop device. Root only."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

_SHUTDOWN = (2 << 30) | (4 << 16) | (ord("X") << 8) | 125  # EXT4_IOC_SHUTDOWN, linux/ext4.h
_NO_LOG_FLUSH = 2  # what the journal has not committed is lost, as it is without power


class Disk:
    """A mounted file system. ``folder`` is its root."""

    def __init__(self, folder: Path, image: Path) -> None:
        self.folder = folder
        self._image = image

    def cut_power(self) -> None:
        """Everything that was not synced is gone; until ``restore`` the disk answers EIO."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(descriptor)

    def restore(self) -> None:
        """Power is back: mount it again, which replays its journal."""
        _run("umount", self.folder)
        _run("mount", "-o", "loop", self._image, self.folder)

    def read_only(self, on: bool) -> None:
        """As after ``errors=remount-ro``."""
        _run("mount", "-o", "remount,ro" if on else "remount,rw", self.folder)

    @contextmanager
    def full(self) -> Iterator[None]:
        """Not a byte is free inside the block."""
        filler = self.folder / "filler"
        with filler.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError:
                    pass
        yield
        filler.unlink()


@lru_cache
def why_no_disk() -> str:
    """Why this machine cannot make one; empty when it can."""
    if os.geteuid() != 0:
        return "needs root to mount a disk of its own"
    missing = [tool for tool in ("mkfs.ext4", "mount", "unshare") if not shutil.which(tool)]
    if missing:
        return f"needs {', '.join(missing)}"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        return "needs a root that may mount: this is a container without CAP_SYS_ADMIN"
    return "" if Path("/dev/loop-control").exists() else "needs loop devices"


@contextmanager
def ext4(folder: Path, megabytes: int = 16) -> Iterator[Disk]:
    """A fresh ext4 file system on ``folder``/mnt, unmounted at the end."""
    image, mount = folder / "disk.img", folder / "mnt"
    mount.mkdir()
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    _run("mkfs.ext4", "-q", "-F", image)
    _run("mount", "-o", "loop", image, mount)
    try:
        yield Disk(mount, image)
    finally:
        _run("umount", mount)
        image.unlink()


def _run(*command: str | Path) -> None:
    subprocess.run([*map(str, command)], check=True, capture_output=True)
