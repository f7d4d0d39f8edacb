"""Still images: detections, scores, and rendered ones; weights to ONNX."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.app.parts import open_detector
from edge.camera.images import list_images, read_image
from edge.camera.pattern import write_dataset
from edge.core.config import DetectConfig
from edge.core.errors import EdgeError
from edge.core.types import Detections, Frame, Size
from edge.export import export_onnx
from edge.report.labels import read_labels
from edge.report.map import CONFIDENCE, MOST_BOXES, NMS_IOU, mean_average_precision
from edge.sinks.annotated import AnnotatedImages
from edge.sinks.rows import rows_from_detections

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ImageResult:
    """Detections in one still image; ``latency_ms`` from decoded pixels to boxes."""

    path: Path
    size: Size
    detections: Detections
    labels: tuple[str, ...]
    latency_ms: float

    def rows(self) -> list[dict[str, Any]]:
        """One dict a detection: box, score, class_id, label."""
        return rows_from_detections(self.detections, self.labels)

    def as_json(self) -> dict[str, Any]:
        """The line that ``edge detect --json`` writes."""
        return {
            "image": str(self.path),
            "width": self.size.width,
            "height": self.size.height,
            "detections": self.rows(),
            "latency_ms": round(self.latency_ms, 2),
        }


def detect_images(
    sources: Sequence[str],
    model: Path | None,
    settings: DetectConfig,
    out: Path | None,
    refused: Callable[[EdgeError], None],
) -> Iterator[ImageResult]:
    """Detections in still images, one by one.

    Args:
        sources: files, folders or globs.
        model: see ``model_to_use``.
        settings: what counts as a detection.
        out: folder for copies with the boxes drawn in.
        refused: told of each image that cannot be used; the others go on.
    """
    with open_detector(model, settings) as detector:
        annotated = AnnotatedImages(out, detector.labels) if out else None
        for index, path in enumerate(list_images(sources)):
            try:
                frame = Frame(read_image(path), index, time.monotonic())
            except EdgeError as error:
                refused(error)
                continue
            start = time.perf_counter()
            detections = detector(frame)
            latency_ms = (time.perf_counter() - start) * 1000
            if annotated is not None:
                annotated.save(path, frame, detections)
            yield ImageResult(path, frame.size, detections, detector.labels, latency_ms)


def evaluate(model: Path | None, images: Path, labels: Path, progress: Progress) -> dict[str, Any]:
    """Mean average precision of a model on labelled images, by COCO's rules."""
    settings = DetectConfig(confidence=CONFIDENCE, iou=NMS_IOU, max_boxes=MOST_BOXES)
    found, truths = {}, {}
    with open_detector(model, settings) as detector:
        known = read_labels(labels, detector.labels)
        paths = list_images(images)
        names = [path.relative_to(images).as_posix() for path in paths]
        warnings = [*known.warnings, *known.missing(names)]
        for done, (name, path) in enumerate(zip(names, paths, strict=True)):
            frame = Frame(read_image(path), done, time.monotonic())
            truths[name] = known.truth(name, frame.size)
            found[name] = detector(frame)
            progress(done + 1, len(paths))
        report = mean_average_precision(found, truths, detector.labels)
    return {**dataclasses.asdict(report), "warnings": warnings}


def export(
    weights: Path, output: Path, *, imgsz: int, dynamic: bool, opset: int | None
) -> dict[str, Any]:
    """Ultralytics weights to ONNX."""
    report = export_onnx(weights, output, imgsz=imgsz, dynamic=dynamic, opset=opset)
    return {**dataclasses.asdict(report), "onnx": str(report.onnx)}


def render(  # noqa: PLR0913  what a data set is made of
    folder: Path,
    seeds: Sequence[int],
    frames: int,
    progress: Progress,
    *,
    size: Size,
    quality: int,
    workers: int,
) -> None:
    """Frames of the rendered line with their labels, ``frames`` for every seed."""
    write_dataset(
        folder,
        seeds,
        frames,
        size=size,
        quality=quality,
        workers=workers,
        progress=lambda done: progress(done, len(seeds) * frames),
    )
