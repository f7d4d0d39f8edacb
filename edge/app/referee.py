"""The referee: what a candidate finds in the held-out images, beside what FP32 finds in them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge.core.build import Agreement, Score, Scored
from edge.core.config import DetectConfig
from edge.core.ports import Engine
from edge.core.types import Detections, Frame
from edge.detect import CpuDetector
from edge.report.labels import Truth
from edge.report.map import CONFIDENCE, MOST_BOXES, NMS_IOU, mean_average_precision
from edge.vision.agreement import agreement, evidence

SCORING = DetectConfig(confidence=CONFIDENCE, iou=NMS_IOU, max_boxes=MOST_BOXES)
"""A precision-recall curve needs the doubtful boxes too; agreement is judged as the line sees."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What one model found in the held-out images, by image name.

    Attributes:
        service: at the service's thresholds.
        scoring: at those of mAP; empty without labels.
        engine_ms: of one inference, the mean over the images, milliseconds.
    """

    service: Mapping[str, Detections]
    scoring: Mapping[str, Detections]
    engine_ms: float


class Referee:
    """Scores graphs and engines on the same images, against the FP32 model.

    Attributes:
        reference: what the FP32 model found.
        truths: ground truth by image name; empty without labels.
        findings: of every candidate scored so far, by its file.
    """

    def __init__(
        self,
        frames: Callable[[], Iterator[tuple[str, Frame]]],
        truths: Mapping[str, Truth],
        open_engine: Callable[[Path], Engine],
        fp32: Path,
        settings: DetectConfig | None = None,
    ) -> None:
        """Run the FP32 model first.

        Args:
            frames: the held-out images by name, anew at every call.
            truths: of these images; empty without labels.
            open_engine: runs a graph or an engine.
            fp32: the reference.
            settings: the service's thresholds.
        """
        self._frames = frames
        self._open_engine = open_engine
        self._settings = settings or DetectConfig()
        self.truths = truths
        self.findings: dict[Path, Findings] = {}
        self.labels: tuple[str, ...] = ()
        self.reference = self._found(fp32)
        self.reference_score = self._score_of(self.reference)

    def __call__(self, model: Path) -> Scored:
        """Score one candidate.

        Raises:
            DataError: the runtime cannot load or run it, or it answers with no head of YOLOv8's.
        """
        found = self._found(model)
        self.findings[model] = found
        compared = agreement(self.reference.service, found.service, self.labels)
        score = self._score_of(found)
        doubts = tuple(evidence(compared, shown=self._shown()))
        return Scored(
            Score(score.map, score.map50, compared, score.per_class_map), doubts, found.engine_ms
        )

    def same(self, engine: Path, graph: Path) -> Agreement:
        """How far an engine finds what its own graph finds; both were scored before."""
        graph_found, found = self.findings[graph], self.findings[engine]
        return agreement(graph_found.service, found.service, self.labels)

    def _found(self, model: Path) -> Findings:
        service, scoring, inference_s = {}, {}, 0.0
        with closing(self._open_engine(model)) as engine:
            self.labels = engine.labels
            detector, scorer = CpuDetector(engine, self._settings), CpuDetector(engine, SCORING)
            for name, frame in self._frames():
                tensor, letterbox = detector.preprocess(frame)
                start = time.perf_counter()
                head = engine.infer(tensor)
                inference_s += time.perf_counter() - start
                service[name] = detector.postprocess(head, letterbox)
                if name in self.truths:
                    scoring[name] = scorer.postprocess(head, letterbox)
        return Findings(service, scoring, inference_s / max(1, len(service)) * 1000)

    def _score_of(self, found: Findings) -> Score:
        if not self.truths:
            return Score(None, None, None)
        report = mean_average_precision(found.scoring, self.truths, self.labels)
        per_class = {one.label: one.map for one in report.per_class}
        return Score(report.map, report.map50, None, per_class)

    def _shown(self) -> set[int] | None:
        if not self.truths:
            return None
        return {int(k) for truth in self.truths.values() for k in truth.class_ids}
