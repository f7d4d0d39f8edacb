"""Recordings: a video file, or a folder or glob of images. Nothing is dropped or cut in silence."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from itertools import count
from pathlib import Path

from edge.camera.images import IMAGE_SUFFIXES, expand_glob, list_images, read_image, shown
from edge.camera.uri import CameraUri
from edge.core.clock import Clock
from edge.core.errors import ConfigError, InputMissingError
from edge.core.types import Frame, Image

Picture = Callable[[], Image]
"""Decodes one picture when it is called: uint8 (H, W, 3) BGR."""

Pictures = Generator[Picture, None, None]


class Recording:
    """Pictures from files, as a ``Camera``.

    Without a frame rate it is read in lock-step: every frame, as fast as the reader asks. With one
    it plays in real time and, like a live camera, drops the frames a slow reader came too late for.
    """

    def __init__(
        self,
        name: str,
        pictures: Pictures,
        clock: Clock,
        frame_rate_hz: float | None = None,
    ) -> None:
        self._name = name
        self._pictures = pictures
        self._clock = clock
        self._period_s = 1 / frame_rate_hz if frame_rate_hz else 0.0
        self._closed = threading.Event()
        self._reading = threading.Lock()
        self._started_at: float | None = None
        self._next = 0

    def read(self) -> Frame | None:
        """The next frame, or None at the end and after ``close``.

        Raises:
            CameraError: the file ends before it should, or a frame of it is damaged.
            DataError: an image is broken.
        """
        with self._reading:
            for picture in self._pictures:
                index, self._next = self._next, self._next + 1
                if self._too_late(index):
                    continue
                if self._closed.is_set() or self._wait_until_due(index):
                    break
                return Frame(picture(), index, self._clock.now(), self._name)
        return None

    def close(self) -> None:
        """End a ``read`` that waits in another thread, then let go of the file."""
        self._closed.set()
        with self._reading:
            self._pictures.close()

    def _wait_until_due(self, index: int) -> bool:
        """Wait for the frame's turn; True when the recording was closed meanwhile."""
        if self._started_at is None:
            self._started_at = self._clock.now()
        if not self._period_s:
            return False
        due = self._started_at + index * self._period_s
        return self._clock.wait(self._closed, due - self._clock.now())

    def _too_late(self, index: int) -> bool:
        if self._started_at is None or not self._period_s:
            return False
        next_is_due_at = self._started_at + (index + 1) * self._period_s
        return self._clock.now() >= next_is_due_at


def open_recording(name: str, uri: CameraUri, *, stall_s: float, clock: Clock) -> Recording:
    """Open what a ``file://`` URI names.

    Options: ``fps=N`` plays in real time at N frames a second, ``loop=true`` starts over at the
    end. ``stall_s`` does not matter to a file.

    Raises:
        ConfigError: an option is unknown or no number.
        InputMissingError: there is no such file, folder or match.
        DataError: the file is no video.
        MissingLibraryError: PyAV is not installed and the file is a video.
    """
    del stall_s
    uri.check_query("fps", "loop")
    frame_rate_hz, loop = _frame_rate_hz(uri), _loop(uri)
    play = _player(uri)
    once = play()
    pictures = _again_and_again(once, play) if loop else once
    return Recording(name, pictures, clock, frame_rate_hz)


def _player(uri: CameraUri) -> Callable[[], Pictures]:
    path = uri.path
    if _is_file(path) and path.suffix.lower() not in IMAGE_SUFFIXES:
        from edge.camera.video import video_pictures

        return lambda: video_pictures(path)
    videos = [] if path.exists() else expand_glob(path)
    if videos and not any(video.suffix.lower() in IMAGE_SUFFIXES for video in videos):
        raise InputMissingError(
            f"{uri.public}: a glob may match images, but a video is named by itself; "
            f"did you mean file://{shown(videos[0])}?"
        )
    images = list_images(path)
    return lambda: _image_pictures(images)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError as error:
        raise InputMissingError(
            f"{shown(path)}: permission denied. Let this user look into its folder"
        ) from error


def _image_pictures(images: list[Path]) -> Pictures:
    for image in images:
        yield lambda image=image: read_image(image)  # type: ignore[misc]


def _again_and_again(once: Pictures, play: Callable[[], Pictures]) -> Pictures:
    for _ in count():
        yield from once
        once = play()


def _frame_rate_hz(uri: CameraUri) -> float | None:
    text = uri.query.get("fps")
    if text is None:
        return None
    try:
        frame_rate_hz = float(text)
    except ValueError:
        frame_rate_hz = 0.0
    if not 0 < frame_rate_hz <= 1000:
        raise ConfigError(f"{uri.public}: fps has to be a number over 0, up to 1000, got {text!r}")
    return frame_rate_hz


def _loop(uri: CameraUri) -> bool:
    text = uri.query.get("loop", "false").lower()
    if text not in ("true", "false"):
        raise ConfigError(f"{uri.public}: loop has to be true or false, got {text!r}")
    return text == "true"
