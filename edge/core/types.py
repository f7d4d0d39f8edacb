"""The values that travel from camera to sinks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
PixelFormat = Literal["bgr", "nv12"]


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height, in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, eq=False)
class Frame:
    """One image as one camera delivered it.

    The pixels usually lie in a :class:`edge.core.pool.FramePool` slot, which returns to its pool
    when the last reference to ``image`` is gone. Whoever keeps pixels for long copies them.

    Attributes:
        image: uint8, read-only. ``bgr``: (H, W, 3), blue first. ``nv12``: (H * 3 / 2, W), the luma
            plane above the interleaved half-size chroma plane.
        index: counts what the camera produced, from 0; a gap is a dropped frame.
        captured_at: ``time.monotonic()`` seconds when the driver handed it over.
        camera: name of the camera.
        pixel_format: how ``image`` is to be read.
        to_bgr: turns ``image`` into BGR; whoever delivers another format brings it along.
        block: uint8: the whole memory of the pool that ``image`` lies in, for an engine to pin
            once; None: the pixels have memory of their own.
    """

    image: Image
    index: int
    captured_at: float
    camera: str = "camera"
    pixel_format: PixelFormat = "bgr"
    to_bgr: Callable[[Image], Image] | None = None
    block: NDArray[np.uint8] | None = field(default=None, repr=False)
    _bgr: list[Image] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        shape = self.image.shape
        if self.pixel_format == "bgr":
            good, wanted = len(shape) == 3 and shape[-1] == 3, "(H, W, 3)"
        else:
            good, wanted = len(shape) == 2 and shape[0] % 3 == 0, "(H * 3 / 2, W)"
        if self.image.dtype != np.uint8 or not good or 0 in shape:
            raise ValueError(
                f"{self.pixel_format} image must be uint8 {wanted}, got {describe(self.image)}"
            )
        self.image.setflags(write=False)

    @property
    def size(self) -> Size:
        """Size of the picture, in pixels."""
        rows, width = self.image.shape[:2]
        return Size(width, rows if self.pixel_format == "bgr" else rows * 2 // 3)

    def bgr(self) -> Image:
        """The picture as uint8 (H, W, 3) BGR, read-only; converted once, on first use."""
        if self.pixel_format == "bgr":
            return self.image
        if not self._bgr:
            if self.to_bgr is None:
                raise ValueError(f"{self.camera}: {self.pixel_format} frame without a conversion")
            converted = self.to_bgr(self.image)
            converted.setflags(write=False)
            self._bgr.append(converted)
        return self._bgr[0]


class Verdict(str, Enum):
    """What a camera's rules say of one frame; where there are no rules there is none."""

    OK = "ok"
    NG = "ng"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """What was found in one frame, N objects as parallel arrays, best score first.

    Attributes:
        boxes: float32 (N, 4), x1 y1 x2 y2, in pixels of the frame's image.
        scores: float32 (N,), 0..1.
        class_ids: int32 (N,), index into the model's labels.
        verdict: by the camera's rules; None: it has none.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int32]
    verdict: Verdict | None = None

    def __post_init__(self) -> None:
        n = len(self.scores)
        require(self.boxes, "boxes", np.float32, (n, 4))
        require(self.scores, "scores", np.float32, (n,))
        require(self.class_ids, "class_ids", np.int32, (n,))

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def none(cls) -> Detections:
        """An inspected frame in which nothing was found (not: an uninspected one)."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32))


class CameraState(str, Enum):
    """What a camera is doing. Only in ``LIVE`` does "no detections" mean "no defects"."""

    CONNECTING = "connecting"
    LIVE = "live"
    STALLED = "stalled"
    LOST = "lost"
    FROZEN = "frozen"
    BLACK = "black"
    RESIZED = "resized"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """A camera changed its state. Until it is ``LIVE`` again its detections are *unknown*.

    Attributes:
        camera: name of the camera.
        state: the new state.
        reason: one line for a person: what happened, with what, what to do. Holds no password.
        at: ``time.monotonic()`` seconds of the change.
        reopened: how many times the camera has been opened again since the start.
    """

    camera: str
    state: CameraState
    reason: str
    at: float
    reopened: int = 0


@dataclass(frozen=True, eq=False)
class Pulse:
    """A picture for the engine alone, while no camera is live: does it still answer?"""

    frame: Frame


CameraEvent = Frame | CameraStatus
LoopEvent = CameraEvent | Pulse


def require(array: NDArray[Any], name: str, dtype: type, shape: tuple[int, ...]) -> None:
    """Raise ``ValueError`` unless the array has exactly this dtype and shape."""
    if array.dtype != dtype or array.shape != shape:
        raise ValueError(f"{name} must be {np.dtype(dtype)} {shape}, got {describe(array)}")


def describe(array: NDArray[Any]) -> str:
    """Dtype and shape for an error message, e.g. ``uint8 (480, 640)``."""
    return f"{array.dtype} {array.shape}"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding of ``edge doctor``.

    Attributes:
        name: what was looked at.
        ok: whether it is as it should be.
        detail: what was found.
        remedy: what to do about it; empty when ok.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""
