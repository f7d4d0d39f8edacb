"""The words of a build: what was tried, what it scored, and why it was or was not published."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Literal

RangeMethod = Literal["minmax", "percentile", "mse", "entropy"]
RANGE_METHODS: tuple[RangeMethod, ...] = ("minmax", "percentile", "mse", "entropy")

Calibrator = Literal["trt-entropy", "trt-minmax"]
CALIBRATORS: tuple[Calibrator, ...] = ("trt-entropy", "trt-minmax")
"""TensorRT's own: they find ranges while an engine is built (TensorRT 8 and 10)."""

Asked = Literal["auto", "int8", "fp16", "fp32"]
"""Precision that a build is asked for; ``auto`` descends until something passes."""

Placement = Literal["convs", "neck"]
"""``convs``: inputs and weights of Convs, first conv and head outputs float. ``neck``: also the
first conv, residual Add, and the neck's Concat, MaxPool and Resize with shared scales."""


class Precision(str, Enum):
    """What an engine computes in; ``mixed`` is INT8 with some layers back in FP16."""

    INT8 = "int8"
    MIXED = "mixed"
    FP16 = "fp16"
    FP32 = "fp32"


@dataclass(frozen=True, slots=True)
class Interval:
    """A bootstrap interval over images, 95 %."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ClassAgreement:
    """Agreement in one class; None where neither model found anything.

    Attributes:
        label: the class.
        reference_boxes: how many the reference found.
        f1_50: F1 of matching at IoU 0.50: is it still found?
        f1_85: the same at IoU 0.85: is it still in place?
    """

    label: str
    reference_boxes: int
    f1_50: float | None
    f1_85: float | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a candidate finds what the FP32 model finds, at the service's threshold.

    Greedy, class-aware matching over all images together. Where neither model found anything
    there is no evidence: the scores are None, never 1. Where only the candidate did they are 0.

    Attributes:
        f1_50: F1 at IoU 0.50, with its interval.
        f1_85: F1 at IoU 0.85, with its interval.
        recall_50: share of the reference's boxes found again at IoU 0.50.
        false_per_image: candidate boxes an image without a partner at IoU 0.50.
        mean_iou: over the pairs matched at IoU 0.50.
        score_shift: mean of candidate score minus reference score over those pairs.
        reference_boxes: how many boxes the reference found in all.
        images: how many images were compared.
        per_class: in the order of the labels.
    """

    f1_50: float | None
    f1_85: float | None
    interval_50: Interval | None
    interval_85: Interval | None
    recall_50: float | None
    false_per_image: float
    mean_iou: float | None
    score_shift: float | None
    reference_boxes: int
    images: int
    per_class: tuple[ClassAgreement, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """What one candidate reached on the held-out images; mAP only where there are labels."""

    map: float | None
    map50: float | None
    agreement: Agreement | None
    per_class_map: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What is known of an engine once it is built.

    Attributes:
        layers: that the runtime has after fusing them.
        int8_layers: those that really compute in INT8.
        images: that TensorRT's own calibrator really used.
        build_seconds: it took to build.
    """

    layers: int
    int8_layers: int
    images: int
    build_seconds: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """One graph of the ladder, or the engine that was built from it.

    Attributes:
        name: unique in a ladder, e.g. ``int8 minmax``, ``int8 minmax on TensorRT 8.6.0``.
        precision: what it computes in.
        graph: the ONNX file.
        method: how the ranges in the graph were found; None where it has none, or its own.
        kept_float: blocks that are back in FP16.
        calibrator: TensorRT's own, that found the ranges while the engine was built.
        engine: the plan; None where the runtime runs the graph as it is.
        facts: about the engine that was built.
    """

    name: str
    precision: Precision
    graph: Path
    method: RangeMethod | None = None
    kept_float: tuple[str, ...] = ()
    calibrator: Calibrator | None = None
    engine: Path | None = None
    facts: EngineFacts | None = None

    @property
    def file(self) -> Path:
        """What is run."""
        return self.engine or self.graph


@dataclass(frozen=True, slots=True)
class Scored:
    """What the referee says of a candidate; ``doubts``: why that is too little to judge by."""

    score: Score
    doubts: tuple[str, ...] = ()
    engine_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Rung:
    """One candidate of the ladder and its verdict.

    Attributes:
        candidate: e.g. ``int8 minmax convs``, ``mixed minmax convs -model.22``, ``fp16``.
        precision: of the candidate.
        score: on the held-out images; None if it could not be made.
        passed: whether it may be published by itself.
        reason: one line: by how much it passed or failed, or why it could not be made.
        engine_ms: of one inference where it was scored, milliseconds.
        size_mb: of its file, megabytes (10**6 bytes).
        unproven: too few boxes to judge; never published by itself as INT8.
        engine: of a candidate that is a built engine; None for a graph on the referee.
    """

    candidate: str
    precision: Precision
    score: Score | None
    passed: bool
    reason: str
    engine_ms: float | None = None
    size_mb: float | None = None
    unproven: bool = False
    engine: EngineFacts | None = None


@dataclass(frozen=True, slots=True)
class BuildReport:
    """Everything ``report.json`` and the page show; plain values, ready for JSON.

    Attributes:
        model: name and SHA-256 of the source ONNX.
        labels: class names, by class id.
        created: UTC, ISO 8601, for people.
        machine: of the build: runtime, versions, device, power mode, by name.
        asked: precision, calibrator, runtime and limits of the gate, by name.
        images: counts: used, held_out, left_out.
        left_out: reason by image.
        warnings: for people.
        reference: score of FP32 (mAP only).
        ladder: every candidate in the order it was tried.
        published: name of the published candidate; None: nothing was.
        precision: of what was published; None: nothing was.
        fallback: name of the candidate that judges it in service; None: it needs none.
        sensitivity: noise in dB by block, worst first; empty unless it was needed.
        seconds: of the whole build.
        peak_memory_mb: of the process, megabytes (10**6 bytes).
    """

    model: dict[str, str]
    labels: tuple[str, ...]
    created: str
    machine: dict[str, str]
    asked: dict[str, str | float]
    images: dict[str, int]
    left_out: dict[str, str]
    warnings: tuple[str, ...]
    reference: Score
    ladder: tuple[Rung, ...]
    published: str | None
    precision: Precision | None
    fallback: str | None = None
    sensitivity: tuple[tuple[str, float], ...] = ()
    seconds: float = 0.0
    peak_memory_mb: float | None = None
