"""What every activation of a network reaches over the calibration images, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from edge.core.errors import DataError, MissingLibraryError
from edge.quantize.graph import Graph, read_graph
from edge.quantize.placement import plan

try:
    import onnxruntime
except ImportError:  # pragma: no cover - part of the core installation
    onnxruntime = None

BINS = 2048
"""As in NVIDIA's "8-bit Inference with TensorRT" (GTC 2017)."""

MOST_MAXIMA = 16
_SMALLEST_LIMIT = 2.0**-16
"""Where a histogram begins to double; an activation that stays below is as good as dead."""
_STRIDE = 7
_SAMPLED_FROM = 1 << 16


@dataclass(slots=True, eq=False)
class TensorHistogram:
    """One activation over all images so far; a few kilobytes, however many they are.

    The range of the histogram is a power of two, so that scaling by it is exact in binary
    floating point and doubling it merges whole bins: the order of the images changes nothing.

    Attributes:
        counts: of absolute values, int64 (2048,), equal bins over 0..``limit``.
        limit: upper end of the histogram, a power of two above every absolute value.
        low: smallest value.
        high: largest value.
        values: how many values were seen. Tensors from 65,536 values on give every 7th of them to
            ``counts``: prime to every side of a feature map, so that all rows, columns and
            channels are met. ``low``, ``high`` and ``largest`` always see all of them.
        largest: the greatest maxima of single images, greatest first, at most 16: one that
            stands out names an image that alone sets the range.
    """

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    limit: float = _SMALLEST_LIMIT
    low: float = math.inf
    high: float = -math.inf
    values: int = 0
    largest: tuple[float, ...] = ()

    @property
    def amax(self) -> float:
        """The absolute maximum; 0 before the first image."""
        return self.largest[0] if self.largest else 0.0

    def add(self, activation: NDArray[np.float32]) -> None:
        """Count one image's activation, float32 of any shape.

        Raises:
            ValueError: it is empty or holds NaN or infinity; nothing was counted.
        """
        if not activation.size:
            raise ValueError("an empty activation")
        low, high = float(activation.min()), float(activation.max())
        amax = max(-low, high)
        if not math.isfinite(amax):
            raise ValueError("an activation with NaN or infinity")
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.values += activation.size
        self.largest = tuple(sorted((*self.largest, amax), reverse=True)[:MOST_MAXIMA])
        self._grow(amax)
        self.counts += _binned(_sampled(activation), self.limit)

    def _grow(self, amax: float) -> None:
        """Make the range exceed a value: it doubles, and every two bins become one."""
        while self.limit <= amax:
            self.counts[: BINS // 2] = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts[BINS // 2 :] = 0
            self.limit *= 2


@dataclass(frozen=True, slots=True, eq=False)
class Histograms:
    """What ``collect`` saw.

    Attributes:
        tensors: by name, in the order in which they are computed.
        images: how many were run.
    """

    tensors: dict[str, TensorHistogram]
    images: int


def collect(
    model: Path,
    tensors: Iterable[NDArray[np.float32]],
    *,
    tensors_of_interest: Collection[str] | None = None,
    progress: Callable[[int], None] | None = None,
    threads: int | None = None,
) -> Histograms:
    """Run a float network over images and histogram its activations, in one pass for all methods.

    Args:
        model: the FP32 ONNX.
        tensors: model inputs, float32 (1, 3, H, W), one an image; each may be reused after the
            next is asked for.
        tensors_of_interest: activations to watch; None: all that the placement ``neck`` needs,
            which are also those of ``convs``.
        progress: called after each image with the number of images so far.
        threads: CPU threads of the runtime; None: as many as it chooses.

    Raises:
        InputMissingError: the model cannot be opened.
        DataError: no image came, the network cannot be run, has no such tensor, or computes
            something that is not finite.
        MissingLibraryError: ONNX Runtime is not installed.
    """
    graph = read_graph(model)
    if tensors_of_interest is None:
        tensors_of_interest = frozenset().union(*plan(graph, "neck").scales.values())
    names = _in_order(graph, tensors_of_interest)
    session = _watching(graph, names, threads)
    found = {name: TensorHistogram() for name in names}
    images = 0
    for images, tensor in enumerate(tensors, start=1):
        _add(graph, found, _run(graph, session, names, tensor), images)
        if progress:
            progress(images)
    if not images:
        raise DataError(f"{model}: no calibration image, so no ranges. Name a folder with images")
    return Histograms(found, images)


def _in_order(graph: Graph, names: Collection[str]) -> list[str]:
    computed = [graph.input_name, *(tensor for node in graph.nodes for tensor in node.output)]
    if missing := sorted(set(names) - set(computed)):
        raise DataError(
            f"{graph.path}: computes no tensor {missing[0]!r} ({len(missing)} such names)"
        )
    return [name for name in computed if name in set(names)]


def _watching(graph: Graph, names: list[str], threads: int | None) -> Any:
    """A session that also gives out the named activations."""
    if onnxruntime is None:
        raise MissingLibraryError("onnxruntime is not installed. Run: pip install onnxruntime")
    proto = onnx.ModelProto()
    proto.CopyFrom(graph.proto)
    known = {graph.input_name, graph.output_name}
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime's errors share no base but this one
        raise DataError(f"{graph.path}: ONNX Runtime cannot load it: {error}") from error


def _run(
    graph: Graph, session: Any, names: list[str], tensor: NDArray[np.float32]
) -> list[NDArray[np.float32]]:
    computed = [name for name in names if name != graph.input_name]
    try:
        found = dict(zip(computed, session.run(computed, {graph.input_name: tensor}), strict=True))
    except Exception as error:  # ONNX Runtime's errors share no base but this one
        raise DataError(f"{graph.path}: cannot be run: {error}") from error
    return [found.get(name, tensor) for name in names]


def _add(
    graph: Graph,
    found: dict[str, TensorHistogram],
    activations: list[NDArray[np.float32]],
    image: int,
) -> None:
    for (name, histogram), activation in zip(found.items(), activations, strict=True):
        try:
            histogram.add(activation)
        except ValueError as error:
            raise DataError(
                f"{graph.path}: tensor {name!r} is {error} on calibration image {image}. "
                "The weights are damaged, or trained in a precision that overflows: export again"
            ) from error


def _sampled(activation: NDArray[np.float32]) -> NDArray[np.float32]:
    flat = activation.reshape(-1)
    return flat[::_STRIDE] if flat.size >= _SAMPLED_FROM else flat


def _binned(values: NDArray[np.float32], limit: float) -> NDArray[np.int64]:
    """Counts of absolute values over 0..limit, all below it. An int cast is a floor here."""
    bins = np.abs(values * np.float32(BINS / limit)).astype(np.intp)
    return np.bincount(bins, minlength=BINS).astype(np.int64, copy=False)
