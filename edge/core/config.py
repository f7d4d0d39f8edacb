"""The settings of the service, as strict types: a value that got in here is usable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
FilePath = Annotated[Path, Field(strict=False)]
PositiveSeconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Strict(BaseModel):
    """Unknown keys are refused, text is never taken for a number, values never change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class CameraConfig(Strict):
    """One camera and what counts as trouble with it."""

    name: Name
    """Shown everywhere; letters, digits, ``_ . -``."""
    uri: Annotated[str, Field(min_length=1, max_length=2000)]
    """``pattern://``, ``file:///folder``, ``v4l2:///dev/video0``, ``rtsp://…`` or ``csi://0``."""
    stall_s: PositiveSeconds = 2.0
    """No frame for this long: the camera is stalled and opened again. Seconds."""
    frozen_s: PositiveSeconds | None = None
    """The very same picture for this long: frozen. Seconds; none: by kind of camera."""
    black_luma: Annotated[float, Field(ge=0, le=255)] = 8.0
    """Mean brightness under which a picture without contrast is black, 0..255. At 0 neither black
    nor any other uniform picture counts as trouble."""
    size: Annotated[str, Field(pattern=r"^[1-9]\d{0,4}x[1-9]\d{0,4}$")] | None = None
    """Size the camera has to deliver, ``1280x720``; other sizes are a fault. None: any."""
    reopen_min_s: PositiveSeconds = 0.5
    """First wait before a lost camera is opened again; doubles up to ``reopen_max_s``. Seconds."""
    reopen_max_s: PositiveSeconds = 30.0
    """Longest wait between two attempts. Seconds."""

    @model_validator(mode="after")
    def _waits_in_order(self) -> CameraConfig:
        if self.reopen_min_s > self.reopen_max_s:
            raise ValueError(
                f"reopen_min_s ({self.reopen_min_s:g}) must not exceed "
                f"reopen_max_s ({self.reopen_max_s:g})"
            )
        return self


class DetectConfig(Strict):
    """What counts as a detection."""

    confidence: Fraction = 0.25
    """Boxes with a lower score are dropped, 0..1."""
    iou: Fraction = 0.45
    """Overlap above which the weaker of two boxes of one class is dropped, 0..1."""
    max_boxes: Annotated[int, Field(ge=1, le=10_000)] = 300
    """At most this many boxes a frame, best first."""


class JsonlConfig(Strict):
    """One JSON line a frame, in a file that is rotated."""

    path: FilePath
    """File to append to; ``-`` is standard output."""
    rotate_mb: Annotated[float, Field(gt=0, le=100_000)] = 100.0
    """Size at which the file is renamed to ``NAME.1``, megabytes."""
    keep: Annotated[int, Field(ge=1, le=1000)] = 5
    """How many renamed files are kept; the oldest goes first."""


class WebConfig(Strict):
    """The live view."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Address to listen on. There is no login yet: another than loopback needs ``insecure``."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    """Port; 0 takes a free one."""
    insecure: bool = False
    """Allow an address other than loopback, without login and without TLS."""
    allowed_hosts: list[str] = Field(default_factory=list)
    """Host names a browser may use for it besides loopback; others are refused."""
    quality: Annotated[int, Field(ge=10, le=95)] = 80
    """JPEG quality."""
    max_viewers: Annotated[int, Field(ge=1, le=1000)] = 64
    """More viewers at once are refused."""


class SinksConfig(Strict):
    """Where results go."""

    jsonl: JsonlConfig | None = None
    """Write every result to a file."""
    web: WebConfig | None = Field(default_factory=WebConfig)
    """Serve the live view; ``null`` turns it off."""


class EdgeConfig(Strict):
    """The whole of ``edge.yaml``."""

    cameras: Annotated[list[CameraConfig], Field(min_length=1, max_length=64)]
    """Every camera has a name of its own."""
    model: FilePath | None = None
    """ONNX file or bundle folder; none: the shipped model."""
    detect: DetectConfig = Field(default_factory=DetectConfig)
    """What counts as a detection."""
    sinks: SinksConfig = Field(default_factory=SinksConfig)
    """Where results go."""
    log: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is logged."""

    @model_validator(mode="after")
    def _names_differ(self) -> EdgeConfig:
        names = [camera.name for camera in self.cameras]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two cameras are named {twice[0]!r}; every camera needs its own name")
        return self
