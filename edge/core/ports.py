"""What Edge asks of the outside world. Rooms implement these; stories depend on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from edge.core.types import CameraEvent, CameraStatus, Detections, Frame, Size


class Camera(Protocol):
    """A driver: an open source of frames, live or recorded. It reports trouble by raising."""

    def read(self) -> Frame | None:
        """Wait for the next frame.

        Returns:
            The frame, or None at the end of a recording or once ``close`` was called.

        Raises:
            CameraStalledError: nothing arrived within the camera's ``stall_s``.
            CameraError: the camera is gone or delivers something unusable.
        """
        ...

    def close(self) -> None:
        """Release the device; ends a ``read`` waiting in another thread. Safe to call twice."""
        ...


class CameraFeed(Protocol):
    """A camera that never gives up: frames while live, a status whenever its state changes.

    Attributes:
        name: of the camera.
        dropped: frames that nobody got.
        turns: rises with everything it does, frames and attempts to open; one that stands still
            hangs.
    """

    name: str
    dropped: int
    turns: int

    def __iter__(self) -> Iterator[CameraEvent]:
        """Frames and status changes, in order, until ``close`` or the end of a recording."""
        ...

    def close(self) -> None:
        """End the iteration soon, from any thread. Safe to call twice."""
        ...


class Engine(Protocol):
    """A network ready to run.

    Attributes:
        description: for people, e.g. ``ONNX Runtime 1.31 CPU, fp32``.
        labels: class names, by class id.
        input_size: of the model's input tensor, in model pixels.
    """

    description: str
    labels: tuple[str, ...]
    input_size: Size

    def infer(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run one batch.

        Args:
            tensor: float32 (N, 3, H, W), RGB, 0..1, C-contiguous.

        Returns:
            The raw YOLOv8 head, float32 (N, 4 + classes, anchors). Valid until the next call.
        """
        ...

    def close(self) -> None:
        """Release the runtime. Safe to call twice."""
        ...


class Detector(Protocol):
    """Frame in, detections out; owns preprocessing, engine and postprocessing."""

    @property
    def description(self) -> str:
        """For people: runtime, precision, device."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names, by class id."""
        ...

    def __call__(self, frame: Frame) -> Detections:
        """What is in this frame, boxes in pixels of its image."""
        ...


class OpenDetector(Detector, Protocol):
    """A ``Detector`` that holds a runtime."""

    def close(self) -> None:
        """Release it. Safe to call twice."""
        ...


@runtime_checkable
class Pipeline(Detector, Protocol):
    """A ``Detector`` with several frames in flight; for one thread at a time."""

    @property
    def free(self) -> int:
        """How many frames ``submit`` takes before the next ``collect``."""
        ...

    def submit(self, frame: Frame) -> None:
        """Start the work on a frame; its pixels are kept until it is collected."""
        ...

    def collect(self) -> Detections:
        """Wait for the detections of the oldest frame in flight; there is room for one more."""
        ...


class Sink(Protocol):
    """Somewhere results go. Both calls are quick and never block the loop."""

    def emit(self, frame: Frame, detections: Detections) -> None:
        """Accept the result of one inspected frame. Keeping pixels means copying them."""
        ...

    def camera_changed(self, status: CameraStatus) -> None:
        """A camera changed its state; unless it is live its detections are unknown, never none."""
        ...

    def close(self) -> None:
        """Write what is pending and let go. Safe to call twice."""
        ...


class Heartbeat(Protocol):
    """Whoever restarts this process when it stops answering. No call raises or waits."""

    watchdog_interval_s: float | None
    """How often ``watchdog`` is to be called; None: nobody watches."""

    def ready(self, status: str) -> None:
        """It inspects from now on."""
        ...

    def status(self, text: str) -> None:
        """What it is doing, on one line."""
        ...

    def watchdog(self) -> None:
        """An inference was completed since the last call."""
        ...

    def stopping(self) -> None:
        """It is going down by itself."""
        ...
