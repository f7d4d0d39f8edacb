"""Feeding images to TensorRT's own INT8 calibrators (TensorRT 8 and 10), without trusting them.

TensorRT takes an exception in ``get_batch`` for the end of the data, prints a line, and builds an
engine from what it has. So nothing is raised there: the first error is kept, the images are
counted, and :meth:`Feed.check` is asked after the build.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.core.build import Calibrator
from edge.core.errors import DataError, EdgeError, UnavailableError
from edge.core.types import describe
from edge.engine.tensorrt_api import TensorRt

BASES: dict[Calibrator, str] = {
    "trt-entropy": "IInt8EntropyCalibrator2",
    "trt-minmax": "IInt8MinMaxCalibrator",
}


class Feed:
    """Calibration tensors, one a batch, each uploaded before TensorRT asks for its address.

    Attributes:
        used: how many TensorRT has taken.
        error: the first thing that went wrong; None so far.
    """

    def __init__(
        self,
        tensors: Iterable[NDArray[np.float32]],
        shape: tuple[int, ...],
        upload: Callable[[NDArray[np.float32]], int],
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            tensors: float32, each of ``shape``.
            shape: of the model's input, (1, 3, H, W).
            upload: copies a tensor to the GPU and returns its address there.
        """
        self.used = 0
        self.error: Exception | None = None
        self._shape = shape
        self._upload = upload
        self._tensors: Iterator[NDArray[np.float32]] = iter(tensors)
        self._ended = False

    def next_batch(self) -> list[int] | None:
        """The next tensor's address on the GPU; None at the end or after an error. Never raises."""
        if self._ended or self.error is not None:
            return None
        try:
            tensor = next(self._tensors, None)
            if tensor is None:
                self._ended = True
                return None
            self._refuse_other_shape(tensor)
            address = self._upload(np.ascontiguousarray(tensor))
        except Exception as error:  # whatever it is, TensorRT must not see it
            self.error = error
            return None
        self.used += 1
        return [address]

    def _refuse_other_shape(self, tensor: NDArray[np.float32]) -> None:
        if tensor.dtype != np.float32 or tensor.shape != self._shape:
            raise DataError(
                f"calibration tensor {self.used} is {describe(tensor)}, the model's input is "
                f"float32 {self._shape}"
            )

    def keep(self, error: Exception) -> None:
        """Remember an error that happened beside the images; the first one counts."""
        self.error = self.error or error

    def check(self, expected: int) -> None:
        """Ask after the build whether TensorRT calibrated with what it was given.

        Raises:
            EdgeError: the first error of the feed, or a count that is not ``expected``.
        """
        if isinstance(self.error, EdgeError):
            raise self.error
        if self.error is not None:
            raise UnavailableError(
                f"calibration failed after {self.used} of {expected} images: "
                f"{type(self.error).__name__}: {self.error}"
            ) from self.error
        if self.used != expected:
            raise UnavailableError(
                f"TensorRT calibrated with {self.used} of {expected} images. "
                "Its engine cannot be trusted and was thrown away; try another --calibrator"
            )


def make_calibrator(
    trt: TensorRt,
    kind: Calibrator,
    feed: Feed,
    *,
    read_cache: Path | None = None,
    write_cache: Path | None = None,
) -> Any:
    """A calibrator object for ``IBuilderConfig.int8_calibrator``; the caller keeps it alive.

    Args:
        trt: the library.
        kind: which algorithm.
        feed: where the images come from.
        read_cache: ranges to take from a file instead of from images.
        write_cache: where TensorRT's own ranges are saved, in its text format.

    Raises:
        UnavailableError: this TensorRT has no calibrators any more.
    """
    base: Any = calibrator_base(trt, kind)

    class FedCalibrator(base):  # type: ignore[misc]  # TensorRT calls these methods by name
        def __init__(self) -> None:
            base.__init__(self)

        def get_batch_size(self) -> int:
            return 1

        def get_batch(self, names: list[str]) -> list[int] | None:
            return feed.next_batch()

        def read_calibration_cache(self) -> bytes | None:
            return _kept(feed, lambda: read_cache.read_bytes() if read_cache else None)

        def write_calibration_cache(self, cache: Any) -> None:
            content = bytes(cache)
            _kept(feed, lambda: write_cache.write_bytes(content) if write_cache else None)

    return FedCalibrator()


def calibrator_base(trt: TensorRt, kind: Calibrator) -> Any:
    """The vendor's class of a calibrator.

    Raises:
        UnavailableError: this TensorRT has no calibrators any more.
    """
    if not trt.has_calibrators:
        raise UnavailableError(
            f"{trt.name} has no INT8 calibrators any more. Leave out --calibrator {kind}: the "
            "ranges then go into the graph (Q/DQ)"
        )
    return getattr(trt.module, BASES[kind])


def _kept(feed: Feed, work: Callable[[], Any]) -> Any:
    """The result of some work; None if it failed, and the feed knows why."""
    try:
        return work()
    except Exception as error:  # whatever it is, TensorRT must not see it
        feed.keep(error)
        return None
