"""A model in service: what runs, what judges it, and its canaries."""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
from pathlib import Path

from edge.camera.images import read_image
from edge.core.config import DetectConfig
from edge.core.errors import DataError
from edge.core.ports import Detector, OpenDetector, Pipeline
from edge.core.stages import Stages
from edge.core.types import Detections, Frame
from edge.detect import CpuDetector
from edge.engine import open_detector, open_fallback_detector
from edge.engine.gpu_frames import PinnedPools
from edge.engine.manifest import MANIFEST, manifest_of
from edge.live import ModelSwitch, pipelined, together
from edge.watch import (
    Baseline,
    Canary,
    CanaryVerdict,
    Standing,
    check_canaries,
    read_baseline,
    read_canaries,
)


class Guarded:
    """A ``Pipeline`` that has each frame inspected, though the engine may answer nonsense.

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
        self._engine = pipelined(engine)
        self._fallback = fallback
        self._in_flight: deque[tuple[Frame, str]] = deque()

    def __call__(self, frame: Frame) -> Detections:
        """What is in this frame.

        Raises:
            DataError: the fallback answers nonsense too; the frame was not inspected.
        """
        try:
            return self._engine(frame)
        except DataError as error:
            return self._instead(frame, str(error))

    @property
    def free(self) -> int:
        """As the engine has; none while the fallback has a refused frame to inspect."""
        return 0 if any(refusal for _, refusal in self._in_flight) else self._engine.free

    def submit(self, frame: Frame) -> None:
        """Start the work on a frame."""
        refusal = ""
        try:
            self._engine.submit(frame)
        except DataError as error:
            refusal = str(error)  # an error that is kept would keep the engine's memory
        self._in_flight.append((frame, refusal))

    def collect(self) -> Detections:
        """What was found in the oldest frame in flight.

        Raises:
            DataError: the fallback answers nonsense too; the frame was not inspected.
        """
        frame, refusal = self._in_flight.popleft()
        if refusal:
            return self._instead(frame, refusal)
        try:
            return self._engine.collect()
        except DataError as error:
            return self._instead(frame, str(error))

    def _instead(self, frame: Frame, reason: str) -> Detections:
        self.faults += 1
        self.fault = self.fault or reason
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
        precision: of the engine, such as ``int8``; empty: not known.
        baseline: what the line looked like when the bundle was built; None: not known.
        stages: how long frames take, by ``engine`` and ``fallback``; not of every detector.
    """

    def __init__(
        self, model: Path, settings: DetectConfig, key: Path, pools: PinnedPools | None = None
    ) -> None:
        """Verify, load, and run once.

        Args:
            model: the bundle's folder, or a link to it, or an ONNX file.
            settings: what counts as a detection.
            key: this device's key.
            pools: of frames, pinned once for all models of this process.

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
        self.precision = ""
        self.baseline: Baseline | None = None
        self.stages: dict[str, Stages] = {}
        with ExitStack() as opened:
            engine = open_detector(path, settings, key=key, pools=pools)
            opened.callback(engine.close)
            self.detector: Detector = self._timed("engine", engine)
            if is_bundle:
                manifest = manifest_of(path)
                self.power_mode = manifest.machine.power_mode
                self.precision = manifest.precision.value
                self.baseline = read_baseline(path)
                other = open_fallback_detector(path, settings, key=key, pools=pools)
                if other is not None:
                    opened.callback(other.close)
                    self.fallback = ModelSwitch(self._timed("fallback", other))
                    self.detector = Guarded(engine, self.fallback)
                self.canaries = read_canaries(path, read_image)
                self.fallback_canaries = read_canaries(path, read_image, "fallback")
            self._opened = opened.pop_all()

    @property
    def fault(self) -> str:
        """Why the engine is not to be trusted any more; empty: it has always answered."""
        return self.detector.fault if isinstance(self.detector, Guarded) else ""

    @property
    def faults(self) -> int:
        """Answers of the engine that were none."""
        return self.detector.faults if isinstance(self.detector, Guarded) else 0

    def check_canaries(self) -> CanaryVerdict:
        """Does it answer as when it was built, one image at a time and several at once?"""
        verdict = check_canaries(self.detector, self.canaries)
        several = isinstance(self.detector, Pipeline) and self.detector.free > 1
        if verdict.standing is Standing.BREACH or not several:
            return verdict
        found = together(self.detector, [canary.frame for canary in self.canaries])
        answers = {id(canary.frame): next(found) for canary in self.canaries}
        return check_canaries(lambda frame: answers[id(frame)], self.canaries)

    def _timed(self, who: str, detector: OpenDetector) -> OpenDetector:
        if isinstance(detector, CpuDetector):  # on a GPU the stages of many frames overlap
            self.stages[who] = detector.stages
        return detector

    def close(self) -> None:
        """Let go of both engines; nobody uses them any more. Safe to call twice."""
        self._opened.close()
