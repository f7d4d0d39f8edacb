"""The graphs of one build: quantised, in half precision, and what their ranges come from."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.core.build import Placement, RangeMethod
from edge.core.errors import DataError
from edge.engine import open_engine
from edge.quantize.batch import open_batch
from edge.quantize.blocks import Block, blocks
from edge.quantize.collect import Histograms, collect
from edge.quantize.half import half
from edge.quantize.qdq import quantise
from edge.quantize.ranges import ranges_from
from edge.quantize.sensitivity import Sensitivity, sensitivity

MIXED = 0.1
"""Share of the difference between two images by which an answer in a batch may differ from that
alone: rounding is far below it, another image's share far above."""

Tensors = Callable[[], Iterable[NDArray[np.float32]]]


class Graphs:
    """Writes graphs into the build's work folder; every expensive thing is done once.

    Attributes:
        model: the FP32 graph that they are made from.
        noise: of every block, the worst first; empty until somebody asked for it.
        tensors: that ranges are taken from.
        images: how many these are.
    """

    def __init__(
        self, model: Path, work: Path, calibration: Tensors, held_out: Tensors, *, images: int
    ) -> None:
        """Prepare; nothing is computed yet.

        Args:
            model: the FP32 graph.
            work: folder to write into.
            calibration: tensors float32 (1, 3, H, W) that ranges are taken from.
            held_out: a few others, to measure blocks on.
            images: how many tensors ``calibration`` gives.
        """
        self.model = model
        self.noise: tuple[Sensitivity, ...] = ()
        self.tensors = calibration
        self.images = images
        self._work = work
        self._held_out = held_out

    @cached_property
    def histograms(self) -> Histograms:
        """Of every activation that can be quantised."""
        return collect(self.model, self.tensors())

    def ranges(self, method: RangeMethod) -> dict[str, float]:
        """Absolute maximum by tensor name."""
        return ranges_from(self.histograms, method)

    def quantised(self, method: RangeMethod, placement: Placement, kept: Collection[str]) -> Path:
        """With Q/DQ pairs, but for the blocks that are kept float."""
        output = self._work / f"{'-'.join(['qdq', method, placement, *kept])}.onnx"
        nodes = [node for block in self._blocks if block.name in kept for node in block.nodes]
        quantise(self.model, self.ranges(method), output, placement=placement, keep_float=nodes)
        return output

    def half(self) -> Path:
        """In FP16, by casts."""
        return self.halved(self.model)

    def halved(self, graph: Path) -> Path:
        """Another graph in FP16, by casts; a Q/DQ graph keeps its pairs."""
        output = self._work / f"{graph.stem}-fp16.onnx"
        half(graph, output)
        return output

    def batched(self, graph: Path) -> Path:
        """The same for several images at once; each is answered as it is alone.

        Raises:
            DataError: this graph works on one image only.
        """
        output = self._work / f"{graph.stem}-batch.onnx"
        open_batch(graph, output)
        images = [tensor.copy() for tensor in itertools.islice(self._held_out(), 2)]
        with closing(open_engine(output)) as engine:
            together = engine.infer(np.concatenate(images)).copy()
            alone = np.concatenate([engine.infer(image).copy() for image in images])
        # INT8 sums in another order may fall into the next step of a scale; a mixture of images
        # is as far from each of them as they are from each other.
        if np.abs(together - alone).mean() > MIXED * np.abs(alone[0] - alone[-1]).mean():
            raise DataError(
                f"{graph}: answers an image in a batch otherwise than alone, so its images are "
                "not independent. Build with --batch 1"
            )
        return output

    def blocks_by_noise(self, method: RangeMethod) -> list[str]:
        """Names of the blocks, the one that disturbs the head most when it is quantised first."""
        self.noise = sensitivity(
            self.model,
            self.ranges(method),
            [tensor.copy() for tensor in self._held_out()],
            self._blocks,
            self._work,
            open_engine=open_engine,
        )
        return [one.block.name for one in self.noise]

    @cached_property
    def _blocks(self) -> tuple[Block, ...]:
        return blocks(self.model)
