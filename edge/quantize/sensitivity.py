"""Which part of a network suffers most from INT8: each is quantised alone, the heads compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.core.build import Placement
from edge.core.errors import DataError
from edge.core.ports import Engine
from edge.quantize.blocks import Block, blocks
from edge.quantize.qdq import quantise

QUIETEST_DB = 120.0
"""Reported where there is no noise at all: float32 itself has about as much."""

_BOX_ROWS = 4


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What one block alone in INT8 does to the head.

    Attributes:
        block: the nodes.
        noise_db: 10 log10 of signal power over error power, of the boxes or of the class scores,
            whichever is less: the lower, the worse. At most 120.
    """

    block: Block
    noise_db: float


def sensitivity(  # noqa: PLR0913 - what to measure, with what, and where
    model: Path,
    ranges: Mapping[str, float],
    tensors: Sequence[NDArray[np.float32]],
    groups: Sequence[Block],
    workdir: Path,
    *,
    open_engine: Callable[[Path], Engine],
    progress: Callable[[int], None] | None = None,
    placement: Placement = "convs",
) -> tuple[Sensitivity, ...]:
    """Quantise one group of nodes at a time, everything else float, and compare the heads.

    Args:
        model: the FP32 ONNX.
        ranges: absolute maximum by tensor name, for the placement.
        tensors: a few model inputs, float32 (1, 3, H, W); all are run once for each group.
        groups: of nodes, coarse (``blocks``) or single layers.
        workdir: an existing folder for one ONNX at a time, removed again.
        open_engine: runs the graphs; the referee is ONNX Runtime.
        progress: called after each group with the number of groups so far.
        placement: of the Q/DQ pairs.

    Returns:
        One for each group, worst first.

    Raises:
        DataError: there are no tensors, or a graph cannot be made or run.
    """
    if not tensors:
        raise DataError(f"{model}: no image to measure sensitivity with")
    reference = _heads(model, tensors, open_engine)
    every = {node for block in blocks(model, placement) for node in block.nodes}
    graph = workdir / f"{model.stem}-sensitivity.onnx"
    found = []
    try:
        for count, group in enumerate(groups, start=1):
            rest = every - set(group.nodes)
            quantise(model, ranges, graph, placement=placement, keep_float=rest)
            heads = _heads(graph, tensors, open_engine)
            found.append(Sensitivity(group, noise_db(reference, heads)))
            if progress:
                progress(count)
    finally:
        graph.unlink(missing_ok=True)
    return tuple(sorted(found, key=lambda one: one.noise_db))


def noise_db(reference: NDArray[np.float32], heads: NDArray[np.float32]) -> float:
    """Signal to noise of heads (N, 4 + C, A), decibels: of boxes or classes, the worse.

    Boxes are in pixels and scores in 0..1: taken together the boxes would hide the scores.
    """
    return min(
        _decibels(reference[:, rows], heads[:, rows])
        for rows in (slice(_BOX_ROWS), slice(_BOX_ROWS, None))
    )


def _decibels(reference: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    with np.errstate(over="ignore", invalid="ignore"):  # a broken head is infinitely noisy
        signal = float(np.square(reference, dtype=np.float64).sum())
        noise = float(np.square(other - reference, dtype=np.float64).sum())
    if noise == 0:
        return QUIETEST_DB
    if signal == 0 or not math.isfinite(noise):
        return -QUIETEST_DB
    return min(10 * math.log10(signal / noise), QUIETEST_DB)


def _heads(
    model: Path, tensors: Sequence[NDArray[np.float32]], open_engine: Callable[[Path], Engine]
) -> NDArray[np.float32]:
    with closing(open_engine(model)) as engine:
        return np.concatenate([engine.infer(tensor).copy() for tensor in tensors])
