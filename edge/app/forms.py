"""One model in all its forms, PyTorch to INT8, each in a process of its own."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from edge.app.measure import WEIGHTS, Part, Progress
from edge.bench import Entry, tabulate
from edge.core.errors import EdgeError, UnavailableError
from edge.engine.manifest import MANIFEST, manifest_of

ROUNDS = 3
_LOADING_S = 600.0  # at most, of a process, before it measures anything


def bench_table(
    models: Sequence[Path], source: str, seconds: float, progress: Progress
) -> dict[str, Any]:
    """The table of a model's forms: every row against the row before.

    Args:
        models: ``.pt`` weights, ONNX files and bundles, in the order of the table.
        source: where the frames come from.
        seconds: of measuring, for all rows together.
        progress: told after every measurement.

    Raises:
        EdgeError: a bundle's manifest cannot be read; whatever else goes wrong is in its row.
    """
    forms = [form for model in models for form in _forms(model)]
    share_s = seconds / (ROUNDS * len(forms))
    entries = [
        Entry(name, partial(_in_fresh_process, model, part, source, share_s))
        for name, model, part in forms
    ]
    rows = tabulate(entries, rounds=ROUNDS, progress=progress)
    return {
        "source": source,
        "rounds": ROUNDS,
        "rows": [dataclasses.asdict(row) for row in rows],
    }


def _forms(model: Path) -> list[tuple[str, Path, Part]]:
    """Name, model and part of every row that a model makes."""
    if model.suffix == WEIGHTS:
        forms: list[Part] = ["fp32", "fp16"]
        return [(f"PyTorch {part}, {model.name}", model, part) for part in forms]
    if not (model / MANIFEST).exists():
        return [(f"ONNX Runtime, {model.name}", model, "engine")]
    manifest = manifest_of(model)
    precision = manifest.precision.value
    rows: list[tuple[str, Path, Part]] = [(precision, model, "engine")]
    if manifest.fallback is not None:
        lower = "fp32" if manifest.machine.runtime == "onnxruntime" else "fp16"
        loaded: Part = "service"
        rows.insert(0, (lower, model, "fallback"))
        rows.append((f"{precision} with the {lower} fallback loaded", model, loaded))
    runtime = {"tensorrt": "TensorRT", "onnxruntime": "ONNX Runtime"}[manifest.machine.runtime]
    return [(f"{runtime} {name}", path, part) for name, path, part in rows]


def _in_fresh_process(model: Path, part: Part, source: str, seconds: float) -> Mapping[str, Any]:
    job = {"model": str(model), "part": part, "source": source, "seconds": seconds}
    command = [sys.executable, "-m", "edge.app.measure_child", json.dumps(job)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds + _LOADING_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"it did not end within {error.timeout:.0f} s") from error
    if done.returncode:
        raise UnavailableError(_why(done.returncode, done.stderr))
    report: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def _why(code: int, log: str) -> str:
    if code < 0:
        return f"it was killed by {signal.Signals(-code).name}; SIGKILL: too little memory"
    lines = log.strip().splitlines()
    return lines[-1] if lines else f"it ended with exit code {code}"


def measure_from_job(text: str) -> str:
    """What a fresh process does: measure, and give the report as JSON; a failure as one line."""
    job = json.loads(text)
    from edge.app.measure import measured

    try:
        report = measured(Path(job["model"]), job["part"], job["source"], job["seconds"])
    except EdgeError as error:
        raise SystemExit(str(error)) from error
    return json.dumps(report)
