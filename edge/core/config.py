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
    overlay: Annotated[str, Field(pattern=r"^\d{1,5},\d{1,5},\d{1,5},\d{1,5}$")] | None = None
    """Where the camera itself writes the time into its picture, ``left,top,width,height``, pixels;
    it is left out when pictures are compared, or a frozen one would pass for live."""
    least_fps: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] | None = None
    """Fewer frames a second than this from the camera are told as a warning. None: any will do."""
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
    """Address to listen on. Another than loopback is served over TLS, and to users only."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    """Port; 0 takes a free one."""
    insecure: bool = False
    """Beyond loopback without TLS, and without users to everybody, who may then watch only."""
    cert: FilePath | None = None
    """Certificate for TLS, PEM; none: one is made in the state folder."""
    key: FilePath | None = None
    """Its private key, PEM, without a password."""
    folder: FilePath | None = None
    """Where users, sessions and that certificate are; none: the state folder."""
    allowed_hosts: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    """Host names a browser may use for it besides loopback; others are refused."""
    quality: Annotated[int, Field(ge=10, le=95)] = 80
    """JPEG quality."""
    max_viewers: Annotated[int, Field(ge=1, le=1000)] = 64
    """More viewers at once are refused."""

    @model_validator(mode="after")
    def _key_of_the_certificate(self) -> WebConfig:
        if (self.cert is None) != (self.key is None):
            raise ValueError("cert and key belong together: give both, or neither")
        return self


class CollectConfig(Strict):
    """A bounded, varied folder of live frames: what ``edge recalibrate`` calibrates with."""

    folder: FilePath | None = None
    """Where they go; none: ``collected`` in the state folder."""
    every_s: PositiveSeconds = 10.0
    """A frame of each camera is considered this often; an uncertain one four times as often, one
    on which two engines disagree always. Seconds."""
    images: Annotated[int, Field(ge=8, le=2000)] = 500
    """At most this many; the one most like the others goes first."""
    megabytes: Annotated[float, Field(gt=0, le=1_000_000)] = 500.0
    """At most this much in all."""
    least_free_mb: Annotated[float, Field(ge=0, le=1_000_000)] = 500.0
    """Nothing is collected while the disk has less than this free, megabytes."""


class RecordConfig(Strict):
    """The newest detections, with their pictures, for the page. Without a page nothing is kept."""

    folder: FilePath | None = None
    """Where they go; none: ``recent`` in the state folder."""
    every_s: PositiveSeconds = 1.0
    """A frame with detections is kept this often, of each camera; an NG frame as well. Seconds."""
    empty_s: PositiveSeconds = 60.0
    """A frame in which nothing was found is kept this often, of each camera. Seconds."""
    images: Annotated[int, Field(ge=10, le=20_000)] = 2000
    """At most this many; the oldest goes first."""
    megabytes: Annotated[float, Field(gt=0, le=1_000_000)] = 500.0
    """At most this much in all."""
    least_free_mb: Annotated[float, Field(ge=0, le=1_000_000)] = 500.0
    """Nothing is kept while the disk has less than this free, megabytes."""
    quality: Annotated[int, Field(ge=10, le=95)] = 85
    """JPEG quality."""


class SinksConfig(Strict):
    """Where results go."""

    jsonl: JsonlConfig | None = None
    """Write every result to a file."""
    web: WebConfig | None = Field(default_factory=WebConfig)
    """Serve the live view; ``null`` turns it off."""
    collect: CollectConfig | None = None
    """Collect frames for recalibration; none: none are collected."""
    record: RecordConfig | None = Field(default_factory=RecordConfig)
    """Keep the newest detections with their pictures for the page; ``null`` turns it off."""


class WatchConfig(Strict):
    """Is the running engine still right? A few live frames also go through the fallback engine.

    Boxes are counted over both engines: a box that both found counts twice.
    """

    every_s: PositiveSeconds = 5.0
    """A live frame is compared this often, the cameras in turn. Seconds, on average: a fixed rhythm
    could fall into step with the belt and only ever see it empty."""
    f1_50: Fraction = 0.975
    """Agreement at IoU 0.50 that the engine owes, 0..1, as in the gate. It is a breach when, by all
    that chance can do, the engine lies below it."""
    f1_85: Fraction = 0.95
    """The same at IoU 0.85."""
    window_boxes: Annotated[int, Field(ge=20, le=1_000_000)] = 400
    """Agreement is judged over the last comparisons that hold this many boxes."""
    window_s: PositiveSeconds = 3600.0
    """What is older than this is no evidence any more. Seconds."""
    least_boxes: Annotated[int, Field(ge=2, le=1_000_000)] = 100
    """Boxes under which nothing is said to be in order."""
    least_frames: Annotated[int, Field(ge=1, le=1000)] = 5
    """Frames with a box under which nothing is judged: one odd frame proves nothing."""
    dwell_s: PositiveSeconds = 600.0
    """Least time on the fallback engine before coming back. Seconds."""
    come_back: bool = False
    """Come back by itself when the engines agree again, once; else another bundle has to be
    published, or an operator says so."""
    trial_boxes: Annotated[int, Field(ge=2, le=1_000_000)] = 100
    """Boxes after which a new bundle's trial is passed, unless it failed before."""
    trial_frames: Annotated[int, Field(ge=1, le=100_000)] = 10
    """Frames with a box that a trial takes at least."""
    canaries_s: PositiveSeconds = 3600.0
    """The bundle's canary images are shown to the engine again this often. Seconds."""
    drift: Fraction = 0.3
    """Jensen-Shannon distance from the baseline above which brightness, scores or class mix count
    as drifted, 0..1. Drift warns; it never switches the engine."""
    evidence_mb: Annotated[float, Field(gt=0, le=1_000_000)] = 200.0
    """Frames on which both engines disagreed before a breach are kept in ``evidence`` in the state
    folder, at most this much in all, the oldest case going first; one with a file ``keep`` in it
    stays. Megabytes."""
    drift_samples: Annotated[int, Field(ge=50, le=100_000)] = 300
    """Frames, for the brightness, and boxes, for the others, that drift is judged over."""

    @model_validator(mode="after")
    def _evidence_fits_the_window(self) -> WatchConfig:
        if self.least_boxes > self.window_boxes:
            raise ValueError(
                f"least_boxes ({self.least_boxes}) must not exceed "
                f"window_boxes ({self.window_boxes})"
            )
        return self


