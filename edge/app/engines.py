"""TensorRT in a build: engines from graphs, their facts, and which runtime there is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge.app.graphs import Graphs
from edge.app.work import Told
from edge.core.build import Candidate, EngineFacts, Precision
from edge.core.errors import MissingLibraryError, UnavailableError
from edge.core.ports import Engine
from edge.engine import open_engine
from edge.engine.build_process import run_build
from edge.engine.cuda import first_gpu
from edge.engine.tensorrt_api import TensorRt, load_tensorrt
from edge.engine.tensorrt_build import BuildRequest
from edge.engine.tensorrt_engine import TensorRtEngine

RuntimeAsked = Literal["auto", "tensorrt", "onnxruntime"]
_CALIBRATING = re.compile(r"calibrating: (\d+) of (\d+)")


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How TensorRT builds.

    Attributes:
        workspace_mb: memory that one layer may use while it runs, MiB.
        optimisation_level: 0 to 5: how long TensorRT looks for faster kernels.
        dla_core: run on this Deep Learning Accelerator where possible; None: on the GPU.
        time_limit_s: a build that takes longer is stopped.
        batch: frames that an engine takes at once, of several cameras, at most.
    """

    workspace_mb: int = 1024
    optimisation_level: int = 3
    dla_core: int | None = None
    time_limit_s: float = 7200.0
    batch: int = 1

    @classmethod
    def as_before(cls, settings: Mapping[str, Any]) -> EngineSettings:
        """Those that a bundle's manifest names; defaults for the others."""
        return cls(
            **{each.name: settings[each.name] for each in fields(cls) if each.name in settings}
        )


def find_tensorrt(asked: RuntimeAsked) -> tuple[TensorRt | None, str]:
    """TensorRT, if it is to be used, else why not.

    Raises:
        MissingLibraryError: it is asked for by name, but not installed.
        UnavailableError: it is asked for by name, but there is no GPU.
    """
    if asked == "onnxruntime":
        return None, ""
    try:
        first_gpu()
        return load_tensorrt(), ""
    except (MissingLibraryError, UnavailableError) as error:
        if asked == "tensorrt":
            raise
        return None, str(error)


class Engines:
    """Builds engines into the work folder, and opens them."""

    def __init__(
        self,
        trt: TensorRt,
        settings: EngineSettings,
        graphs: Graphs,
        work: Path,
        *,
        timing: Path,
        told: Told,
    ) -> None:
        """Prepare; nothing is built yet.

        Args:
            trt: the library.
            settings: how it builds.
            graphs: of this build; their calibration tensors feed TensorRT's own calibrators.
            work: folder to write into.
            timing: folder of timings that are kept between builds.
            told: progress.
        """
        self.name = trt.name
        self._trt = trt
        self._settings = settings
        self._graphs = graphs
        self._work = work
        self._timing = timing
        self._told = told
        self._plans: dict[Path, tuple[tuple[str, ...], Precision]] = {}

    def build(self, candidate: Candidate) -> Candidate:
        """The candidate with an engine, and what is known of it.

        Raises:
            EdgeError: it cannot be built here.
        """
        plan = self._work / f"{re.sub('[^A-Za-z0-9.]+', '-', candidate.name)}.plan"
        calibrated = candidate.calibrator is not None
        request = BuildRequest(
            model=self._graph(candidate),
            plan=plan,
            precision=candidate.precision,
            calibrator=candidate.calibrator,
            images=self._graphs.images if calibrated else 0,
            write_cache=self.cache(candidate) if calibrated else None,
            workspace_mb=self._settings.workspace_mb,
            optimisation_level=self._settings.optimisation_level,
            timing_folder=self._timing,
            dla_core=self._settings.dla_core,
            batch=self._settings.batch,
        )
        what = f"building {candidate.name}"
        self._told(what, 0, 1)
        tensors: Iterable[NDArray[np.float32]] = self._graphs.tensors() if calibrated else ()
        result = run_build(
            request,
            tensors,
            time_limit_s=self._settings.time_limit_s,
            progress=lambda line: self._heard(what, line),
        )
        with closing(open_engine(candidate.graph)) as graph:
            self._plans[plan] = graph.labels, candidate.precision
        with closing(self.open(plan)) as engine:
            count = engine.layers()
        facts = EngineFacts(count.total, count.int8, result.images, result.seconds)
        return replace(candidate, engine=plan, facts=facts)

    def open(self, plan: Path) -> TensorRtEngine:
        """A plan of this build, loaded."""
        labels, precision = self._plans[plan]
        return TensorRtEngine(plan.read_bytes(), labels=labels, precision=precision)

    def open_any(self, file: Path) -> Engine:
        """A plan of this build, or a graph on the referee."""
        return self.open(file) if file in self._plans else open_engine(file)

    def cache(self, candidate: Candidate) -> Path:
        """Where the ranges of TensorRT's own calibrator are."""
        return self._work / f"{candidate.calibrator}.cache"

    def _graph(self, candidate: Candidate) -> Path:
        """Where no flags say what computes in FP16, the graph must."""
        quantised = candidate.precision in (Precision.INT8, Precision.MIXED)
        graph = candidate.graph
        if quantised and not self._trt.weakly_typed:
            graph = self._graphs.halved(graph)
        return graph if self._settings.batch == 1 else self._graphs.batched(graph)

    def _heard(self, what: str, line: str) -> None:
        if found := _CALIBRATING.fullmatch(line):
            self._told(f"{what}: calibrating", int(found[1]), int(found[2]))
