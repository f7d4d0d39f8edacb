"""Under which conditions was it measured? Clocks, heat and memory, looked at between the turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MB = 1e6


@dataclass(frozen=True, slots=True)
class Look:
    """The machine at one moment. None: it does not tell, or has no such thing.

    Attributes:
        gpu: its name.
        gpu_mhz: clock of the GPU.
        gpu_max_mhz: the most that its power mode lets it have.
        gpu_memory_mb: in use by all processes, of memory of its own.
        cpu_mhz: clock of the fastest CPU core.
        temperature_c: of the hottest spot, degrees Celsius.
        power_w: drawn by the module or card.
        power_mode: of the board.
        throttled: what is slowed down, and why; empty: nothing is.
        available_mb: of the machine's memory; a Jetson's GPU shares it.
    """

    gpu: str | None = None
    gpu_mhz: float | None = None
    gpu_max_mhz: float | None = None
    gpu_memory_mb: float | None = None
    cpu_mhz: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    power_mode: str | None = None
    throttled: tuple[str, ...] | None = None
    available_mb: float | None = None


class MachineWatch:
    """Looks before anything is loaded, and again whenever it is told to."""

    def __init__(self, look: Callable[[], Look] = Look) -> None:
        self._look = look
        self._looks = [look()]

    def look(self) -> None:
        """Look again; takes a moment, so never while something is measured."""
        self._looks.append(self._look())

    @property
    def power_mode(self) -> str | None:
        """Of the board, as it was last."""
        return self._looks[-1].power_mode

    def conditions(self) -> dict[str, Any]:
        """Plain values, ready for JSON; what the machine does not tell is left out.

        Clocks are those under load: the look before anything was loaded does not count.
        """
        loaded = self._looks[1:] or self._looks
        reasons = [one.throttled for one in loaded if one.throttled is not None]
        found = {
            "gpu": loaded[-1].gpu,
            "gpu_mhz": _range(one.gpu_mhz for one in loaded),
            "gpu_max_mhz": loaded[-1].gpu_max_mhz,
            "cpu_mhz": _range(one.cpu_mhz for one in loaded),
            "temperature_c": _range(one.temperature_c for one in loaded),
            "power_w": _range(one.power_w for one in loaded),
            "throttled": sorted({why for one in reasons for why in one}) if reasons else None,
        }
        return {name: value for name, value in found.items() if value is not None}

    def memory_mb(self) -> dict[str, float]:
        """Of this process, megabytes (10**6 bytes).

        ``rss`` is resident now and ``peak`` at most. ``gpu`` is what a graphics card's use grew by
        since the first look, by whomever; on a Jetson, where both share one memory, ``shared`` is
        what became unavailable. ``all`` is the peak of everything.
        """
        found = _resident_mb()
        peak = found.get("peak")
        gpu = _growth([one.gpu_memory_mb for one in self._looks])
        taken = _growth([_negative(one.available_mb) for one in self._looks])
        if gpu is not None:
            found["gpu"] = gpu
            return found if peak is None else found | {"all": peak + gpu}
        if self._looks[-1].gpu_mhz is not None and taken is not None:
            found["shared"] = taken
            return found | {"all": max(taken, peak or 0.0)}
        return found if peak is None else found | {"all": peak}


def _range(values: Iterable[float | None]) -> dict[str, float] | None:
    known = [value for value in values if value is not None]
    return {"least": min(known), "most": max(known)} if known else None


def _growth(values: list[float | None]) -> float | None:
    """Largest value after the first, less the first; None where one is not known."""
    known = [value for value in values if value is not None]
    if len(known) < len(values) or len(known) < 2:
        return None
    return max(0.0, max(known[1:]) - known[0])


def _negative(value: float | None) -> float | None:
    return None if value is None else -value


def _resident_mb() -> dict[str, float]:
    """From Linux' ``/proc``; empty elsewhere."""
    names = {"VmRSS": "rss", "VmHWM": "peak"}
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return {}
    fields = {line.partition(":")[0]: line.split() for line in lines if line[:2] == "Vm"}
    return {word: int(fields[key][1]) * 1024 / _MB for key, word in names.items() if key in fields}
