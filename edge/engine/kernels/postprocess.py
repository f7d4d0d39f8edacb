"""The kernels after the network, what they need, and what their one small result says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.core.config import DetectConfig
from edge.core.errors import DataError
from edge.core.types import Detections
from edge.vision.letterbox import Letterbox

SUMMARY_BYTES = 16
"""Candidates, kept boxes, values that are not finite, best absurd score: see postprocess.cu."""

_CANDIDATE_BYTES = 32
_BLOCK = 256
_DECODE_BLOCK = 128  # more blocks: the head's columns are read by more multiprocessors


@dataclass(frozen=True, slots=True)
class HeadShape:
    """Of the network's output (1, 4 + classes, anchors)."""

    classes: int
    anchors: int


@dataclass(frozen=True, slots=True)
class WorkMemory:
    """How one piece of GPU memory is shared out: summary, found, sorted, kept.

    Attributes:
        shape: of the head.
        max_boxes: most boxes in a result.
    """

    shape: HeadShape
    max_boxes: int

    @property
    def bytes(self) -> int:
        """Needed in all."""
        return SUMMARY_BYTES + _CANDIDATE_BYTES * (2 * self.shape.anchors + self.max_boxes)

    @property
    def result_bytes(self) -> int:
        """Of a result: the summary, then boxes, scores and class ids."""
        return SUMMARY_BYTES + self.max_boxes * (16 + 4 + 4)

    def addresses(self, start: int) -> tuple[int, int, int, int]:
        """Of summary, found, sorted and kept."""
        found = start + SUMMARY_BYTES
        ordered = found + _CANDIDATE_BYTES * self.shape.anchors
        return start, found, ordered, ordered + _CANDIDATE_BYTES * self.shape.anchors


class Postprocess:
    """Decode, sort and suppress; the boxes of ``CpuDetector.postprocess``, in its order."""

    def __init__(self, module: Any, shape: HeadShape, settings: DetectConfig) -> None:
        """Take the kernels out of a loaded module."""
        self.memory = WorkMemory(shape, settings.max_boxes)
        self._settings = settings
        self._decode = module.get_function("decode").prepare("PPPiif")
        self._rank = module.get_function("rank").prepare("PPP")
        self._suppress = module.get_function("suppress").prepare("PPPPi6f")

    def launch(
        self, stream: Any, head: int, work: int, result: int, *, letterbox: Letterbox
    ) -> None:
        """Start the kernels; the summary at the start of ``work`` is zeroed already.

        Args:
            stream: to run them on.
            head: address of the network's output.
            work: address of ``memory.bytes``.
            result: address of ``memory.result_bytes``.
            letterbox: where the picture lies in the model's canvas.
        """
        shape, settings, image = self.memory.shape, self._settings, letterbox.image
        summary, found, ordered, kept = self.memory.addresses(work)
        self._decode.prepared_async_call(
            _grid(shape.anchors, _DECODE_BLOCK),
            (_DECODE_BLOCK, 1, 1),
            stream,
            *(head, summary, found, shape.classes, shape.anchors, settings.confidence),
        )
        self._rank.prepared_async_call(
            _grid(shape.anchors, _BLOCK), (_BLOCK, 1, 1), stream, found, summary, ordered
        )
        place = (letterbox.scale, letterbox.left, letterbox.top, image.width, image.height)
        self._suppress.prepared_async_call(
            (1, 1, 1),
            (_BLOCK, 1, 1),
            stream,
            *(ordered, summary, kept, result, settings.max_boxes, settings.iou, *place),
        )


def read_result(result: NDArray[np.uint8], max_boxes: int) -> Detections:
    """What the kernels found; copied, so that the memory may be used again.

    Args:
        result: uint8, flat, ``WorkMemory.result_bytes`` long.
        max_boxes: most boxes in it.

    Raises:
        DataError: the head held NaN, infinities or scores above 1; the frame was not inspected.
    """
    _, kept, not_finite = (int(value) for value in result[:12].view(np.int32))
    top_score = float(result[12:16].view(np.float32)[0])
    if not_finite:
        raise DataError(
            f"the engine's output holds {not_finite} values that are NaN or infinite; the frame "
            "counts as not inspected. Check the engine against the ONNX on the CPU"
        )
    if top_score > 0:
        raise DataError(
            f"the engine's output holds a class score of {top_score:g}, above 1; the frame counts "
            "as not inspected. Export the model with its sigmoid: edge export"
        )
    boxes = result[SUMMARY_BYTES:].view(np.float32)
    scores = boxes[4 * max_boxes :]
    class_ids = scores[max_boxes:].view(np.int32)
    return Detections(
        boxes[: 4 * kept].reshape(kept, 4).copy(), scores[:kept].copy(), class_ids[:kept].copy()
    )


def candidates(result: NDArray[np.uint8]) -> int:
    """How many anchors scored enough, before suppression."""
    return int(result[:4].view(np.int32)[0])


def _grid(threads: int, block: int) -> tuple[int, int, int]:
    return (-(-threads // block), 1, 1)