class RecalibrateConfig(Strict):
    """What ``edge recalibrate`` builds the next bundle from, besides the collected frames."""

    model: FilePath
    """The trained model, ONNX, FP32."""
    images: FilePath
    """Folder of the factory's images."""
    labels: FilePath | None = None
    """Their labels: YOLO text folder or COCO JSON."""
    keep: Annotated[int, Field(ge=2, le=1000)] = 5
    """So many of the newest bundles stay, besides the one in use and the one before it."""
    slower: Annotated[float, Field(ge=1, le=100, allow_inf_nan=False)] = 2.0
    """Beside a running service the build is paused while the 99th percentile of frame ages is more
    than this many times what it was before."""
    young_ms: Annotated[float, Field(ge=0, le=10_000)] = 30.0
    """Frames up to this age are young, whatever they were before: twice next to nothing is still
    next to nothing. Milliseconds."""
    patience_s: PositiveSeconds = 60.0
    """A build whose pause does not help for so long is given up. Seconds."""


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
    watch: WatchConfig | None = Field(default_factory=WatchConfig)
    """Watch the accuracy of the running engine; ``null`` turns it off."""
    recalibrate: RecalibrateConfig | None = None
    """What a recalibration on this device builds from."""
    log: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is logged."""

    @model_validator(mode="after")
    def _names_differ(self) -> EdgeConfig:
        names = [camera.name for camera in self.cameras]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two cameras are named {twice[0]!r}; every camera needs its own name")
        return self
