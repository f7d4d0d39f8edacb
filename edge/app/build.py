"""From an ONNX model and a folder of images to a published bundle."""

from __future__ import annotations

import dataclasses
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

from edge.app.engines import Engines, EngineSettings, RuntimeAsked, find_tensorrt
from edge.app.graphs import Graphs
from edge.app.image_set import ImageSet
from edge.app.kernels import Kernels, find_kernels
from edge.app.page import page_extras
from edge.app.referee import Referee
from edge.app.shelf import Shelf
from edge.app.work import Told, sha256_of, work_folder
from edge.calibrate import Ladder, Outcome, Runtime, Search, Steps
from edge.core.build import Asked, BuildReport, Candidate, Rung
from edge.core.errors import ConfigError, DataError
from edge.core.gate import Gate
from edge.detect import CpuDetector
from edge.engine import open_engine
from edge.engine.intake import read_model
from edge.engine.machine import this_machine
from edge.host.jetson import power_mode
from edge.quantize.qdq import is_quantised
from edge.quantize.selection import LEAST_FOR_INT8
from edge.quantize.unquantised import without_pairs
from edge.report.build_json import plain, summary, write_json
from edge.report.build_page import write_page

SENSITIVITY_IMAGES = 4
REFUSED = "refused"
"""Folder of the last report that published nothing."""
TIMING = "timing"
"""Folder of TensorRT's timings, kept between builds: the next build is quicker."""


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What ``edge build`` was asked for.

    Attributes:
        model: the trained model, ONNX; one with Q/DQ pairs of its own keeps them.
        images: folder of the factory's images.
        labels: YOLO folder or COCO file; without it the gate has only agreement to go by.
        out: folder of all builds.
        asked: precision.
        runtime: what is to run it; ``auto``: TensorRT where there is one, with a GPU.
        search: where INT8 candidates come from.
        engine: how TensorRT builds.
        gate: limits.
        calibrate: how many images to calibrate with, at most.
        collected: folder of images from the line that nobody has labelled, besides ``images``.
        key: this device's key, that signs bundles.
    """

    model: Path
    images: Path
    labels: Path | None
    out: Path
    asked: Asked = "auto"
    runtime: RuntimeAsked = "auto"
    search: Search = field(default_factory=Search)
    engine: EngineSettings = field(default_factory=EngineSettings)
    gate: Gate = field(default_factory=Gate)
    calibrate: int = 300
    collected: Path | None = None
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
    with work_folder(request.out) as work:
        return _Build(request, work, told).run(tried)


class _Build:
    """One build; every expensive thing is done once, when it is first needed."""

    def __init__(self, request: BuildRequest, work: Path, told: Told) -> None:
        self._request = request
        self._work = work
        self._told = told
        self._started = time.monotonic()
        self._source = read_model(request.model)
        self._images = ImageSet(
            request.images,
            request.labels,
            self._source.labels,
            request.calibrate,
            told,
            request.collected,
        )
        self._trt, self._no_trt = find_tensorrt(request.runtime)
        if request.search.calibrators and self._trt is None:
            raise ConfigError(
                f"--calibrator {request.search.calibrators[0]} is TensorRT's own, and "
                f"{self._no_trt or 'ONNX Runtime was asked for'}. Leave it out"
            )

    def run(self, tried: Callable[[Rung], None]) -> dict[str, Any]:
        referee, graphs, engines = self._referee, self._graphs, self._engines
        steps = Steps(
            model=self._model,
            quantised=graphs.quantised,
            half=graphs.half,
            score=referee,
            blocks_by_noise=graphs.blocks_by_noise,
            runtime=None if engines is None else self._runtime(engines),
            own=self._request.model if self._is_quantised else None,
            tried=tried,
        )
        ladder = Ladder(steps, self._request.gate, referee.reference_score.map)
        outcome = ladder.descend(self._request.asked, self._search())
        report = self._report(outcome)
        folder = self._work if outcome.chosen else self._request.out / REFUSED
        folder.mkdir(exist_ok=True)
        write_json(report, folder / "report.json")
        extras = page_extras(referee, outcome, self._images, graphs)
        write_page(report, extras, folder / "report.html")
        bundle = self._published(outcome.chosen, outcome, report) if outcome.chosen else None
        page = (bundle or folder) / "report.html"
        return {**summary(report, bundle), "page": str(page), "report": plain(report)}

    def _search(self) -> Search:
        """No INT8 from a handful of images: their ranges say nothing of the others'."""
        usable = len(self._images.selection.calibration)
        if usable >= LEAST_FOR_INT8 or self._is_quantised:
            return self._request.search
        if self._request.asked == "int8":
            raise DataError(
                f"{self._request.images}: {usable} usable calibration images; INT8 "
                f"needs at least {LEAST_FOR_INT8}, and 100 or more to be good"
            )
        return Search(methods=())

    @cached_property
    def _is_quantised(self) -> bool:
        return is_quantised(self._request.model)

    @cached_property
    def _model(self) -> Path:
        """The FP32 graph: the reference of all."""
        if not self._is_quantised:
            return self._request.model
        floats = self._work / "float.onnx"
        without_pairs(self._request.model, floats)
        return floats

    @cached_property
    def _graphs(self) -> Graphs:
        selection = self._images.selection
        return Graphs(
            self._model,
            self._work,
            lambda: self._tensors(selection.calibration, "collecting ranges"),
            lambda: self._tensors(selection.held_out[:SENSITIVITY_IMAGES], "measuring blocks"),
            images=len(selection.calibration),
        )

    @cached_property
    def _engines(self) -> Engines | None:
        if self._trt is None:
            return None
        return Engines(
            self._trt,
            self._request.engine,
            self._graphs,
            self._work,
            timing=self._request.out / TIMING,
            told=self._told,
        )

    def _runtime(self, engines: Engines) -> Runtime:
        return Runtime(
            engines.name,
            engines.build,
            lambda engine: self._referee.same(engine.file, engine.graph),
        )

    @cached_property
    def _referee(self) -> Referee:
        images, engines = self._images, self._engines
        held_out = images.selection.held_out
        return Referee(
            lambda: images.frames(held_out),
            images.truths(held_out),
            open_engine if engines is None else engines.open_any,
            self._model,
        )

    def _tensors(self, names: Sequence[str], what: str) -> Iterator[Any]:
        """Through the very preprocessing of the live path."""
        with closing(open_engine(self._model)) as engine:
            detector = CpuDetector(engine)
            for done, (_, frame) in enumerate(self._images.frames(names)):
                self._told(what, done, len(names))
                yield detector.preprocess(frame)[0]

    def _report(self, outcome: Outcome) -> BuildReport:
        request, chosen = self._request, outcome.chosen
        selection = self._images.selection
        machine = self._machine.model_dump(exclude_none=True)
        gate = dataclasses.asdict(request.gate)
        return BuildReport(
            model=self._source_facts,
            labels=self._source.labels,
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            machine={name: str(value) for name, value in machine.items()},
            asked={
                "precision": request.asked,
                "runtime": request.runtime,
                "calibrate": float(request.calibrate),
                **gate,
            },
            images={
                "calibration": len(selection.calibration),
                "held_out": len(selection.held_out),
                "left_out": len(self._images.left_out),
            },
            left_out=self._images.left_out,
            warnings=(*self._images.warnings, *self._kernels[1]),
            reference=self._referee.reference_score,
            ladder=outcome.ladder,
            published=chosen.name if chosen else None,
            precision=chosen.precision if chosen else None,
            fallback=outcome.fallback.name if outcome.fallback else None,
            sensitivity=tuple((one.block.name, one.noise_db) for one in self._graphs.noise),
            seconds=time.monotonic() - self._started,
            peak_memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        )

    @cached_property
    def _machine(self) -> Any:
        mode = power_mode(Path("/"))
        return this_machine("tensorrt" if self._trt else "onnxruntime", power_mode=mode)

    @cached_property
    def _kernels(self) -> tuple[Kernels | None, tuple[str, ...]]:
        gpu = self._machine.compute_capability if self._trt else None
        return find_kernels(gpu, self._request.out, self._request.key)

    @cached_property
    def _source_facts(self) -> dict[str, str]:
        model = self._request.model
        return {"name": model.name, "sha256": sha256_of([model])}

    def _published(self, chosen: Candidate, outcome: Outcome, report: BuildReport) -> Path:
        selection = self._images.selection
        shelf = Shelf(self._request.out, self._work, self._request.key)
        shelf.put_engines(chosen, outcome.fallback)
        shelf.put_kernels(self._kernels[0])
        if chosen.method:
            ranges = self._graphs.ranges(chosen.method)
            shelf.put_ranges(ranges, chosen.method, len(selection.calibration), self._source_facts)
        if chosen.calibrator and self._engines:
            shelf.put_cache(self._engines.cache(chosen))
        shelf.put_canaries(self._referee, chosen, outcome.fallback, self._images.paths)
        shelf.put_baseline(self._referee, chosen, self._images)
        self._told("publishing", 0, 1)
        return shelf.publish(self._manifest(chosen, report))

    def _manifest(self, chosen: Candidate, report: BuildReport) -> dict[str, Any]:
        names = self._images.selection.calibration
        used = [self._images.paths[name] for name in names]
        calibrated = chosen.method or chosen.calibrator
        return {
            "machine": self._machine.model_dump(),
            "precision_asked": self._request.asked,
            "precision": chosen.precision.value,
            "source": report.model,
            "calibration": {"sha256": sha256_of(used), "images": len(used)} if calibrated else None,
            "labels": list(self._source.labels),
            "input_size": dataclasses.asdict(self._source.input_size),
            "settings": {**report.asked, **dataclasses.asdict(self._request.engine)},
        }
