"""How a graphics card is doing, from ``nvidia-smi``, which comes with its driver.

A Jetson tells the same in files: see :mod:`edge.host.jetson`. Some have this program too; what it
does not know there is None.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

_FIELDS = (
    "name",
    "memory.used",
    "clocks.sm",
    "clocks.max.sm",
    "power.draw",
    "temperature.gpu",
    "clocks_throttle_reasons.active",
)
_WAIT_S = 10.0
_MIB = 1024 * 1024

# Bits of nvmlClocksEventReasons*, nvml.h; left out: idle, clocks that somebody chose.
_REASONS = {
    0x4: "power limit",
    0x8: "hardware",
    0x20: "heat (driver)",
    0x40: "heat (hardware)",
    0x80: "power supply",
}


@dataclass(frozen=True, slots=True)
class CardHealth:
    """One look at the first graphics card. None: it does not tell.

    Attributes:
        name: of the card.
        memory_used_bytes: by all processes.
        gpu_hz, gpu_max_hz: clock of its multiprocessors now, and the most they can have.
        power_w: drawn.
        temperature_c: degrees Celsius.
        throttled: why it is slowed down right now; empty: it is not.
    """

    name: str | None = None
    memory_used_bytes: float | None = None
    gpu_hz: float | None = None
    gpu_max_hz: float | None = None
    power_w: float | None = None
    temperature_c: float | None = None
    throttled: tuple[str, ...] | None = None


def read_card(program: str = "nvidia-smi") -> CardHealth | None:
    """Look at the card once, which takes some hundred milliseconds; None: there is none."""
    found = shutil.which(program)
    if found is None:
        return None
    query = f"--query-gpu={','.join(_FIELDS)}"
    command = [found, query, "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_WAIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.splitlines()
    values = [value.strip() for value in lines[0].split(",")] if lines else []
    return None if done.returncode or len(values) != len(_FIELDS) else _card(values)


def _card(values: list[str]) -> CardHealth:
    name, memory, clock, most, power, heat, reasons = values
    return CardHealth(
        name=name,
        memory_used_bytes=_number(memory, _MIB),
        gpu_hz=_number(clock, 1e6),
        gpu_max_hz=_number(most, 1e6),
        power_w=_number(power),
        temperature_c=_number(heat),
        throttled=_throttled(reasons),
    )


def _number(text: str, unit: float = 1.0) -> float | None:
    try:
        return float(text) * unit
    except ValueError:  # "[N/A]"
        return None


def _throttled(text: str) -> tuple[str, ...] | None:
    try:
        bits = int(text, 16)
    except ValueError:
        return None
    return tuple(name for bit, name in _REASONS.items() if bits & bit)
