"""The folder a build works in, and what names its inputs."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge.core.errors import UnavailableError

Told = Callable[[str, int, int], None]
"""Progress of a build: what is being done, how far, of how much."""


@contextmanager
def work_folder(out: Path) -> Iterator[Path]:
    """A folder on the same disk for what is being made; those of killed builds are removed."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for old in out.glob(".work-*"):
            if not Path("/proc", old.name.split("-")[1]).exists():
                shutil.rmtree(old, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=f".work-{os.getpid()}-", dir=out) as work:
            yield Path(work)
    except OSError as error:
        raise UnavailableError(f"{out}: cannot be written to ({error.strerror})") from error


def sha256_of(files: Sequence[Path]) -> str:
    """Of one file; of several, over their sorted digests."""
    digests = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
    return (
        digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    )
