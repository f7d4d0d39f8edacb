"""Ranges: each method keeps its promise, and none gives a range that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edge.core.build import RANGE_METHODS, RangeMethod
from edge.core.errors import DataError, InputMissingError
from edge.quantize.collect import BINS, Histograms, TensorHistogram
from edge.quantize.ranges import (
    SMALLEST_RANGE,
    load_ranges,
    quantisation_error,
    ranges_from,
    save_ranges,
)

VALUES = hnp.arrays(
    np.float32,
    st.integers(1, 300),
    elements=st.floats(-1e4, 1e4, width=32, allow_subnormal=False),
)


def seen(values: NDArray[np.float32]) -> Histograms:
    histogram = TensorHistogram()
    histogram.add(values)
    return Histograms({"tensor": histogram}, 1)


def range_of(values: NDArray[np.float32], method: RangeMethod) -> float:
    return ranges_from(seen(values), method)["tensor"]


def heavy_tail(seed: int = 0) -> NDArray[np.float32]:
    """Mostly within 3, with single values some ten times as large."""
    return np.random.default_rng(seed).standard_t(4, 50_000).astype(np.float32)


@given(VALUES)
@pytest.mark.parametrize("method", RANGE_METHODS)
def test_no_method_exceeds_what_was_seen_or_gives_an_unusable_range(
    method: RangeMethod, values: NDArray[np.float32]
) -> None:
    amax = range_of(values, method)
    assert np.isfinite(amax)
    assert SMALLEST_RANGE <= amax <= max(float(np.abs(values).max()), SMALLEST_RANGE)
    assert np.float16(amax / 127) > 0, "the scale is lost in float16"


@given(VALUES)
def test_minmax_is_the_absolute_maximum(values: NDArray[np.float32]) -> None:
    assert range_of(values, "minmax") == max(float(np.abs(values).max()), SMALLEST_RANGE)


@pytest.mark.parametrize("method", RANGE_METHODS)
def test_a_dead_activation_gets_the_smallest_range(method: RangeMethod) -> None:
    assert range_of(np.zeros(100, np.float32), method) == SMALLEST_RANGE


@pytest.mark.parametrize("seed", range(3))
def test_percentile_leaves_out_one_value_in_ten_thousand(seed: int) -> None:
    values = heavy_tail(seed)
    exact = float(np.quantile(np.abs(values), 0.9999))
    histogram = seen(values).tensors["tensor"]
    assert range_of(values, "percentile") == pytest.approx(exact, abs=histogram.limit / BINS)


def test_percentile_is_exact_where_values_are_spread_evenly() -> None:
    values = np.linspace(0, 1, 100_001, dtype=np.float32)
    assert range_of(values, "percentile") == pytest.approx(0.9999, abs=1e-4)


@given(VALUES)
def test_mse_is_never_worse_than_minmax_in_its_own_error(values: NDArray[np.float32]) -> None:
    histogram = seen(values).tensors["tensor"]
    best = quantisation_error(histogram, range_of(values, "mse"))
    assert best <= quantisation_error(histogram, histogram.amax) * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_mse_beats_every_other_method_on_a_heavy_tail(seed: int) -> None:
    values = heavy_tail(seed)

    def true_error(amax: float) -> float:
        scale = amax / 127
        rounded = np.clip(np.rint(values / scale), -127, 127) * scale
        return float(np.square(rounded - values, dtype=np.float64).mean())

    errors = {method: true_error(range_of(values, method)) for method in RANGE_METHODS}
    assert errors["mse"] < 0.9 * errors["minmax"]
    assert min(errors, key=lambda method: errors[method]) == "mse"


def test_the_error_over_a_histogram_is_that_of_the_values() -> None:
    values, amax = heavy_tail(), 40.0
    scale = amax / 127
    rounded = np.clip(np.rint(values / scale), -127, 127) * scale
    exact = float(np.square(rounded - values, dtype=np.float64).mean())
    assert quantisation_error(seen(values).tensors["tensor"], amax) == pytest.approx(exact, rel=0.1)


def published_entropy(counts: NDArray[np.int64]) -> int:
    """Bins kept, word for word as on the slides of GTC 2017: one candidate at a time."""
    divergences = {}
    for kept in range(128, len(counts) + 1):
        p = counts[:kept].astype(float)
        p[-1] += counts[kept:].sum()
        q = np.zeros(kept)
        for level in range(128):
            part = slice(level * kept // 128, (level + 1) * kept // 128)
            filled = counts[part] > 0
            if filled.any():
                q[part][filled] = counts[part].sum() / filled.sum()
        p, q = p / p.sum(), q / q.sum()
        some = p > 0
        with np.errstate(divide="ignore"):
            divergences[kept] = float((p[some] * np.log(p[some] / q[some])).sum())
    return min(divergences, key=lambda kept: divergences[kept])


@pytest.mark.parametrize("seed", range(3))
def test_entropy_is_the_published_algorithm(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = np.abs(random.laplace(0, 1, 20_000)).astype(np.float32)
    histogram = seen(values).tensors["tensor"]
    counts = histogram.counts[: int(np.flatnonzero(histogram.counts)[-1]) + 1]
    expected = (published_entropy(counts) + 0.5) * histogram.limit / BINS
    assert range_of(values, "entropy") == pytest.approx(min(expected, histogram.amax))
    assert range_of(values, "entropy") < 0.95 * histogram.amax, "this case clips nothing"


def test_ranges_survive_a_file(tmp_path: Path) -> None:
    path, ranges = tmp_path / "ranges.json", {"images": 1.0, "/a:b c": 0.1 + 0.2}
    save_ranges(path, ranges, method="mse", images=32, model_sha256="ab" * 32)
    assert load_ranges(path) == ranges
    assert load_ranges(path, model_sha256="ab" * 32) == ranges
    content = json.loads(path.read_text())
    assert (content["method"], content["images"]) == ("mse", 32)


def test_ranges_of_another_model_are_refused_with_both_names(tmp_path: Path) -> None:
    path = tmp_path / "ranges.json"
    save_ranges(path, {"a": 1.0}, method="mse", images=32, model_sha256="ab" * 32)
    with pytest.raises(DataError, match=r"abababababab.*cdcdcdcdcdcd"):
        load_ranges(path, model_sha256="cd" * 32)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[1]", "holds no 'ranges'"),
        ('{"ranges": []}', "holds no 'ranges'"),
        ('{"ranges": {}}', "are empty"),
        ('{"ranges": {"a": 0}}', "'a' is 0"),
        ('{"ranges": {"a": -1.5}}', "'a' is -1.5"),
        ('{"ranges": {"a": NaN}}', "'a' is nan"),
        ('{"ranges": {"a": Infinity}}', "'a' is inf"),
        ('{"ranges": {"a": true}}', "'a' is True"),
        ('{"ranges": {"a": "1"}}', "'a' is '1'"),
    ],
)
def test_a_damaged_file_of_ranges_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "ranges.json"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        load_ranges(path)


def test_a_missing_file_of_ranges_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError, match=r"ranges\.json"):
        load_ranges(tmp_path / "ranges.json")
