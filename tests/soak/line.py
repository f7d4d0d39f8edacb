"""The line in a bad factory: cameras, builder, disk and viewers around the service's process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import numpy as np
import psutil

from edge.camera.pattern.scene import ProductionLine
from edge.camera.pattern.settings import LineSettings
from edge.core.types import Image, Size
from tests.faults.device import Clip, Device, encoded
from tests.host.disks import Disk, ext4, why_no_disk
from tests.soak.networks import Builder

CAMERAS = ("inlet", "press", "outlet")
FPS = 10
DISK_MB = 320
CONFIG = """
cameras:
{cameras}
model: {disk}/models/current
watch: {{every_s: 0.2, trial_boxes: 40, trial_frames: 8, least_boxes: 30, canaries_s: 30}}
sinks:
  web: {{port: 0}}
  jsonl: {{path: results.jsonl, rotate_mb: 5, keep: 1000}}
  collect: {{every_s: 2, images: 40, least_free_mb: 20}}
  record: {{images: 300, megabytes: 40, least_free_mb: 20}}
"""
CAMERA = (
    "  - {{name: {name}, uri: '{uri}', stall_s: 2, frozen_s: 1,"
    " reopen_min_s: 0.2, reopen_max_s: 1}}"
)
PATIENCE_S = 90.0
"""Longest wait for a fault to be told, or to be mended; a loaded machine needs some."""


class UnnoticedError(Exception):
    """What had to happen did not; the message is what was waited for, and what was so instead."""


@dataclass(frozen=True)
class Sample:
    """What the service's process holds at a quiet moment; ``rss_mb`` of 10**6 bytes."""

    seconds: int
    rss_mb: float
    threads: int
    descriptors: int
    children: int


