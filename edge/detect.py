"""One frame: preprocess, engine, postprocess, on the CPU. Every faster detector must agree."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from edge.core.config import DetectConfig
from edge.core.ports import Engine
from edge.core.stages import Stages
from edge.core.types import Detections, Frame
from edge.vision.letterbox import Letterbox, Preprocessor
from edge.vision.nms import area, keep_best
from edge.vision.yolo import decode


class CpuDetector:
    """The reference ``Detector``. Its buffers are reused: one thread at a time.

    The three stages may be called one by one, as ``edge bench`` does; ``__call__`` is their sum.

    Attributes:
        description: of the engine, for people.
        labels: class names, by class id.
        engine: the network between the two other stages; its own if it is to be closed with it.
        stages: how long each stage took so far.
    """

    def __init__(self, engine: Engine, settings: DetectConfig | None = None) -> None:
        self.engine = engine
        self.description = engine.description
        self.labels = engine.labels
        self.stages = Stages()
        self._settings = settings or DetectConfig()
        self._preprocessor = Preprocessor(engine.input_size)

    def __call__(self, frame: Frame) -> Detections:
        """What is in this frame, boxes in pixels of its image.

        Raises:
            DataError: the engine's output is not one; the frame was not inspected.
        """
        began = time.perf_counter()
        tensor, letterbox = self.preprocess(frame)
        prepared = time.perf_counter()
        head = self.engine.infer(tensor)
        inferred = time.perf_counter()
        found = self.postprocess(head, letterbox)
        ended = time.perf_counter()
        self.stages.add(prepared - began, inferred - prepared, ended - inferred)
        return found

    def close(self) -> None:
        """Close the engine. Safe to call twice."""
        self.engine.close()

    def preprocess(self, frame: Frame) -> tuple[NDArray[np.float32], Letterbox]:
        """Tensor float32 (1, 3, H, W), valid until the next call, and the frame's place in it."""
        return self._preprocessor(frame.bgr())

    def postprocess(self, head: NDArray[np.float32], letterbox: Letterbox) -> Detections:
        """Detections from a head float32 (1, 4 + C, A); boxes outside the image are dropped."""
        found = decode(head[0], self._settings.confidence)
        best = keep_best(
            found.boxes,
            found.scores,
            found.class_ids,
            self._settings.iou,
            self._settings.max_boxes,
        )
        boxes = letterbox.image_from_model(found.boxes[best])
        inside = area(boxes) > 0
        best = best[inside]
        return Detections(boxes[inside], found.scores[best], found.class_ids[best])
