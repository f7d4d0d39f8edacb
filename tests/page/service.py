"""The real service on the rendered line, in a process of its own, for the page to look at."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from edge.engine.bundle import write_bundle
from edge.engine.publish import publish
from tests.engine.bundles import fields
from tests.engine.models import constant_model, saved
from tests.sinks.parts import until

CALIBRATION = Path(__file__).parents[2] / "calib_images"
SHIPPED = Path(__file__).parents[2] / "models" / "line-yolov8n.onnx"
NAMES = {"names": "{0: 'scratch', 1: 'dent', 2: 'crack'}"}

CONFIG = """
cameras:
{cameras}
model: models/current
watch: {{every_s: 0.2, trial_boxes: 20, trial_frames: 3, least_boxes: 20}}
recalibrate: {{model: {model}, images: {images}}}
sinks:
  web: {{port: {port}}}
  collect: {{every_s: 0.3, images: 1000}}
  record: {{every_s: 0.2, empty_s: 1.0}}
"""


class Service:
    """A service that can be killed and started again.

    Attributes:
        url: of its page.
        bundles: names of its two bundles, the older first.
    """

    def __init__(self, folder: Path, *cameras: str) -> None:
        """Prepare it below ``folder``; ``cameras`` are URIs, named cam-1, cam-2 …"""
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.bundles = [_published(folder, boxes) for boxes in (3, 2)]
        rows = "\n".join(
            f"  - {{name: cam-{number}, uri: '{uri}', reopen_min_s: 0.2}}"
            for number, uri in enumerate(cameras, 1)
        )
        self._folder = folder
        self._config = folder / "edge.yaml"
        self._config.write_text(
            CONFIG.format(cameras=rows, port=port, model=SHIPPED, images=CALIBRATION)
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when the page is there."""
        command = [sys.executable, "-m", "edge", "run", "-c", str(self._config)]
        environment = os.environ | {
            "EDGE_KEY_FILE": str(self._folder / "key"),
            "STATE_DIRECTORY": str(self._folder / "state"),
        }
        self._process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        until(self._answers, "the service answers")

    def kill(self) -> None:
        """As a power cut would. Safe to call twice."""
        if self._process is not None:
            with self._process as process:
                process.kill()
            self._process = None

    def get(self, path: str) -> Any:
        """What the service itself says."""
        return httpx.get(self.url + path).raise_for_status().json()

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "the service ended"
        try:
            return bool(httpx.get(f"{self.url}/healthz"))
        except httpx.TransportError:
            return False


@contextmanager
def running(folder: Path, *cameras: str) -> Iterator[Service]:
    """A service until the block ends."""
    service = Service(folder, *cameras)
    try:
        service.start()
        yield service
    finally:
        service.kill()


def _published(folder: Path, boxes: int) -> str:
    """A bundle that finds so many scratches, and says in its report how many."""
    model = saved(constant_model(_head(boxes), metadata=NAMES), folder / "engine.onnx")
    page = folder / "report.html"
    page.write_text(f"<h1>Finds {boxes}</h1><script>document.body.append('acted')</script>")
    made = fields(
        engine="engine.onnx",
        fallback="fallback.onnx",
        input_size={"width": 64, "height": 64},
        labels=["scratch", "dent", "crack"],
    )
    files = {"engine.onnx": model, "fallback.onnx": model, "report.html": page}
    bundle = write_bundle(folder / "models", files, made, key=folder / "key")
    publish(folder / "models", bundle)
    return bundle.name


def _head(boxes: int) -> NDArray[np.float32]:
    """So many boxes of the first class in a row, of ten anchors."""
    answer = np.zeros((1, 7, 10), np.float32)
    for anchor in range(10):
        answer[0, :4, anchor] = (6 * anchor + 4, 32, 4, 20)
        answer[0, 4, anchor] = 0.9 if anchor < boxes else 0.0
    return answer


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
