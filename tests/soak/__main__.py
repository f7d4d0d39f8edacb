"""Soak for an hour: ``python -m tests.soak [--minutes M] [--seed S] [--write FILE]``."""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tests.host.disks import why_no_disk
from tests.soak.faults import EVERY_KIND, Fault, Kind, rounds
from tests.soak.ledger import Ledger, balance
from tests.soak.line import Line, Sample, a_line

SETTLED = 0.2
"""Share of the samples after which caches and heaps are as large as they get; every kind of fault
must have come before, too: what comes for the first time loads code, and keeps it."""
MOST_GROWTH_MB = 12.0
"""Of the median memory, from the first third of the settled samples to the last."""
MOST_MORE = 1
"""Threads, descriptors and child processes, likewise."""
KEPT_SAMPLES = 40

_log = logging.getLogger("soak")


@dataclass
class Soak:
    """What happened so far."""

    faults: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    rounds: int = 0

    def round(self, line: Line, kinds: tuple[Kind, ...], chance: random.Random) -> None:
        """Faults come together, are told, go, and leave nothing behind."""
        cameras = chance.sample(sorted(line.cameras), len(kinds))
        faults = [kind(line, camera, chance) for kind, camera in zip(kinds, cameras, strict=True)]
        self.rounds += 1
        _log.info("round %d: %s", self.rounds, ", ".join(fault.name for fault in faults))
        for fault in faults:
            fault.begin()
        for fault in faults:
            line.wait(fault.told, f"{fault.name} is told")
        for fault in faults:
            fault.end()
        for fault in faults:
            line.wait(fault.mended, f"{fault.name} is mended")
            self.faults[_kind_of(fault)] += 1
        line.wait(line.well, "the line runs again")
        self.samples.append(line.sample())


def soak(folder: Path, *, seed: int, seconds: float = 0.0, least_rounds: int = 0) -> dict[str, Any]:
    """Soak for so long, and at least so many rounds, more than ``EVERY_KIND``.

    Returns:
        The figures; ``wrong`` is empty when everything was as it should be.

    Raises:
        UnnoticedError: a fault was not told or not mended, or the service died.
    """
    chance, done, began = random.Random(seed), Soak(), time.monotonic()
    with a_line(folder) as line:
        for kinds in rounds(chance, disk=line.disk is not None):
            done.round(line, tuple(kinds), chance)
            if done.rounds >= least_rounds and time.monotonic() - began >= seconds:
                break
        ended = line.health()["state"]
    figures = _figures(done, balance(folder))
    return {"seed": seed, "ended": ended, "seconds": round(time.monotonic() - began), **figures}


def _figures(done: Soak, ledger: Ledger) -> dict[str, Any]:
    settled = done.samples[max(round(SETTLED * len(done.samples)), EVERY_KIND) :]
    third = max(1, len(settled) // 3)
    wrong, spans, growths = [*ledger.wrong], {}, {}
    for what in ("rss_mb", "threads", "descriptors", "children"):
        values = [getattr(sample, what) for sample in settled]
        spans[what] = [min(values), max(values)]
        growths[what] = round(median(values[-third:]) - median(values[:third]), 1)
        if growths[what] > (MOST_GROWTH_MB if what == "rss_mb" else MOST_MORE):
            wrong.append(f"{what} grew by {growths[what]}: {spans[what]}")
    step = max(1, len(done.samples) // KEPT_SAMPLES)
    return {
        "rounds": done.rounds,
        "faults": dict(sorted(done.faults.items())),
        "camera_states": ledger.changes,
        "frames": ledger.frames,
        "dropped": ledger.dropped,
        "growth": growths,
        "settled": spans,
        "wrong": wrong,
        "samples": [asdict(sample) for sample in done.samples[::step]],
    }


def _kind_of(fault: Fault) -> str:
    """A fault's name without its camera's."""
    kind, _, camera = fault.name.rpartition(": ")
    return kind if camera in ("inlet", "press", "outlet") else fault.name


def main() -> None:
    """Run it, print the figures as JSON, and exit 1 when something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, help="write the figures to this file, too")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    with tempfile.TemporaryDirectory() as folder:
        figures = soak(Path(folder), seed=asked.seed, seconds=60 * asked.minutes)
    cores = len(os.sched_getaffinity(0))
    machine = f"{cores} cores, {platform.machine()}, Python {platform.python_version()}"
    disk = why_no_disk() or "a real ext4"
    text = json.dumps({"machine": machine, "disk": disk, **figures}, indent=1)
    print(text)
    if asked.write:
        asked.write.write_text(text + "\n")
    sys.exit(bool(figures["wrong"]))


if __name__ == "__main__":
    main()
