"""How the service is, for the health room."""

from __future__ import annotations

import shutil
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge.app.rooms.service import Service
from edge.core.types import CameraState
from edge.host.jetson import HostHealth, read_health
from edge.sinks.record import Record
from edge.sinks.series import Series
from edge.sinks.summary import Ages


class HealthRoom:
    """Everything that is known now; for any thread."""

    def __init__(
        self, service: Service, series: Series, record: Record | None, root: Path = Path("/")
    ) -> None:
        """Begin to count the time.

        Args:
            service: that is told of.
            series: figures of the last day.
            record: recent detections; None: none are kept.
            root: of the file system whose ``sys`` and ``proc`` are read.
        """
        self._service = service
        self._overview = service.overview
        self._series = series
        self._record = record
        self._root = root
        self._began = service.clock.now()
        self._latencies = Ages()
        self._lock = threading.Lock()

    def took(self, seconds: float) -> None:
        """The detector took this long for a frame."""
        self._series.took(seconds)
        with self._lock:
            self._latencies.add(seconds)

    def temperature(self) -> float | None:
        """Of the hottest zone, degrees Celsius; None where none is told."""
        hottest = read_health(self._root).hottest
        return hottest and hottest[1]

    def now(self) -> dict[str, Any]:
        """See :class:`edge.sinks.web.rooms.asked.Health`."""
        health = self._overview.health()
        with self._lock:
            latency = self._latencies.percentiles()
        return {
            "state": health["state"],
            "reasons": self._reasons(health["cameras"]),
            "cameras": health["cameras"],
            "engine": self._service.start.switch.description,
            "bundle": self._service.bundle(),
            "uptime_s": round(self._service.clock.now() - self._began, 1),
            "host": _told(read_health(self._root), _free_mb(self._service.state)),
            "latency_ms": asdict(latency),
            "frame_age_ms": asdict(self._overview.summary.report().latency_ms),
            "record": self._record and asdict(self._record.report()),
        }

    def series(self, minutes: int) -> dict[str, Any]:
        """See :class:`edge.sinks.web.rooms.asked.Health`."""
        return self._series.lately(minutes)

    def state(self) -> tuple[str, str]:
        """In a word, and the first reason for it."""
        health = self._overview.health()
        return health["state"], next(iter(health["reasons"]), "")

    def _reasons(self, cameras: list[dict[str, Any]]) -> list[dict[str, str]]:
        not_live = (each for each in cameras if each["state"] != CameraState.LIVE.value)
        told = [{"state": each["state"], "reason": each["reason"]} for each in not_live]
        return self._overview.conditions.told() + told


def _told(host: HostHealth, disk_free_mb: float | None) -> dict[str, Any]:
    zones = sorted((host.temperatures_c or {}).items())
    return {
        "temperatures": [{"name": name, "c": round(celsius, 1)} for name, celsius in zones],
        "throttled": None if host.throttled is None else list(host.throttled),
        "over_current": dict(host.over_current or {}),
        "gpu_mhz": _mega(host.gpu_hz),
        "gpu_max_mhz": _mega(host.gpu_max_hz),
        "gpu_load": host.gpu_load,
        "cpu_mhz": _mega(host.cpu_hz),
        "cpu_max_mhz": _mega(host.cpu_max_hz),
        "power_mode": host.power_mode,
        "power_w": host.power_w,
        "memory_total_mb": _mega(host.memory_total_bytes),
        "memory_available_mb": _mega(host.memory_available_bytes),
        "disk_free_mb": disk_free_mb,
    }


def _mega(value: int | None) -> float | None:
    return None if value is None else round(value / 1e6, 1)


def _free_mb(folder: Path) -> float | None:
    try:
        existing = next(each for each in (folder, *folder.parents) if each.exists())
        return round(shutil.disk_usage(existing).free / 1e6, 1)
    except OSError:
        return None
