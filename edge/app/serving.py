"""A model in service: what runs, what judges it, and its canaries."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.app.canaries import ANSWERS
from edge.camera.images import read_image
from edge.core.config import DetectConfig
from edge.core.types import Detections, Frame
from edge.detect import CpuDetector
from edge.engine import open_engine, open_fallback
from edge.engine.manifest import MANIFEST


@dataclass(frozen=True, slots=True)
class Canary:
    """A picture from a bundle, and what its engines found in it when it was built."""

    image: str
    frame: Frame
    answers: Mapping[str, Detections]


class Serving:
    """A bundle, or an ONNX file, opened for service. Each detector is for one thread at a time.

    Attributes:
        name: of the bundle or file.
        detector: what runs.
        fallback: what judges it and takes over from it; None: there is none.
        canaries: of the bundle.
    """

    def __init__(self, model: Path, settings: DetectConfig, key: Path) -> None:
        """Verify, load, and run once.

        Raises:
            EdgeError: it cannot be used here; see :func:`edge.engine.open_engine`.
        """
        path = model.resolve()
        is_bundle = (path / MANIFEST).exists()
        self.name = path.name
        with ExitStack() as opened:
            engine = open_engine(path, key=key)
            opened.callback(engine.close)
            self.detector = CpuDetector(engine, settings)
            self.fallback: CpuDetector | None = None
            if is_bundle and (other := open_fallback(path, key=key)) is not None:
                opened.callback(other.close)
                self.fallback = CpuDetector(other, settings)
            self.canaries = _canaries(path) if is_bundle else ()
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Let go of both engines; nobody uses them any more. Safe to call twice."""
        self._opened.close()


def _canaries(bundle: Path) -> tuple[Canary, ...]:
    """Of a bundle that was verified; empty if it was built without any."""
    file = bundle / ANSWERS
    if not file.is_file():
        return ()
    rows = json.loads(file.read_text(encoding="utf-8"))["canaries"]
    return tuple(
        Canary(
            row["image"],
            Frame(read_image(bundle / row["file"]), number, time.monotonic(), camera="canary"),
            {who: _detections(row[who]) for who in ("engine", "fallback") if who in row},
        )
        for number, row in enumerate(rows)
    )


def _detections(rows: Sequence[Mapping[str, Any]]) -> Detections:
    return Detections(
        np.array([row["box"] for row in rows], np.float32).reshape(-1, 4),
        np.array([row["score"] for row in rows], np.float32),
        np.array([row["class_id"] for row in rows], np.int32),
    )
