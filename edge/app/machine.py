"""The machine under a running line: heat, power, memory, disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from edge.app.worries import Worry
from edge.core.readings import Metric, Reading
from edge.host.jetson import read_health, troubles

LOW_DISK_BYTES = 1_000_000_000
"""Under this a build of a bundle fails, and soon the state cannot be saved. Our choice."""

TEMPERATURE = Metric("edge_temperature_celsius", "By thermal zone", ("zone",))
THROTTLED = Metric("edge_throttled_devices", "Parts that are slowed down by heat right now")
OVER_CURRENT = Metric(
    "edge_over_current_events_total",
    "Times that over-current slowed the clocks down since boot",
    ("kind",),
    "counter",
)
FREQUENCY = Metric("edge_frequency_hertz", "Clock now; of the fastest CPU core", ("part",))
MOST_FREQUENCY = Metric(
    "edge_frequency_max_hertz", "The most that the power mode allows", ("part",)
)
GPU_LOAD = Metric("edge_gpu_load_ratio", "Share of the time that the GPU works, 0 to 1")
POWER = Metric("edge_power_watts", "Drawn by the whole module")
POWER_MODE = Metric(
    "edge_power_mode_info",
    "1; the board's power mode, and the one that the bundle was measured in",
    ("mode", "measured_in"),
)
MEMORY = Metric("edge_memory_available_bytes", "Shared by CPU and GPU on a Jetson")
ALL_MEMORY = Metric("edge_memory_size_bytes", "Of the machine")
DISK_FREE = Metric("edge_disk_free_bytes", "On the disk that holds the state")
METRICS = (
    TEMPERATURE,
    THROTTLED,
    OVER_CURRENT,
    FREQUENCY,
    MOST_FREQUENCY,
    GPU_LOAD,
    POWER,
    POWER_MODE,
    MEMORY,
    ALL_MEMORY,
    DISK_FREE,
)


class Machine:
    """The last look at the machine."""

    def __init__(self, state: Path, measured_in: str | None, root: Path = Path("/")) -> None:
        """Look for the first time.

        Args:
            state: folder whose disk is watched.
            measured_in: power mode in which the bundle was measured; None: not known.
            root: of the file system whose ``sys`` and ``proc`` are read.
        """
        self._state = state
        self._measured_in = measured_in
        self._root = root
        self._before = self._now = read_health(root)
        self._free = _free_bytes(state)

    def look(self) -> None:
        """Look again; takes some milliseconds."""
        self._before, self._now = self._now, read_health(self._root)
        self._free = _free_bytes(self._state)

    def worries(self) -> Iterator[Worry]:
        """What somebody should look after."""
        for check in troubles(self._now, self._before):
            yield check.name, f"{check.detail}: {check.remedy}"
        mode = self._now.power_mode
        if self._measured_in and mode and mode != self._measured_in:
            yield (
                "power mode",
                f"the bundle was measured in power mode {self._measured_in}, the board is in "
                f"{mode}: it is as accurate, but may be slower. Set it (nvpmodel), or build again",
            )
        if self._free is not None and self._free < LOW_DISK_BYTES:
            yield (
                "disk",
                f"{self._free / 1e6:.0f} MB free on the disk of {self._state}: make room, or "
                "results and state are lost soon",
            )

    def readings(self) -> Iterable[Reading]:
        """The last look, in figures."""
        now = self._now
        yield from (TEMPERATURE.at(c, zone) for zone, c in (now.temperatures_c or {}).items())
        yield from (OVER_CURRENT.at(n, kind) for kind, n in (now.over_current or {}).items())
        mode = now.power_mode
        if mode is not None:
            yield POWER_MODE.at(1, mode, self._measured_in or "")
        for metric, value, *labels in (
            (FREQUENCY, now.gpu_hz, "gpu"),
            (FREQUENCY, now.cpu_hz, "cpu"),
            (MOST_FREQUENCY, now.gpu_max_hz, "gpu"),
            (MOST_FREQUENCY, now.cpu_max_hz, "cpu"),
            (GPU_LOAD, now.gpu_load),
            (THROTTLED, None if now.throttled is None else len(now.throttled)),
            (POWER, now.power_w),
            (MEMORY, now.memory_available_bytes),
            (ALL_MEMORY, now.memory_total_bytes),
            (DISK_FREE, self._free),
        ):
            if value is not None:
                yield metric.at(value, *labels)


def _free_bytes(folder: Path) -> int | None:
    """None where the disk does not tell."""
    try:
        existing = next(each for each in (folder, *folder.parents) if each.exists())
        return shutil.disk_usage(existing).free
    except OSError:
        return None
