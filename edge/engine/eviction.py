"""Old bundles go, so that years of recalibrations fill no disk."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from edge.core.errors import UnavailableError
from edge.engine.bundle import UNFINISHED
from edge.engine.publish import exclusive, list_bundles


def remove_old(out: Path, keep: int, spared: Collection[str] = ()) -> tuple[str, ...]:
    """Remove all but the newest bundles; what is in use, or was before, is never removed.

    Each goes in one step, so that a power cut leaves no half of a bundle.

    Args:
        out: folder of all builds.
        keep: how many of the newest stay.
        spared: names of others that stay.

    Returns:
        Names of those that were removed, newest first.

    Raises:
        BusyError: another build is writing or publishing.
        UnavailableError: the folder cannot be written to.
    """
    with exclusive(out):
        old = [
            listed.path
            for listed in list_bundles(out)[keep:]
            if not listed.current and not listed.previous and listed.path.name not in spared
        ]
        for bundle in old:
            try:
                leaving = bundle.rename(bundle.with_name(f"{UNFINISHED}{bundle.name}"))
            except OSError as error:
                raise UnavailableError(
                    f"{bundle}: cannot be removed ({error.strerror}). Check who may write there"
                ) from error
            shutil.rmtree(leaving, ignore_errors=True)  # what is left goes with the next build
    return tuple(bundle.name for bundle in old)
