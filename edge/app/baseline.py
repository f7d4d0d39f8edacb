"""What the line looks like, for the drift watch of the bundle that is built."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from edge.core.types import Detections
from edge.vision.features import Features
from edge.watch import BASELINE, Baseline

LEAST_IMAGES = 20
"""Brightness of fewer is learned in service."""
LEAST_BOXES = 50
"""Scores and class mix of fewer are learned in service; the gate asks for as many. With six classes
so few are about 0.15 from 300 others of the same kind, half of the distance that warns."""


def baseline_of(
    images: Mapping[str, Features], found: Mapping[str, Detections], classes: int
) -> Baseline:
    """The baseline of a build; what there is too little of stays unknown.

    Args:
        images: of the build, calibration images and held-out ones.
        found: what the published engine finds in the held-out ones, at the service's thresholds.
        classes: that the model knows.
    """
    brightness = [each.brightness for each in images.values()]
    boxes = sum(map(len, found.values()))
    return Baseline.of(
        brightness if len(brightness) >= LEAST_IMAGES else (),
        found.values() if boxes >= LEAST_BOXES else (),
        classes,
    )


def write_baseline(baseline: Baseline, work: Path) -> dict[str, Path]:
    """As a file of JSON in the folder ``work``, by its name in the bundle."""
    output = work / BASELINE
    output.write_text(json.dumps(dataclasses.asdict(baseline)) + "\n", encoding="utf-8")
    return {BASELINE: output}
