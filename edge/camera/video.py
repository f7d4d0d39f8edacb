"""A video file, frame by frame, through PyAV. A file that was cut off says so at its end.

H.264 holds no checksum: damage that breaks the syntax is an error, damage that happens to decode to
other pixels cannot be seen. A cut is always seen, but for MPEG-TS cut exactly between two packets.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.camera.images import shown
from edge.core.errors import CameraError, DataError, InputMissingError, MissingLibraryError

if TYPE_CHECKING:
    from edge.camera.recording import Picture, Pictures

_SLACK_FRAMES = 2
"""Containers round their duration; a file is short when more than this is missing. Frames."""

_TS_PACKETS = (188, 192)
"""Lengths of a transport stream's packets, which announces no length itself. Bytes."""


def video_pictures(path: Path) -> Pictures:
    """Every frame of the file's first video stream, decoded strictly, turned upright.

    The rotation in the container's metadata is applied, as players and ``cv2`` do.

    Raises:
        DataError: the file is no video that can be decoded. Raised here, at opening.
        InputMissingError: the file cannot be opened.
        MissingLibraryError: PyAV is not installed.
        CameraError: while iterating: a frame is damaged, or the file ends before its own header
            says it should. All frames before that were delivered.
    """
    container = _opened(path)
    if not container.streams.video:
        container.close()
        raise DataError(f"{shown(path)} holds no video. Is it the right file?")
    return _pictures(path, container)


def _opened(path: Path) -> Any:
    try:
        import av
    except ImportError as error:
        raise MissingLibraryError(
            "PyAV, which reads videos, is not installed. Run: pip install av"
        ) from error
    try:
        return av.open(str(path))
    except PermissionError as error:
        raise InputMissingError(
            f"{shown(path)}: permission denied. Let this user read it: chmod a+r"
        ) from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise DataError(
            f"{shown(path)} is no video, or was cut off before it could be played "
            f"({_words(error)}). Record or copy it again"
        ) from error


def _pictures(path: Path, container: Any) -> Generator[Picture, None, None]:
    stream = container.streams.video[0]
    done, last_s = 0, 0.0
    with container:
        for frame in _decoded(path, container, stream):
            yield lambda frame=frame: _upright(frame)  # type: ignore[misc]
            done += 1
            last_s = frame.time or 0.0
        _refuse_short(path, container, stream, done, last_s)


def _decoded(path: Path, container: Any, stream: Any) -> Iterator[Any]:
    import av

    stream.thread_type = "FRAME"  # slice threads swallow errors
    stream.codec_context.options = {"err_detect": "explode"}  # never a grey half from a lost packet
    done = 0
    try:
        for frame in container.decode(stream):
            # FFmpeg marks good key frames as corrupt when their slices come one by one.
            if frame.is_corrupt and not frame.key_frame:
                raise CameraError(_broken(path, done, "damaged picture"))
            yield frame
            done += 1
    except av.FFmpegError as error:
        raise CameraError(_broken(path, done, _words(error))) from error


def _refuse_short(path: Path, container: Any, stream: Any, done: int, last_s: float) -> None:
    """Compare what came with what the container announced, as far as it announced anything."""
    if done == 0:
        raise DataError(f"{shown(path)}: no frame of the video can be decoded. Record it again")
    if stream.frames and done < stream.frames:
        raise CameraError(_broken(path, done, f"the header announces {stream.frames} frames"))
    if container.format.name == "mpegts" and all(path.stat().st_size % n for n in _TS_PACKETS):
        raise CameraError(_broken(path, done, "the last packet is incomplete"))
    rate_hz = float(stream.average_rate or 0)
    if stream.frames or not rate_hz or not container.duration:
        return
    missing_s = container.duration / 1e6 - last_s  # AV_TIME_BASE: FFmpeg counts microseconds
    if missing_s * rate_hz > 1 + _SLACK_FRAMES:
        raise CameraError(_broken(path, done, f"the header announces {missing_s:.1f} s more"))


def _broken(path: Path, done: int, why: str) -> str:
    return (
        f"{shown(path)}: the video breaks off after {done} frames ({why}). "
        "Those were delivered; record or copy the file again"
    )


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _upright(frame: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    image = frame.to_ndarray(format="bgr24")
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image
