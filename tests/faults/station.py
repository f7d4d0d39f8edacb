"""One camera's way through the service: the real feed, the real loop, what the service says of it.

Time passes only when a part waits or a test says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from edge import live
from edge.camera.feed import SupervisedFeed
from edge.camera.health import FROZEN_S, PictureJudge
from edge.core.config import CameraConfig
from edge.core.ports import Camera, Detector
from edge.core.service import Conditions
from edge.core.types import CameraState, CameraStatus, Detections, Frame, Size
from edge.sinks.overview import Overview
from tests.camera.fakes import FakeCamera, FakeClock, Step
from tests.fakes import FakeDetector

NAME = "press-3"
Opening = Camera | Exception


class Seen:
    """A sink that notes what happened, when: frames by index, changes by state."""

    def __init__(self, clock: FakeClock) -> None:
        self.frames: list[Frame] = []
        self.found: list[Detections] = []
        self.statuses: list[CameraStatus] = []
        self.words: list[str] = []
        self.times: list[float] = []
        self._clock = clock

    def emit(self, frame: Frame, detections: Detections) -> None:
        self.frames.append(frame)
        self.found.append(detections)
        self._note(f"frame {frame.index}")

    def camera_changed(self, status: CameraStatus) -> None:
        self.statuses.append(status)
        self._note(status.state.value)

    def close(self) -> None:
        """Nothing to let go of."""

    def when(self, word: str) -> float:
        """Time of its first appearance, seconds."""
        return self.times[self.words.index(word)]

    def reason(self, state: CameraState) -> str:
        """Of the first status with this state."""
        return next(status.reason for status in self.statuses if status.state is state)

    def _note(self, word: str) -> None:
        self.words.append(word)
        self.times.append(self._clock.now())


class Station:
    """A supervised camera, a detector and the service's overview.

    Attributes:
        clock: the only time there is.
        feed: the camera's.
        seen: what came out of the loop.
        overview: how the service is.
    """

    def __init__(self, *, uri: str = "rtsp://cam/1", **settings: Any) -> None:
        """Settings are those of the camera."""
        self.clock = FakeClock()
        self.seen = Seen(self.clock)
        self.overview = Overview(self.clock, Conditions())
        self._left: list[Opening] = []
        config = CameraConfig.model_validate({"name": NAME, "uri": uri, **settings})
        judge = PictureJudge(
            frozen_s=config.frozen_s or FROZEN_S[uri.partition(":")[0]],
            black_luma=config.black_luma,
            expected=Size(*map(int, config.size.split("x"))) if config.size else None,
            overlay=config.overlay,
            least_fps=config.least_fps,
        )
        self.feed = SupervisedFeed(
            self._open, config, judge, self.clock, jitter=lambda _, most: most
        )

    def run(self, detector: Detector | None = None) -> Seen:
        """Until the camera's own end."""
        model = detector or FakeDetector()
        live.run(live.Lockstep([self.feed]), model, [self.overview, self.seen])
        return self.seen

    def health_after(self, seconds: float = 0.0) -> dict[str, Any]:
        """What the service says of itself so much later."""
        self.clock.pass_by(seconds)
        return self.overview.health()

    def at(self, fps: float, steps: Iterable[Frame | Exception]) -> FakeCamera:
        """A camera that plays these at a pace, and ends."""
        return FakeCamera([*self.paced(fps, steps), None])

    def then(self, *openings: Opening) -> Station:
        """What the next openings give, or raise; the last one for ever."""
        self._left += openings
        return self

    def paced(self, fps: float, steps: Iterable[Frame | Exception]) -> Iterator[Step]:
        """These, with time passing between them."""
        for step in steps:
            yield step
            yield lambda: self.clock.pass_by(1 / fps)

    def _open(self) -> Camera:
        opening = self._left.pop(0) if len(self._left) > 1 else self._left[0]
        if isinstance(opening, Exception):
            raise opening
        return opening
