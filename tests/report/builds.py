"""Builds to report on, made for a test."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from edge.core.build import (
    Agreement,
    BuildReport,
    ClassAgreement,
    Interval,
    Precision,
    Rung,
    Score,
)
from edge.core.types import Detections, Image
from edge.report.extras import (
    Curve,
    Disagreement,
    PageExtras,
    Role,
    ScorePairs,
    TensorHistogram,
    Thumbnail,
)

LABELS = ("scratch", "dent")
GOOD = (0.991, 0.984, 0.6)  # F1 at IoU 0.50, at 0.85, mAP50-95
BAD = (0.532, 0.013, 0.02)
ROLES: tuple[Role, ...] = ("calibration", "held_out", "left_out")


def agreement(f1_50: float | None, f1_85: float | None, **changes: Any) -> Agreement:
    found = Agreement(
        f1_50=f1_50,
        f1_85=f1_85,
        interval_50=None if f1_50 is None else Interval(f1_50 - 0.004, min(1.0, f1_50 + 0.004)),
        interval_85=None if f1_85 is None else Interval(f1_85 - 0.008, min(1.0, f1_85 + 0.008)),
        recall_50=f1_50,
        false_per_image=0.25,
        mean_iou=0.97,
        score_shift=-0.013,
        reference_boxes=412,
        images=40,
        per_class=(
            ClassAgreement(LABELS[0], 300, f1_50, f1_85),
            ClassAgreement(LABELS[1], 112, f1_50, f1_85),
        ),
    )
    return dataclasses.replace(found, **changes)


def rung(
    name: str, numbers: tuple[float, float, float] = GOOD, *, passed: bool = True, **changes: Any
) -> Rung:
    f1_50, f1_85, mean_ap = numbers
    made = Rung(
        candidate=name,
        precision=Precision(name.split()[0]),
        score=Score(mean_ap, 0.93, agreement(f1_50, f1_85), {"scratch": 0.7, "dent": None}),
        passed=passed,
        reason=f"why {name} {'passed' if passed else 'failed'}",
        engine_ms=72.4,
        size_mb=3.31,
    )
    return dataclasses.replace(made, **changes)


def build(*ladder: Rung, published: str | None = None, **changes: Any) -> BuildReport:
    chosen = next((r for r in ladder if r.candidate == published), None)
    report = BuildReport(
        model={"name": "line.onnx", "sha256": "ab" * 32},
        labels=LABELS,
        created="2026-11-23T09:20:00+00:00",
        machine={"runtime": "onnxruntime", "onnxruntime": "1.31.0", "device": "2 cores"},
        asked={"precision": "auto", "f1_50": 0.975, "f1_85": 0.95, "map_drop": 0.005},
        images={"calibration": 85, "held_out": 40, "left_out": 1},
        left_out={"dark.jpg": "black: mean brightness 2.1"},
        warnings=("only 85 images for calibration",),
        reference=Score(0.602, 0.934, None, {"scratch": 0.71, "dent": None}),
        ladder=ladder,
        published=published,
        precision=chosen.precision if chosen else None,
        sensitivity=(("model.22", 11.5), ("model.2", 24.0)),
        seconds=141.2,
        peak_memory_mb=912.0,
    )
    return dataclasses.replace(report, **changes)


def found(*boxes: tuple[int, list[float], float]) -> Detections:
    return Detections(
        np.array([box for _, box, _ in boxes], np.float32).reshape(-1, 4),
        np.array([score for _, _, score in boxes], np.float32),
        np.array([class_id for class_id, _, _ in boxes], np.int32),
    )


def grey(width: int = 320, height: int = 180) -> Image:
    return np.full((height, width, 3), 128, np.uint8)


def extras(candidate: str = "int8 minmax", image: Image | None = None) -> PageExtras:
    """One of everything."""
    picture = grey() if image is None else image
    expected = found((0, [20, 20, 60, 60], 0.9), (1, [200, 100, 240, 150], 0.8))
    got = found((0, [22, 21, 62, 61], 0.85), (0, [120, 30, 150, 70], 0.4))
    ranges = {"minmax": 6.3, "entropy": 2.5}
    return PageExtras(
        curves=(Curve("FP32", (0, 0.5, 1), (1, 0.9, 0.2)), Curve(candidate, (0, 1), (1, 0))),
        scores=(ScorePairs(candidate, (0.9, 0.5), (0.88, 0.55)),),
        histograms=(TensorHistogram("/model.2/act", np.arange(64)[::-1] ** 3, 0.1, ranges),),
        disagreements=(Disagreement(picture, expected, got, candidate, "part-7.jpg"),),
        contact_sheet=tuple(Thumbnail(f"{r}.jpg", picture, r, "blurred") for r in ROLES),
    )
