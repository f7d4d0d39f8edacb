from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.core.build import CALIBRATORS
from edge.core.errors import DataError, UnavailableError
from edge.engine.calibrator import Feed, make_calibrator
from edge.engine.tensorrt_api import describe
from tests.engine import fake_tensorrt
from tests.engine.test_tensorrt_api import surface

SHAPE = (1, 3, 4, 4)
TRT = describe(fake_tensorrt)


def images(count: int, *, broken_at: int | None = None) -> Iterator[NDArray[np.float32]]:
    for number in range(count):
        if number == broken_at:
            raise DataError("part7/0013.jpg is truncated")
        yield np.full(SHAPE, number, np.float32)


class Gpu:
    """Keeps what was uploaded where TensorRT will look for it."""

    def __init__(self) -> None:
        self._memory = np.zeros(SHAPE, np.float32)

    def __call__(self, tensor: NDArray[np.float32]) -> int:
        self._memory[:] = tensor
        return int(self._memory.ctypes.data)


def calibrated(feed: Feed, **caches: Path) -> None:
    calibrator = make_calibrator(TRT, "trt-entropy", feed, **caches)
    assert calibrator.get_batch_size() == 1
    if calibrator.read_calibration_cache() is None:
        fake_tensorrt._calibrate(calibrator)


@pytest.mark.parametrize("kind", CALIBRATORS)
def test_each_algorithm_has_its_base_class(kind: str) -> None:
    bases = {
        "trt-entropy": fake_tensorrt.IInt8EntropyCalibrator2,
        "trt-minmax": fake_tensorrt.IInt8MinMaxCalibrator,
    }
    calibrator = make_calibrator(TRT, kind, Feed([], SHAPE, Gpu()))  # type: ignore[arg-type]
    assert isinstance(calibrator, bases[kind])


def test_every_image_is_used_once_and_the_end_is_quiet(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    feed = Feed(images(5), SHAPE, Gpu())
    cache = tmp_path / "calibration.cache"
    calibrated(feed, write_cache=cache)
    feed.check(5)
    assert cache.read_text().splitlines()[1:] == [f"images: {n}.0" for n in range(5)]
    assert feed.next_batch() is None
    assert capfd.readouterr().err == ""


def test_an_unreadable_image_is_raised_after_the_build_with_its_name() -> None:
    feed = Feed(images(5, broken_at=2), SHAPE, Gpu())
    calibrated(feed)
    assert feed.used == 2
    with pytest.raises(DataError, match=r"part7/0013.jpg is truncated"):
        feed.check(5)


def test_the_first_error_counts(tmp_path: Path) -> None:
    feed = Feed(images(5, broken_at=2), SHAPE, Gpu())
    calibrated(feed, write_cache=tmp_path / "no folder" / "cache")
    with pytest.raises(DataError, match="truncated"):
        feed.check(5)


def test_an_error_that_is_not_edges_own_keeps_its_cause() -> None:
    def upload(tensor: NDArray[np.float32]) -> int:
        raise RuntimeError("cuMemcpyHtoD failed: out of memory")

    feed = Feed(images(5), SHAPE, upload)
    calibrated(feed)
    with pytest.raises(UnavailableError, match="after 0 of 5 images: RuntimeError: cuMemcpy") as e:
        feed.check(5)
    assert isinstance(e.value.__cause__, RuntimeError)


@pytest.mark.parametrize("tensor", [np.zeros((1, 3, 4, 5), np.float32), np.zeros(SHAPE)])
def test_a_tensor_of_another_kind_is_refused(tensor: NDArray[np.float32]) -> None:
    feed = Feed([tensor], SHAPE, Gpu())
    calibrated(feed)
    with pytest.raises(DataError, match=r"calibration tensor 0 is float"):
        feed.check(1)


def test_tensorrt_that_stops_early_is_caught() -> None:
    feed = Feed(images(5), SHAPE, Gpu())
    feed.next_batch()
    with pytest.raises(UnavailableError, match="with 1 of 5 images"):
        feed.check(5)


def test_a_cache_takes_the_place_of_images(tmp_path: Path) -> None:
    cache = tmp_path / "calibration.cache"
    cache.write_text("TRT-8600-EntropyCalibration2\nimages: 3c010a14\n")
    feed = Feed(images(5), SHAPE, Gpu())
    calibrated(feed, read_cache=cache)
    feed.check(0)


def test_a_cache_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    feed = Feed([], SHAPE, Gpu())
    calibrated(feed, read_cache=tmp_path / "none")
    with pytest.raises(UnavailableError, match="No such file"):
        feed.check(0)


def test_tensorrt_11_has_no_calibrators() -> None:
    trt = describe(surface("11.4.0.106"))
    with pytest.raises(UnavailableError, match=r"11.4.* no INT8 calibrators any more"):
        make_calibrator(trt, "trt-minmax", Feed([], SHAPE, Gpu()))
