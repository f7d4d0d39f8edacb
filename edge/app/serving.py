"""A model in service: what runs, what judges it, and its canaries."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from edge.camera.images import read_image
from edge.core.config import DetectConfig
from edge.core.errors import DataError
from edge.core.ports import Detector
from edge.core.types import Detections, Frame
from edge.detect import CpuDetector
from edge.engine import open_engine, open_fallback
from edge.engine.manifest import MANIFEST, manifest_of
from edge.live import ModelSwitch
from edge.watch import Canary, read_canaries


class Guarded:
    """A ``Detector`` that has each frame inspected, though the engine may answer nonsense.

    A frame whose answer is none (NaN, absurd scores) is inspected by the fallback at once, and it
    is remembered, so that the whole line can be put on the fallback.

    Attributes:
        description: of the engine, for people.
        labels: class names, by class id.
        faults: answers of the engine that were none.
        fault: the first of them; empty so far.
    """

    def __init__(self, engine: Detector, fallback: Detector) -> None:
        self.description = engine.description
        self.labels = engine.labels
        self.faults = 0
        self.fault = ""
        self._engine = engine
        self._fallback = fallback

    def __call__(self, frame: Frame) -> Detections:
        """What is in this frame.

        Raises:
            DataError: the fallback answers nonsense too; the frame was not inspected.
        """
        try:
            return self._engine(frame)
        except DataError as error:
            self.faults += 1
            self.fault = self.fault or str(error)
            return self._fallback(frame)


class Serving:
    """A bundle, or an ONNX file, opened for service.

    Attributes:
        name: of the bundle or file.
        detector: what runs; for one thread at a time.
        fallback: what judges it and takes over from it, for any thread; None: there is none.
        canaries: of the bundle, with the answers of ``detector``.
        fallback_canaries: the same images, with the answers of ``fallback``.
        power_mode: of the board when the bundle was built; None: not known.
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
        self.fallback_canaries: tuple[Canary, ...] = ()
        self.power_mode: str | None = None
        with ExitStack() as opened:
            engine = open_engine(path, key=key)
            opened.callback(engine.close)
            self.detector: Detector = CpuDetector(engine, settings)
            if is_bundle:
                self.power_mode = manifest_of(path).machine.power_mode
                if (other := open_fallback(path, key=key)) is not None:
                    opened.callback(other.close)
                    self.fallback = ModelSwitch(CpuDetector(other, settings))
                    self.detector = Guarded(self.detector, self.fallback)
                self.canaries = read_canaries(path, read_image)
                self.fallback_canaries = read_canaries(path, read_image, "fallback")
            self._opened = opened.pop_all()

    @property
    def fault(self) -> str:
        """Why the engine is not to be trusted any more; empty: it has always answered."""
        return self.detector.fault if isinstance(self.detector, Guarded) else ""

    def close(self) -> None:
        """Let go of both engines; nobody uses them any more. Safe to call twice."""
        self._opened.close()
