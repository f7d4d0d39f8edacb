"""A model in service: what runs, what judges it, and its canaries."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from edge.camera.images import read_image
from edge.core.config import DetectConfig
from edge.core.ports import Detector
from edge.detect import CpuDetector
from edge.engine import open_engine, open_fallback
from edge.engine.manifest import MANIFEST
from edge.watch import Canary, read_canaries


class Serving:
    """A bundle, or an ONNX file, opened for service. Each detector is for one thread at a time.

    Attributes:
        name: of the bundle or file.
        detector: what runs.
        fallback: what judges it and takes over from it; None: there is none.
        canaries: of the bundle, with the answers of ``detector``.
    """

    def __init__(self, model: Path, settings: DetectConfig, key: Path) -> None:
        """Verify, load, and run once.

        Raises:
            EdgeError: it cannot be used here; see :func:`edge.engine.open_engine`.
        """
        path = model.resolve()
        is_bundle = (path / MANIFEST).exists()
        self.name = path.name
        self.fallback: Detector | None = None
        self.canaries: tuple[Canary, ...] = ()
        with ExitStack() as opened:
            engine = open_engine(path, key=key)
            opened.callback(engine.close)
            self.detector: Detector = CpuDetector(engine, settings)
            if is_bundle:
                if (other := open_fallback(path, key=key)) is not None:
                    opened.callback(other.close)
                    self.fallback = CpuDetector(other, settings)
                self.canaries = read_canaries(path, read_image)
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Let go of both engines; nobody uses them any more. Safe to call twice."""
        self._opened.close()
