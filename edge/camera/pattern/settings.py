"""What can be chosen about the rendered production line."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge.core.errors import ConfigError
from edge.core.types import Size

LABELS = ("scratch", "dent", "crack", "stain", "missing_hole")
"""Class names of the rendered defects, by class id."""

DESIGN_LINES = 720
"""Lengths of the scene are given in pixels of a picture of this height, and scaled from there."""


@dataclass(frozen=True)
class LineSettings:
    """One production line; equal settings give bit-identical frames.

    Attributes:
        size: of the picture, 64x64 to 4096x4096 pixels.
        fps: frames per second, above 0 to 1000.
        seed: chooses parts, belt and light, 0 or more.
        defect_rate: share of the parts that are bad, 0..1.
        speed_px_s: of the belt, in pixels per second of a picture 720 pixels high.
        exposure_s: how long the shutter is open; belt speed times this is the motion blur.
    """

    size: Size = Size(1280, 720)  # noqa: RUF009 - Size is frozen
    fps: float = 30.0
    seed: int = 1
    defect_rate: float = 0.5
    speed_px_s: float = 240.0
    exposure_s: float = 0.01

    def __post_init__(self) -> None:
        within("width", self.size.width, 64, 4096)
        within("height", self.size.height, 64, 4096)
        within("fps", self.fps, 0.01, 1000)
        within("seed", self.seed, 0, 2**63)
        within("defect_rate", self.defect_rate, 0, 1)
        within("speed_px_s", self.speed_px_s, 0, 10_000)
        within("exposure_s", self.exposure_s, 0, 1)

    @property
    def scale(self) -> float:
        """Picture pixels per design pixel."""
        return self.size.height / DESIGN_LINES

    @property
    def motion_blur_px(self) -> float:
        """How far the belt moves while the shutter is open, in picture pixels."""
        return min(self.speed_px_s * self.exposure_s, 40.0) * self.scale

    def travel_px(self, index: int) -> int:
        """How far the belt has moved by frame ``index``, in whole picture pixels."""
        return round(index * self.speed_px_s * self.scale / self.fps)


@dataclass(frozen=True)
class Script:
    """How long the camera runs, and what goes wrong meanwhile.

    Faults begin so many seconds after the camera was opened (none: never) and last ``fault_s``.
    A camera that is opened again plays its script again.

    Attributes:
        frames: the recording ends after this many frames; none: it never ends.
        realtime: deliver at the line's pace; otherwise as fast as asked, dropping nothing.
        stall_at: no frame arrives.
        freeze_at: the same picture arrives again and again.
        black_at: pictures are black, but for the sensor's noise.
        lose_at: the camera is gone.
        fault_s: how long each fault lasts, seconds.
    """

    frames: int | None = None
    realtime: bool = True
    stall_at: float | None = None
    freeze_at: float | None = None
    black_at: float | None = None
    lose_at: float | None = None
    fault_s: float = 5.0

    def __post_init__(self) -> None:
        for key in ("frames", "stall_at", "freeze_at", "black_at", "lose_at", "fault_s"):
            value: float | None = getattr(self, key)
            if value is not None:
                within(key, value, 0, 1e9)

    def fails(self, start: float | None, seconds: float) -> bool:
        """Whether the fault that begins at ``start`` is on, ``seconds`` after opening."""
        # A hair of slack: 0.1 + 0.2 must not outlast the frame at 0.3.
        return start is not None and -1e-6 <= seconds - start < self.fault_s - 1e-6


def within(key: str, value: float, low: float, high: float) -> None:
    """Raise ``ConfigError`` unless ``low <= value <= high``."""
    if not (math.isfinite(value) and low <= value <= high):
        raise ConfigError(f"pattern: {key} is {value!r}; it must be {low:g} to {high:g}")
