"""A build as JSON: the whole report for the bundle, and the summary that the command prints."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from edge.core.build import BuildReport, Rung
from edge.core.errors import UnavailableError

_COUNTS_ONLY = ("per_class",)  # long, and in report.json anyway


def plain(report: BuildReport) -> dict[str, Any]:
    """The whole report as dicts, lists, text and numbers; keys are the fields' names, in order.

    What is not a number (NaN, infinity) becomes None: JSON has no word for it.
    """
    return {f.name: _plain(getattr(report, f.name)) for f in dataclasses.fields(report)}


def summary(report: BuildReport, bundle: Path | None = None) -> dict[str, Any]:
    """What ``edge build --json`` prints.

    Args:
        report: of the build.
        bundle: folder of the published bundle; None if nothing was published.
    """
    return {
        "bundle": None if bundle is None else str(bundle),
        "precision": _plain(report.precision),
        "runtime": report.machine.get("runtime", report.asked.get("runtime")),
        "reference": {"map": _plain(report.reference.map), "map50": _plain(report.reference.map50)},
        "ladder": [_rung(rung) for rung in report.ladder],
        "seconds": round(report.seconds, 3),
    }


def write_json(report: BuildReport, path: Path) -> None:
    """Write ``report.json``, ASCII only, so that odd file names survive any reader.

    Raises:
        UnavailableError: it cannot be written.
    """
    text = json.dumps(plain(report), indent=2, allow_nan=False)
    try:
        path.write_text(text + "\n", encoding="ascii")
    except OSError as error:
        raise UnavailableError(f"{path}: cannot be written: {error.strerror}") from error


def _rung(rung: Rung) -> dict[str, Any]:
    score = rung.score
    agreement = None if score is None else _plain(score.agreement)
    if agreement is not None:
        agreement = {key: agreement[key] for key in agreement if key not in _COUNTS_ONLY}
    return {
        "candidate": rung.candidate,
        "map": None if score is None else _plain(score.map),
        "map50": None if score is None else _plain(score.map50),
        "agreement": agreement,
        "passed": rung.passed,
        "reason": rung.reason,
        "engine": _plain(rung.engine),
    }


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