class Line:
    """The running service and all that is done to it.

    Attributes:
        cameras: by name.
        clips: what each camera shows when nothing is wrong, by name.
        builder: of bundles.
        disk: where state, bundles and collected frames are; None: no disk could be made here.
        folder: for everything else.
        state: the service's state folder.
    """

    def __init__(self, folder: Path, disk: Disk | None) -> None:
        self.folder = folder
        self.disk = disk
        small = disk.folder if disk else folder
        self.state = small / "state"
        self.clips = {name: encoded(belt(seed), fps=FPS) for seed, name in enumerate(CAMERAS)}
        self.cameras = {name: Device(clip) for name, clip in self.clips.items()}
        self.builder = Builder(small / "models", folder, folder / "key")
        self._log = folder / "service.log"
        self._service: subprocess.Popen[bytes] | None = None
        self._began = time.monotonic()
        self.url = ""

    @contextmanager
    def running(self) -> Iterator[Line]:
        """Plug everything in, and start the service; in the end it has to stop as it should."""
        with ExitStack() as stack:
            for camera in self.cameras.values():
                stack.enter_context(camera)
            self.builder.publish()
            service = stack.enter_context(self._started())
            stack.callback(service.kill)
            self.url = self.heard(r"(http://\S+)")
            self.wait(self.well, "the line runs")
            yield self
            service.send_signal(signal.SIGTERM)
            if service.wait(PATIENCE_S) != 0:
                raise UnnoticedError(f"the service ended with {service.returncode}: {self.tail()}")

    def _started(self) -> subprocess.Popen[bytes]:
        rows = [CAMERA.format(name=n, uri=c.uri) for n, c in self.cameras.items()]
        config = self.folder / "edge.yaml"
        small = self.builder.models.parent
        config.write_text(CONFIG.format(cameras="\n".join(rows), disk=small))
        command = [sys.executable, "-m", "edge", "run", "-c", str(config)]
        places = {"EDGE_KEY_FILE": str(self.folder / "key"), "STATE_DIRECTORY": str(self.state)}
        with self._log.open("wb") as log:
            self._service = subprocess.Popen(
                [*command, "--json", str(self.folder / "report.json")],
                env={**os.environ, **places},
                stderr=log,
            )
        return self._service

    @property
    def process(self) -> psutil.Process:
        """The service's."""
        assert self._service is not None
        return psutil.Process(self._service.pid)

    def health(self) -> dict[str, Any]:
        """What the service says of itself."""
        try:
            with urllib.request.urlopen(self.url + "/healthz", timeout=20) as answer:
                told: dict[str, Any] = json.load(answer)
        except HTTPError as refusal:  # 503: nothing is inspected by an engine that is trusted
            with refusal:
                told = json.load(refusal)
        return told

    def state_of(self, camera: str) -> str:
        """A camera's state in one word."""
        rows = {row["camera"]: row["state"] for row in self.health()["cameras"]}
        return str(rows.get(camera, "unknown"))

    def well(self) -> bool:
        """Every camera is inspected, by an engine that is trusted."""
        return str(self.health()["state"]) == "running"

    def mark(self) -> int:
        """The end of the service's log; what comes behind it is news."""
        return self._log.stat().st_size

    def said(self, pattern: str, since: int = 0) -> re.Match[str] | None:
        """The first such words in the log behind a mark."""
        with self._log.open("rb") as log:
            log.seek(since)
            return re.search(pattern, log.read().decode(errors="replace"))

    def heard(self, pattern: str) -> str:
        """Wait for words in the log; their first group."""
        self.wait(lambda: self.said(pattern) is not None, f"the log says {pattern}")
        found = self.said(pattern)
        assert found
        return found[1]

    def tail(self) -> str:
        """The log's last lines."""
        return self._log.read_bytes()[-3000:].decode(errors="replace")

    def wait(self, so: Callable[[], bool], what: str) -> None:
        """Until it is so.

        Raises:
            UnnoticedError: it never was, or the service died.
        """
        deadline = time.monotonic() + PATIENCE_S
        while not so():
            if self._service is None or self._service.poll() is not None:
                raise UnnoticedError(f"{what}: the service died. {self.tail()}")
            if time.monotonic() > deadline:
                health = json.dumps(self.health()) if self.url else ""
                raise UnnoticedError(f"{what}: not so. {health} {self.tail()}")
            time.sleep(0.1)

    def sample(self) -> Sample:
        """What it holds now."""
        process = self.process
        return Sample(
            seconds=round(time.monotonic() - self._began),
            rss_mb=round(process.memory_info().rss / 1e6, 1),
            threads=process.num_threads(),
            descriptors=process.num_fds(),
            children=len(process.children()),
        )


@contextmanager
def a_line(folder: Path) -> Iterator[Line]:
    """A running line with everything in ``folder``."""
    with (
        nullcontext() if why_no_disk() else ext4(folder, DISK_MB) as disk,
        Line(folder, disk).running() as line,
    ):
        yield line


def belt(seed: int, pictures: int = 40) -> list[Image]:
    """Parts on a belt, nearly all bad: uint8 (320, 320, 3)."""
    size = Size(640, 360)
    line = ProductionLine(LineSettings(size=size, seed=seed, fps=FPS, defect_rate=1.0))
    whole = np.empty((size.height, size.width, 3), np.uint8)
    return [line.render(10 + i, whole)[20:340, 160:480].copy() for i in range(pictures)]


def over_exposed(clip: Clip) -> Clip:
    """As a camera sees whose exposure ran away: nearly white, with noise."""
    random = np.random.default_rng(1)
    pictures = random.integers(215, 255, (len(clip.units), 320, 320, 3), dtype=np.uint8)
    return encoded(list(pictures), fps=clip.fps)


def dark(clip: Clip) -> Clip:
    """Lens covered: black, but for the sensor's noise."""
    random = np.random.default_rng(2)
    pictures = random.integers(0, 3, (len(clip.units), 320, 320, 3), dtype=np.uint8)
    return encoded(list(pictures), fps=clip.fps)


def smaller(clip: Clip) -> Clip:
    """Somebody changed the camera's resolution."""
    del clip
    return encoded([np.ascontiguousarray(image[::2, ::2]) for image in belt(9)], fps=FPS)
