"""The bundle's canary images, shown to an engine again: does it still answer as it did?

Another answer to the same pixels means that driver, memory or files are not what they were.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from edge.core.config import DetectConfig
from edge.core.errors import DataError, InputMissingError
from edge.core.types import Detections, Frame, Image
from edge.vision.agreement import IN_PLACE_IOU
from edge.vision.matching import match
from edge.watch.accuracy import Standing

ANSWERS = "canaries/answers.json"
"""Where a bundle keeps its canaries' answers."""
SCORE_SLACK = 0.05
"""Scores of one engine on one image may differ by this: preprocessing on CPU and GPU rounds
differently. A box this near to the threshold may come and go."""


@dataclass(frozen=True, slots=True, eq=False)
class Canary:
    """One image and what the engine found in it when the bundle was built.

    Attributes:
        name: of the file within the bundle.
        frame: the image.
        answer: what was found, boxes in pixels of the image.
    """

    name: str
    frame: Frame
    answer: Detections


@dataclass(frozen=True, slots=True)
class CanaryVerdict:
    """Whether an engine still answers as it did.

    Attributes:
        standing: ``NO_EVIDENCE`` without canaries, or when none of them shows anything.
        reason: one line for a person.
        failed: names of the images with another answer.
        images: how many were shown.
        boxes: how many had to be found again.
    """

    standing: Standing
    reason: str
    failed: tuple[str, ...]
    images: int
    boxes: int


def read_canaries(
    bundle: Path,
    read_image: Callable[[Path], Image],
    who: Literal["engine", "fallback"] = "engine",
) -> tuple[Canary, ...]:
    """A bundle's canaries; empty when it has none for this engine.

    Args:
        bundle: folder of a bundle that has been verified.
        read_image: reads a file as uint8 (H, W, 3) BGR.
        who: whose answers.

    Raises:
        DataError: the answers cannot be understood.
        InputMissingError: they cannot be read.
    """
    path = bundle / ANSWERS
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["canaries"]
        wanted = [(row["file"], _detections(row[who])) for row in rows if who in row]
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise InputMissingError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: holds no canary answers ({error!r}). Build the bundle anew: edge build"
        ) from error
    return tuple(
        Canary(file, Frame(read_image(bundle / file), index, 0.0, "canary"), answer)
        for index, (file, answer) in enumerate(wanted)
    )


def check_canaries(
    detect: Callable[[Frame], Detections],
    canaries: Sequence[Canary],
    confidence: float = DetectConfig().confidence,
) -> CanaryVerdict:
    """Show the canaries to an engine and compare its answers with those of the build.

    Args:
        detect: the engine's detector.
        canaries: of the running bundle.
        confidence: the higher of the build's and the service's threshold, 0..1; boxes that one of
            the two never shows decide nothing.
    """
    firm = confidence + SCORE_SLACK
    failed = tuple(
        canary.name for canary in canaries if not _same(canary.answer, detect(canary.frame), firm)
    )
    boxes = sum(int((canary.answer.scores >= firm).sum()) for canary in canaries)
    if failed:
        standing = Standing.BREACH
        reason = (
            f"{len(failed)} of {len(canaries)} canary images get another answer than when the "
            f"bundle was built, such as {failed[0]}. Check the machine: edge doctor"
        )
    elif not boxes:
        standing = Standing.NO_EVIDENCE
        reason = "no evidence: the bundle has no canary image that shows anything"
    else:
        standing = Standing.OK
        reason = f"{len(canaries)} canary images with {boxes} boxes are answered as ever"
    return CanaryVerdict(standing, reason, failed, len(canaries), boxes)


def _same(answer: Detections, found: Detections, firm: float) -> bool:
    """Whether every firm box of either side has its partner, in place and scored alike."""
    first, second = match(answer, found, IN_PLACE_IOU).pairs.T
    alike = np.abs(answer.scores[first] - found.scores[second]) <= SCORE_SLACK
    lost = np.setdiff1d(np.flatnonzero(answer.scores >= firm), first[alike])
    added = np.setdiff1d(np.flatnonzero(found.scores >= firm), second[alike])
    return not len(lost) and not len(added)


def _detections(rows: Sequence[dict[str, Any]]) -> Detections:
    return Detections(
        np.array([row["box"] for row in rows], np.float32).reshape(-1, 4),
        np.array([row["score"] for row in rows], np.float32),
        np.array([row["class_id"] for row in rows], np.int32),
    )
