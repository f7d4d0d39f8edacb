"""From an ONNX model and a folder of images to a published bundle."""

from __future__ import annotations

import dataclasses
import resource
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

from edge.app.image_set import ImageSet
from edge.app.page import Used, few_histograms, page_extras
from edge.app.referee import Referee
from edge.app.work import sha256_of, work_folder
from edge.calibrate import Asked, Candidate, Gate, Ladder, Outcome, Steps
from edge.core.build import RANGE_METHODS, BuildReport, Placement, RangeMethod, Rung
from edge.core.errors import DataError
from edge.detect import CpuDetector
from edge.engine import open_engine
from edge.engine.bundle import write_bundle
from edge.engine.intake import read_model
from edge.engine.machine import this_machine
from edge.engine.publish import publish
from edge.quantize.blocks import blocks
from edge.quantize.collect import Histograms, collect
from edge.quantize.half import half
from edge.quantize.qdq import is_quantised, quantise
from edge.quantize.ranges import ranges_from, save_ranges
from edge.quantize.selection import LEAST_FOR_INT8
from edge.quantize.sensitivity import Sensitivity, sensitivity
from edge.report.build_json import plain, summary, write_json
from edge.report.build_page import write_page
from edge.report.extras import PageExtras

Told = Callable[[str, int, int], None]
SENSITIVITY_IMAGES = 4
REFUSED = "refused"
"""Folder of the last report that published nothing."""


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What ``edge build`` was asked for.

    Attributes:
        model: the trained model, ONNX.
        images: folder of the factory's images.
        labels: YOLO folder or COCO file; without it the gate has only agreement to go by.
        out: folder of all builds.
        asked: precision.
        methods: range methods to try.
        neck: also try the faster placement.
        gate: limits.
        calibrate: how many images to calibrate with, at most.
        key: this device's key, that signs bundles.
    """

    model: Path
    images: Path
    labels: Path | None
    out: Path
    asked: Asked = "auto"
    methods: tuple[RangeMethod, ...] = RANGE_METHODS
    neck: bool = False
    gate: Gate = field(default_factory=Gate)
    calibrate: int = 300
    key: Path = Path()


def build(request: BuildRequest, told: Told, tried: Callable[[Rung], None]) -> dict[str, Any]:
    """Build, prove and publish; or publish nothing and say why.

    Args:
        request: what was asked for.
        told: progress: what is being done, how far, of how much.
        tried: each rung of the ladder as soon as it is judged.

    Returns:
        What ``edge build --json`` writes; ``bundle`` is None when nothing was published.
    """
    if is_quantised(request.model):
        raise DataError(
            f"{request.model}: is already quantised. Give the FP32 model; gating a model with its "
            "own Q/DQ is not in this version"
        )
    with work_folder(request.out) as work:
        return _Build(request, work, told).run(tried)


class _Build:
    """One build; every expensive thing is done once, when it is first needed."""

    def __init__(self, request: BuildRequest, work: Path, told: Told) -> None:
        self._request = request
        self._work = work
        self._told = told
        self._started = time.monotonic()
        self._model = read_model(request.model)
        self._images = ImageSet(
            request.images, request.labels, self._model.labels, request.calibrate, told
        )
        self._noise: tuple[Sensitivity, ...] = ()

    def run(self, tried: Callable[[Rung], None]) -> dict[str, Any]:
        referee = self._referee
        steps = Steps(
            model=self._request.model,
            quantised=self._quantised,
            half=self._half,
            score=referee,
            blocks_by_noise=self._blocks_by_noise,
            tried=tried,
        )
        ladder = Ladder(steps, self._request.gate, referee.reference_score.map)
        outcome = ladder.descend(self._request.asked, self._methods(), neck=self._request.neck)
        report = self._report(outcome)
        folder = self._work if outcome.chosen else self._request.out / REFUSED
        folder.mkdir(exist_ok=True)
        write_json(report, folder / "report.json")
        write_page(report, self._extras(outcome), folder / "report.html")
        bundle = self._published(outcome.chosen, report) if outcome.chosen else None
        page = (bundle or folder) / "report.html"
        return {**summary(report, bundle), "page": str(page), "report": plain(report)}

    def _methods(self) -> tuple[RangeMethod, ...]:
        """No INT8 from a handful of images: their ranges say nothing of the others'."""
        usable = len(self._images.selection.calibration)
        few = usable < LEAST_FOR_INT8
        if few and self._request.asked == "int8":
            raise DataError(
                f"{self._request.images}: {usable} usable calibration images; INT8 "
                f"needs at least {LEAST_FOR_INT8}, and 100 or more to be good"
            )
        return () if few else self._request.methods

    @cached_property
    def _referee(self) -> Referee:
        images = self._images
        held_out = images.selection.held_out
        return Referee(
            lambda: images.frames(held_out),
            images.truths(held_out),
            open_engine,
            self._request.model,
        )

    def _tensors(self, names: Sequence[str], what: str) -> Iterator[Any]:
        """Through the very preprocessing of the live path."""
        with closing(open_engine(self._request.model)) as engine:
            detector = CpuDetector(engine)
            for done, (_, frame) in enumerate(self._images.frames(names)):
                self._told(what, done, len(names))
                yield detector.preprocess(frame)[0]

    @cached_property
    def _histograms(self) -> Histograms:
        names = self._images.selection.calibration
        return collect(self._request.model, self._tensors(names, "collecting ranges"))

    def _ranges(self, method: RangeMethod) -> dict[str, float]:
        return ranges_from(self._histograms, method)

    def _quantised(self, method: RangeMethod, placement: Placement, kept: Collection[str]) -> Path:
        output = self._work / f"{'-'.join(['qdq', method, placement, *kept])}.onnx"
        nodes = [node for block in self._blocks if block.name in kept for node in block.nodes]
        quantise(
            self._request.model,
            self._ranges(method),
            output,
            placement=placement,
            keep_float=nodes,
        )
        return output

    def _half(self) -> Path:
        output = self._work / "fp16.onnx"
        half(self._request.model, output)
        return output

    @cached_property
    def _blocks(self) -> Any:
        return blocks(self._request.model)

    def _blocks_by_noise(self, method: RangeMethod) -> list[str]:
        names = self._images.selection.held_out[:SENSITIVITY_IMAGES]
        tensors = [tensor.copy() for tensor in self._tensors(names, "preparing sensitivity")]
        self._noise = sensitivity(
            self._request.model,
            self._ranges(method),
            tensors,
            self._blocks,
            self._work,
            open_engine=open_engine,
        )
        return [one.block.name for one in self._noise]

    def _report(self, outcome: Outcome) -> BuildReport:
        request, chosen = self._request, outcome.chosen
        selection = self._images.selection
        left_out = self._images.left_out
        machine = this_machine("onnxruntime").model_dump(exclude_none=True)
        gate = dataclasses.asdict(request.gate)
        return BuildReport(
            model={"name": request.model.name, "sha256": sha256_of([request.model])},
            labels=self._model.labels,
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            machine={name: str(value) for name, value in machine.items()},
            asked={"precision": request.asked, "calibrate": float(request.calibrate), **gate},
            images={
                "calibration": len(selection.calibration),
                "held_out": len(selection.held_out),
                "left_out": len(left_out),
            },
            left_out=left_out,
            warnings=self._images.warnings,
            reference=self._referee.reference_score,
            ladder=outcome.ladder,
            published=chosen.name if chosen else None,
            precision=chosen.precision if chosen else None,
            sensitivity=tuple((one.block.name, one.noise_db) for one in self._noise),
            seconds=time.monotonic() - self._started,
            peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        )

    def _published(self, chosen: Candidate, report: BuildReport) -> Path:
        """Everything that proves it into one folder, and one rename."""
        files = {
            "engine.onnx": chosen.model,
            "fallback.onnx": self._request.model,
            "report.json": self._work / "report.json",
            "report.html": self._work / "report.html",
        }
        if chosen.method:
            names = self._images.selection.calibration
            save_ranges(
                self._work / "ranges.json",
                self._ranges(chosen.method),
                method=chosen.method,
                images=len(names),
                model_sha256=report.model["sha256"],
            )
            files["ranges.json"] = self._work / "ranges.json"
        bundle = write_bundle(
            self._request.out, files, self._manifest(chosen, report), key=self._request.key
        )
        publish(self._request.out, bundle)
        return bundle

    def _extras(self, outcome: Outcome) -> PageExtras:
        """Of every candidate, the quantised ones first: their differences are the telling ones."""
        referee, selection = self._referee, self._images.selection
        order = sorted(outcome.scored, key=lambda c: (c.method is None, c != outcome.chosen))
        shown = [(one.name, referee.findings[one.model]) for one in order]
        used = Used(selection.calibration, selection.held_out, self._images.left_out)
        tried = {one.method for one in order if one.method}
        ranges = {str(method): self._ranges(method) for method in tried}
        histograms = few_histograms(self._histograms, ranges) if ranges else ()
        return page_extras(referee, shown, used, self._images.frames, histograms)

    def _manifest(self, chosen: Candidate, report: BuildReport) -> dict[str, Any]:
        names = self._images.selection.calibration
        used = [self._images.paths[name] for name in names]
        return {
            "machine": this_machine("onnxruntime").model_dump(),
            "precision_asked": self._request.asked,
            "precision": chosen.precision.value,
            "source": report.model,
            "calibration": {"sha256": sha256_of(used), "images": len(used)}
            if chosen.method
            else None,
            "labels": list(self._model.labels),
            "input_size": dataclasses.asdict(self._model.input_size),
            "settings": dict(report.asked),
            "engine": "engine.onnx",
            "fallback": "fallback.onnx",
        }
