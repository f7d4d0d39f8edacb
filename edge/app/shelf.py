"""What goes into a bundle, collected and put there in one go."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.app.baseline import baseline_of, write_baseline
from edge.app.canaries import choose, write_canaries
from edge.app.image_set import ImageSet
from edge.app.kernels import Kernels
from edge.app.referee import Referee
from edge.core.build import Candidate, RangeMethod
from edge.engine.bundle import write_bundle
from edge.engine.publish import publish
from edge.quantize.cache import write_calibration_cache
from edge.quantize.ranges import save_ranges

CACHE = "calibration.cache"
CUBIN = "kernels.cubin"


class Shelf:
    """The files of one bundle, by their names in it."""

    def __init__(self, out: Path, work: Path, key: Path) -> None:
        """Start with the report; everything else is put beside it."""
        self._out = out
        self._work = work
        self._key = key
        self._run: dict[str, str | None] = {}
        self._files = {name: work / name for name in ("report.json", "report.html")}

    def put_engines(self, chosen: Candidate, fallback: Candidate | None) -> None:
        """What is run, what it falls back to, and the graphs that both were built from."""
        self._run |= {"engine": self._engine("engine", chosen), "fallback": None}
        if fallback is not None:
            self._run["fallback"] = self._engine("fallback", fallback)

    def put_kernels(self, kernels: Kernels | None) -> None:
        """What does the work on the GPU before and after the engines; None: the CPU does it."""
        if kernels is None:
            return
        file = self._work / CUBIN
        file.write_bytes(kernels.cubin)
        self._files[CUBIN] = file
        self._run |= {"kernels": CUBIN, "kernels_id": kernels.identity}

    def put_ranges(
        self, ranges: Mapping[str, float], method: RangeMethod, images: int, source: dict[str, str]
    ) -> None:
        """The ranges that are in the graph: as JSON, and in TensorRT's own format."""
        file = self._work / "ranges.json"
        save_ranges(file, ranges, method=method, images=images, model_sha256=source["sha256"])
        self._files[file.name] = file
        write_calibration_cache(self._work / CACHE, ranges)
        self._files[CACHE] = self._work / CACHE

    def put_cache(self, cache: Path) -> None:
        """The ranges that TensorRT's own calibrator found."""
        self._files[CACHE] = cache

    def put_canaries(
        self,
        referee: Referee,
        chosen: Candidate,
        fallback: Candidate | None,
        paths: Mapping[str, Path],
    ) -> None:
        """A few held-out images, and what engine and fallback find in them."""
        answers = {"engine": referee.findings[chosen.file]}
        if fallback is not None:
            answers["fallback"] = referee.findings.get(fallback.file, referee.reference)
        names = choose(referee.reference.service)
        self._files |= write_canaries(names, paths, answers, self._work)

    def put_baseline(self, referee: Referee, chosen: Candidate, images: ImageSet) -> None:
        """What the line looks like, to the published engine and before any."""
        selection = images.selection
        used = {
            name: images.features[name] for name in (*selection.calibration, *selection.held_out)
        }
        found = referee.findings[chosen.file].service
        self._files |= write_baseline(baseline_of(used, found, len(referee.labels)), self._work)

    def publish(self, manifest: dict[str, Any]) -> Path:
        """Write, sign and publish: one folder, then one rename."""
        bundle = write_bundle(self._out, self._files, {**manifest, **self._run}, key=self._key)
        publish(self._out, bundle)
        return bundle

    def _engine(self, role: str, candidate: Candidate) -> str:
        self._files[f"{role}.onnx"] = candidate.graph
        if candidate.engine is None:
            return f"{role}.onnx"
        self._files[f"{role}.plan"] = candidate.engine
        return f"{role}.plan"
