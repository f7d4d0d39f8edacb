"""How this machine is doing: temperatures, clocks, throttling, power, memory, from files only.

The files are those of a Jetson Orin with JetPack 5 or 6; any machine has some of them. What is
not there is None, and nothing here ever raises.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.core.types import Check

HOT_C = 90.0  # our choice: a warning before an Orin slows down, which the alerts below tell
_SYSFS_BYTES = 1 << 16
_GPU = re.compile(r"\.gpu$|\.ga10b$|^gpu-gpc")  # JetPack 6, 5, 7
_THROTTLING = re.compile(r"-alert$|^cpufreq-|^devfreq-")  # not fans, not what only warns users
_OVER_CURRENT = {"oc1": "under-voltage", "oc2": "average current", "oc3": "peak current"}


@dataclass(frozen=True, slots=True)
class HostHealth:
    """One look at the machine. A figure is None where the machine does not tell it.

    Attributes:
        temperatures_c: degrees Celsius by zone: ``cpu``, ``gpu``, ``tj`` (the hottest spot), ...
        throttled: names of what is slowed down by heat right now; empty: nothing is.
        over_current: events since boot by kind, each of which slowed the clocks down.
        gpu_hz, gpu_max_hz: clock of the GPU now, and the most that the power mode lets it have.
        gpu_load: 0..1.
        cpu_hz, cpu_max_hz: clock of the fastest CPU core now, and the most it may have.
        power_mode: as ``nvpmodel`` calls it, for example ``MAXN`` or ``15W``.
        power_w: drawn by the whole module.
        memory_total_bytes, memory_available_bytes: shared by CPU and GPU on a Jetson.
    """

    temperatures_c: Mapping[str, float] | None
    throttled: tuple[str, ...] | None
    over_current: Mapping[str, int] | None
    gpu_hz: int | None
    gpu_max_hz: int | None
    gpu_load: float | None
    cpu_hz: int | None
    cpu_max_hz: int | None
    power_mode: str | None
    power_w: float | None
    memory_total_bytes: int | None
    memory_available_bytes: int | None

    @property
    def hottest(self) -> tuple[str, float] | None:
        """Zone and temperature, degrees Celsius."""
        zones = self.temperatures_c or {}
        return max(zones.items(), key=lambda zone: zone[1], default=None)


def read_health(root: Path = Path("/")) -> HostHealth:
    """Look at the machine once, in the file system below ``root``."""
    gpu = _gpu(root)
    memory = _memory(root)
    return HostHealth(
        temperatures_c=_temperatures(root) or None,
        throttled=_throttled(root),
        over_current=_over_current(root) or None,
        gpu_hz=_number(gpu / "cur_freq") if gpu else None,
        gpu_max_hz=_number(gpu / "max_freq") if gpu else None,
        gpu_load=_per_mille(gpu / "device/load") if gpu else None,
        cpu_hz=_cpu_hz(root, "scaling_cur_freq"),
        cpu_max_hz=_cpu_hz(root, "scaling_max_freq"),
        power_mode=power_mode(root),
        power_w=_power_w(root),
        memory_total_bytes=memory.get("MemTotal"),
        memory_available_bytes=memory.get("MemAvailable"),
    )


def power_mode(root: Path = Path("/")) -> str | None:
    """The name of the power mode in force, ``mode N`` where N has no name, None off a Jetson."""
    conf = _text(root / "etc/nvpmodel.conf")
    chosen = re.search(r"pmode:\s*(\d+)", _text(root / "var/lib/nvpmodel/status"))
    chosen = chosen or re.search(r"<\s*PM_CONFIG\s+DEFAULT=(\d+)", conf)
    if chosen is None:
        return None
    number = int(chosen[1])
    named = re.search(rf"<\s*POWER_MODEL\s+ID=0*{number}\s+NAME=(\S+?)\s*>", conf)
    return named[1] if named else f"mode {number}"


def power_checks(health: HostHealth) -> Iterator[Check]:
    """What ``edge doctor`` says about heat and power."""
    if health.power_mode is not None:
        yield Check("power mode", True, health.power_mode)
    if (hottest := health.hottest) is not None:
        yield _heat(*hottest, health.throttled or ())
    if health.over_current is not None:
        yield _supply({kind: n for kind, n in health.over_current.items() if n})


def troubles(now: HostHealth, before: HostHealth | None = None) -> Iterator[Check]:
    """What is wrong with heat and power on a running line, each with its remedy.

    Args:
        now: this look.
        before: the last one; over-current counts only if it was after that.
    """
    if (hottest := now.hottest) is not None:
        yield from (check for check in [_heat(*hottest, now.throttled or ())] if not check.ok)
    earlier = (before.over_current if before else now.over_current) or {}
    grown = {kind: count - earlier.get(kind, 0) for kind, count in (now.over_current or {}).items()}
    if fresh := {kind: count for kind, count in grown.items() if count > 0}:
        yield _supply(fresh)


def _heat(zone: str, celsius: float, throttled: tuple[str, ...]) -> Check:
    detail = f"{celsius:.1f} °C at {zone}"
    if throttled:
        detail += f"; slowed down: {', '.join(throttled)}"
    ok = celsius < HOT_C and not throttled
    remedy = "" if ok else "better cooling, or a lower power mode (nvpmodel); clean filters and fan"
    return Check("temperature", ok, detail, remedy)


def _supply(events: Mapping[str, int]) -> Check:
    if not events:
        return Check("power supply", True, "no over-current since boot")
    detail = ", ".join(f"{kind} {count} times" for kind, count in events.items())
    remedy = "a stronger supply or shorter cable, or a lower power mode (nvpmodel)"
    return Check("power supply", False, f"slowed down by over-current: {detail}", remedy)


def _temperatures(root: Path) -> dict[str, float]:
    found = {}
    for zone in _folders(root / "sys/class/thermal", "thermal_zone*"):
        millidegrees = _number(zone / "temp")  # a part that is switched off answers EAGAIN
        if millidegrees is not None:
            found[_text(zone / "type").removesuffix("-thermal") or zone.name] = millidegrees / 1000
    return found


def _throttled(root: Path) -> tuple[str, ...] | None:
    devices = list(_folders(root / "sys/class/thermal", "cooling_device*"))
    names = {_text(device / "type"): _number(device / "cur_state") for device in devices}
    if not devices:
        return None
    return tuple(
        sorted(name for name, state in names.items() if state and _THROTTLING.search(name))
    )


def _over_current(root: Path) -> dict[str, int]:
    found = {}
    for sensor in _hwmon(root, "soctherm_oc"):
        for name, kind in _OVER_CURRENT.items():
            count = _number(sensor / f"{name}_event_cnt")
            if count is not None:
                found[kind] = count
    return found


def _power_w(root: Path) -> float | None:
    """Of the rail that feeds the module, ``VDD_IN``; an AGX has none."""
    for sensor in _hwmon(root, "ina3221"):
        for label in sorted(sensor.glob("in*_label")):
            if _text(label) == "VDD_IN":
                rail = label.name.removeprefix("in").removesuffix("_label")
                millivolts = _number(sensor / f"in{rail}_input")
                milliamperes = _number(sensor / f"curr{rail}_input")
                if millivolts is not None and milliamperes is not None:
                    return millivolts * milliamperes / 1e6
    return None


def _gpu(root: Path) -> Path | None:
    found = (d for d in _folders(root / "sys/class/devfreq", "*") if _GPU.search(d.name))
    return next(found, None)


def _cpu_hz(root: Path, name: str) -> int | None:
    cores = _folders(root / "sys/devices/system/cpu", "cpu[0-9]*")
    khz = [_number(core / "cpufreq" / name) for core in cores]
    return max((value * 1000 for value in khz if value is not None), default=None)


def _memory(root: Path) -> dict[str, int]:
    """Bytes by name, from ``/proc/meminfo`` (kB there are KiB)."""
    lines = re.findall(r"^(\w+):\s+(\d+) kB$", _text(root / "proc/meminfo"), re.MULTILINE)
    return {name: int(kib) * 1024 for name, kib in lines}


def _hwmon(root: Path, name: str) -> Iterator[Path]:
    sensors = _folders(root / "sys/class/hwmon", "hwmon*")
    return (sensor for sensor in sensors if _text(sensor / "name") == name)


def _folders(parent: Path, pattern: str) -> list[Path]:
    try:
        return sorted(parent.glob(pattern))
    except OSError:
        return []


def _per_mille(path: Path) -> float | None:
    value = _number(path)
    return None if value is None else value / 1000


def _number(path: Path) -> int | None:
    try:
        return int(_text(path))
    except ValueError:
        return None


def _text(path: Path) -> str:
    """The file's text, stripped; empty when it cannot be read.

    Read without Python's buffers, which turn the EAGAIN of a sensor that sleeps into a TypeError.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        return os.read(descriptor, _SYSFS_BYTES).decode(errors="replace").strip("\0\n\t ")
    except OSError:
        return ""
    finally:
        os.close(descriptor)
