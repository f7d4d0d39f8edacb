"""Histograms: bounded, exact, and the same whatever the order of the images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from edge.core.errors import DataError, InputMissingError
from edge.quantize.collect import BINS, MOST_MAXIMA, TensorHistogram, collect
from edge.quantize.qdq import activation_tensors
from tests.quantize.models import images, tiny_yolo
from tests.quantize.running import run

ACTIVATIONS = hnp.arrays(
    np.float32,
    st.integers(1, 40),
    elements=st.floats(-1e6, 1e6, width=32, allow_subnormal=False),
)


def histogram_of(parts: list[NDArray[np.float32]]) -> TensorHistogram:
    histogram = TensorHistogram()
    for part in parts:
        histogram.add(part)
    return histogram


@given(st.lists(ACTIVATIONS, min_size=1, max_size=6))
def test_image_by_image_gives_the_histogram_of_all_at_once(
    parts: list[NDArray[np.float32]],
) -> None:
    streamed, at_once = histogram_of(parts), histogram_of([np.concatenate(parts)])
    assert streamed.limit == at_once.limit
    np.testing.assert_array_equal(streamed.counts, at_once.counts)
    assert (streamed.low, streamed.high) == (at_once.low, at_once.high)
    assert streamed.amax == at_once.amax


@given(st.lists(ACTIVATIONS, min_size=1, max_size=6), st.randoms())
def test_the_order_of_the_images_changes_nothing(
    parts: list[NDArray[np.float32]], random: st.DrawFn
) -> None:
    shuffled = list(parts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    first, second = histogram_of(parts), histogram_of(shuffled)
    np.testing.assert_array_equal(first.counts, second.counts)
    assert (first.limit, first.largest) == (second.limit, second.largest)


@given(st.lists(ACTIVATIONS, min_size=1, max_size=6))
def test_doubling_the_range_loses_no_count_and_exceeds_every_value(
    parts: list[NDArray[np.float32]],
) -> None:
    histogram = histogram_of(parts)
    everything = np.abs(np.concatenate(parts))
    assert histogram.counts.sum() == histogram.values == everything.size
    assert histogram.limit > everything.max()
    assert histogram.amax == everything.max()


@given(ACTIVATIONS)
def test_the_bins_are_those_of_numpys_histogram(values: NDArray[np.float32]) -> None:
    histogram = histogram_of([values])
    absolute = np.abs(values).astype(np.float64)
    expected, _ = np.histogram(absolute, BINS, (0, histogram.limit))
    np.testing.assert_array_equal(histogram.counts, expected)


def test_a_thousand_images_take_no_more_memory_than_a_few() -> None:
    histogram = histogram_of([np.full(3, value, np.float32) for value in range(1000)])
    assert histogram.counts.shape == (BINS,)
    assert histogram.largest == tuple(range(999, 999 - MOST_MAXIMA, -1))


def test_a_large_activation_is_sampled_but_its_extremes_are_not() -> None:
    values = np.zeros((1, 16, 80, 80), np.float32)
    values[0, 3, 17, 1], values[0, 9, 40, 2] = 3.5, -7.25
    histogram = histogram_of([values])
    assert (histogram.low, histogram.high, histogram.amax) == (-7.25, 3.5, 7.25)
    assert histogram.values == values.size
    assert histogram.counts.sum() == -(-values.size // 7)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_and_not_counted(broken: float) -> None:
    histogram = histogram_of([np.ones(3, np.float32)])
    with pytest.raises(ValueError, match="NaN or infinity"):
        histogram.add(np.array([1, broken], np.float32))
    assert (histogram.values, int(histogram.counts.sum()), histogram.amax) == (3, 3, 1.0)


def test_collect_sees_what_the_network_computes(tiny: Path, tmp_path: Path) -> None:
    tensors = images(3)
    found = collect(tiny, tensors, threads=1)
    assert found.images == 3
    assert set(found.tensors) == activation_tensors(tiny, "neck")
    name = "/model.3/Concat_out"
    watched = onnx.load(tiny)
    watched.graph.output.append(onnx.ValueInfoProto(name=name))
    del watched.graph.output[0]
    onnx.save(watched, tmp_path / "watched.onnx")
    maxima = [float(np.abs(run(tmp_path / "watched.onnx", tensor)).max()) for tensor in tensors]
    assert found.tensors[name].largest == pytest.approx(sorted(maxima, reverse=True), rel=1e-5)
    assert found.tensors["images"].largest == tuple(sorted(t.max() for t in tensors)[::-1])


def test_collect_streams_and_counts_aloud(tiny: Path) -> None:
    buffer = np.zeros((1, 3, 32, 32), np.float32)
    told: list[int] = []
    running: list[int] = []

    def reused() -> object:
        for tensor in images(3):
            running.append(len(told))
            buffer[:] = tensor
            yield buffer

    found = collect(tiny, reused(), progress=told.append, threads=1)  # type: ignore[arg-type]
    assert told == [1, 2, 3]
    assert running == [0, 1, 2], "an image was asked for before the one ahead was done"
    assert len(set(found.tensors["images"].largest)) == 3


def test_only_the_tensors_of_interest_are_watched(tiny: Path) -> None:
    found = collect(tiny, images(1), tensors_of_interest=["/model.1/Concat_out"], threads=1)
    assert list(found.tensors) == ["/model.1/Concat_out"]


def test_no_image_at_all_is_an_error(tiny: Path) -> None:
    with pytest.raises(DataError, match="no calibration image"):
        collect(tiny, [])


def test_an_unknown_tensor_is_named(tiny: Path) -> None:
    with pytest.raises(DataError, match="no tensor 'nobody'"):
        collect(tiny, images(1), tensors_of_interest=["nobody"])


def test_a_tensor_of_another_size_is_an_error_and_not_a_traceback(tiny: Path) -> None:
    with pytest.raises(DataError, match="cannot be run"):
        collect(tiny, images(1, side=64), threads=1)


def test_a_damaged_network_is_named_with_tensor_and_image(tmp_path: Path) -> None:
    proto = tiny_yolo()
    weights = next(t for t in proto.graph.initializer if t.name == "/model.1/Conv.weight")
    values = onnx.numpy_helper.to_array(weights).copy()
    values[0, 0, 0, 0] = np.nan
    weights.CopyFrom(onnx.numpy_helper.from_array(values, weights.name))
    onnx.save(proto, tmp_path / "nan.onnx")
    with pytest.raises(DataError, match=r"'/model.1/.*NaN or infinity on calibration image 1"):
        collect(tmp_path / "nan.onnx", images(2), threads=1)


def test_a_missing_or_foreign_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError, match=r"no\.onnx"):
        collect(tmp_path / "no.onnx", images(1))
    (tmp_path / "text.onnx").write_text("this is no protobuf \xff" * 9)
    with pytest.raises(DataError):
        collect(tmp_path / "text.onnx", images(1))
