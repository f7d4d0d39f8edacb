"""Where a picture's pixels come from when it is scaled onto the model's canvas; and the kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.core.types import PixelFormat, Size
from edge.vision.letterbox import Letterbox

ONE = 2048
"""The weight of a whole pixel: OpenCV's INTER_RESIZE_COEF_SCALE, 11 bits."""

Taps = NDArray[np.int32]
_BLOCK = (32, 8, 1)


@dataclass(frozen=True, slots=True)
class Kind:
    """What all frames of one kind share: whatever is worked out, or captured, once for them.

    Attributes:
        size: of the picture, in pixels.
        pixel_format: how its bytes are to be read.
    """

    size: Size
    pixel_format: PixelFormat

    @property
    def bytes(self) -> int:
        """Of one picture."""
        pixels = self.size.width * self.size.height
        return pixels * 3 if self.pixel_format == "bgr" else pixels * 3 // 2


def preprocess_kernel(module: Any, pixel_format: PixelFormat, *, half: bool) -> Any:
    """The kernel for this kind of picture, and an input tensor of float16 or float32."""
    kernel = module.get_function(f"preprocess_{pixel_format}_{'half' if half else 'float'}")
    return kernel.prepare("PPP8i")


def launch_preprocess(
    kernel: Any, stream: Any, addresses: tuple[int, int, int], letterbox: Letterbox
) -> None:
    """Start the kernel.

    Args:
        kernel: from :func:`preprocess_kernel`.
        stream: to run it on.
        addresses: of the cell that holds the picture's address, of the taps, of the tensor.
        letterbox: where the picture goes.
    """
    image, model, inner = letterbox.image, letterbox.model, letterbox.inner
    columns, rows, _ = _BLOCK
    grid = (-(-model.width // columns), -(-model.height // rows), 1)
    sizes = (image.width, image.height, inner.width, inner.height)
    place = (letterbox.left, letterbox.top, model.width, model.height)
    kernel.prepared_async_call(grid, _BLOCK, stream, *addresses, *sizes, *place)


def taps(letterbox: Letterbox) -> Taps:
    """For each column of the scaled picture, then for each of its rows: which pixels make it.

    The arithmetic of OpenCV's ``resize`` with INTER_LINEAR on 8 bits (``resize.cpp``), weights
    included, so that a kernel that applies them gives the very same bytes.

    Returns:
        int32 (inner width + inner height, 4): near pixel, far pixel, and their weights out of
        2048.
    """
    image, inner = letterbox.image, letterbox.inner
    columns = _axis(image.width, inner.width)
    # OpenCV moves the outermost columns onto the edge; rows keep their weights, twice on one row.
    outside = (columns[:, 0] < 0) | (columns[:, 0] >= image.width - 1)
    columns[outside, 2:] = ONE, 0
    rows = _axis(image.height, inner.height)
    for axis, last in ((columns, image.width - 1), (rows, image.height - 1)):
        np.clip(axis[:, :2], 0, last, out=axis[:, :2])
    return np.concatenate([columns, rows])


def _axis(source: int, target: int) -> Taps:
    scale = 1.0 / (target / source)  # not source / target: OpenCV divides twice
    place = ((np.arange(target) + 0.5) * scale - 0.5).astype(np.float32)
    near = np.floor(place)
    share = place - near
    table = np.empty((target, 4), np.int32)
    table[:, 0] = near
    table[:, 1] = table[:, 0] + 1
    table[:, 2] = np.rint((np.float32(1) - share) * np.float32(ONE))
    table[:, 3] = np.rint(share * np.float32(ONE))
    return table
