"""From histograms to ranges: what one step of INT8 is worth, four ways."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.core.build import RangeMethod
from edge.core.errors import DataError, InputMissingError
from edge.quantize.collect import Histograms, TensorHistogram

LEVELS = 127
"""Positive steps of symmetric INT8: scale = absolute maximum / 127."""

SMALLEST_RANGE = LEVELS * 2.0**-24
"""For an activation that is always 0: its scale is then the least that float16 can hold, so that
no precision turns it into a division by zero."""

_PERCENTILE = 99.99
_CANDIDATES = 128
_POINTS_A_BIN = 4
_ENTROPY_LEVELS = 128


def ranges_from(histograms: Histograms, method: RangeMethod) -> dict[str, float]:
    """The absolute maximum that INT8 covers, by tensor name; never 0, never above what was seen.

    Args:
        histograms: of every activation to be quantised.
        method: ``minmax`` covers all that was seen; ``percentile`` 99.99 % of it; ``mse`` has the
            least squared error of quantisation; ``entropy`` loses the least information.
    """
    chosen = _METHODS[method]
    return {
        name: max(min(chosen(histogram), histogram.amax), SMALLEST_RANGE)
        for name, histogram in histograms.tensors.items()
    }


def quantisation_error(histogram: TensorHistogram, amax: float) -> float:
    """Mean squared error of symmetric INT8 with this range, over a histogram.

    Values are taken to be spread evenly in their bin, at 4 points of it: the clip range may
    be so narrow that a step of INT8 is no wider than a bin.
    """
    return float(_errors(histogram, np.array([amax]))[0])


def save_ranges(
    path: Path, ranges: Mapping[str, float], *, method: str, images: int, model_sha256: str = ""
) -> None:
    """Write ranges as JSON.

    Args:
        path: of the file; an older one is replaced.
        ranges: absolute maximum by tensor name.
        method: how they were chosen.
        images: how many calibration images they come from.
        model_sha256: of the ONNX that they belong to, in hexadecimal.
    """
    content = {
        "method": method,
        "images": images,
        "model_sha256": model_sha256,
        "ranges": {name: float(amax) for name, amax in ranges.items()},
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load_ranges(path: Path, *, model_sha256: str | None = None) -> dict[str, float]:
    """Read ranges as ``save_ranges`` wrote them.

    Args:
        path: of the file.
        model_sha256: of the ONNX they are wanted for; None: not checked.

    Raises:
        InputMissingError: the file cannot be opened.
        DataError: it is not such a file, holds a range that is not finite and positive, or belongs
            to another model.
    """
    content = _read(path)
    recorded = content.get("model_sha256", "")
    if model_sha256 is not None and recorded != model_sha256:
        raise DataError(
            f"{path}: belongs to another model (SHA-256 {recorded[:12] or 'unknown'}, wanted "
            f"{model_sha256[:12]}). Calibrate this model: edge build"
        )
    for name, amax in content["ranges"].items():
        if type(amax) not in (int, float) or not math.isfinite(amax) or amax <= 0:
            raise DataError(f"{path}: the range of {name!r} is {amax!r}, not a positive number")
    return {name: float(amax) for name, amax in content["ranges"].items()}


def _minmax(histogram: TensorHistogram) -> float:
    return histogram.amax


def _percentile(histogram: TensorHistogram) -> float:
    """Where 99.99 % of the values lie below, a straight line within its bin."""
    counts = histogram.counts
    below = np.cumsum(counts)
    wanted = below[-1] * _PERCENTILE / 100
    place = int(np.searchsorted(below, wanted))
    share = (wanted - (below[place] - counts[place])) / max(counts[place], 1)
    return float((place + share) * histogram.limit / len(counts))


def _mse(histogram: TensorHistogram) -> float:
    """The candidate with the least error: 128 of them, evenly over what was seen."""
    candidates = histogram.amax * np.arange(1, _CANDIDATES + 1) / _CANDIDATES
    if not histogram.amax:
        return 0.0
    return float(candidates[np.argmin(_errors(histogram, candidates))])


def _errors(histogram: TensorHistogram, clips: NDArray[np.float64]) -> NDArray[np.float64]:
    used = np.flatnonzero(histogram.counts)
    inside = (np.arange(_POINTS_A_BIN) + 0.5) / _POINTS_A_BIN
    values = ((used[:, None] + inside) * histogram.limit / len(histogram.counts)).ravel()
    weights = np.repeat(histogram.counts[used], _POINTS_A_BIN)
    scales = np.maximum(clips, SMALLEST_RANGE)[:, None] / LEVELS
    rounded = np.minimum(np.rint(values / scales), LEVELS) * scales
    return np.square(rounded - values) @ weights / max(float(weights.sum()), 1.0)


def _entropy(histogram: TensorHistogram) -> float:
    """The clip whose 128 levels differ least from the distribution, by Kullback-Leibler.

    The algorithm that TensorRT's entropy calibration was published with: S. Migacz, "8-bit
    Inference with TensorRT", NVIDIA GTC 2017, pages 26 and 37-38. For each number of bins kept:
    what lies beyond is added to the last bin kept (P), the kept bins are merged into 128 levels
    and spread again over those that are not empty (Q), and KL(P || Q) is compared.

    Sums over levels are differences of running sums, so that all candidates are computed at once.
    """
    counts = histogram.counts[: int(np.max(np.flatnonzero(histogram.counts), initial=0)) + 1]
    if len(counts) <= _ENTROPY_LEVELS:
        return histogram.amax
    kept = np.arange(_ENTROPY_LEVELS, len(counts) + 1)
    kept = kept[counts[kept - 1] > 0]  # else Q is 0 where P is not: infinitely far
    best = int(kept[np.argmin(_divergences(counts.astype(np.float64), kept))])
    if best == len(counts):
        return histogram.amax
    return (best + 0.5) * histogram.limit / len(histogram.counts)


def _divergences(counts: NDArray[np.float64], kept: NDArray[np.intp]) -> NDArray[np.float64]:
    """KL(P || Q) for each number of bins kept; the last bin kept is never empty."""
    total = counts.sum()
    running = _running(counts)
    edges = np.arange(_ENTROPY_LEVELS + 1) * kept[:, None] // _ENTROPY_LEVELS
    mass = np.diff(running[edges])
    filled = np.diff(_running((counts > 0).astype(np.float64))[edges])
    inside, last = running[kept], counts[kept - 1]
    beyond = total - inside
    own = _running(_xlogx(counts))[kept] - _xlogx(last) + _xlogx(last + beyond)
    height = np.log(np.where(filled > 0, mass, 1) / np.maximum(filled, 1))
    crossed = (mass * height).sum(axis=1) + beyond * height[:, -1]
    return (own - crossed) / total - np.log(total) + np.log(inside)


def _running(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate(([0.0], np.cumsum(values)))


def _xlogx(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values * np.log(np.maximum(values, 1.0))  # counts: whole numbers, 0 log 0 = 0


_METHODS: dict[RangeMethod, Callable[[TensorHistogram], float]] = {
    "minmax": _minmax,
    "percentile": _percentile,
    "mse": _mse,
    "entropy": _entropy,
}


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputMissingError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path}: not JSON: {error}. Calibrate again: edge build") from error
    if not isinstance(content, dict) or not isinstance(content.get("ranges"), dict):
        raise DataError(f"{path}: holds no 'ranges'. Calibrate again: edge build")
    if not content["ranges"]:
        raise DataError(f"{path}: its 'ranges' are empty. Calibrate again: edge build")
    return content
