"""Does this picture show the line? A pure judge: pictures and times in, a verdict out.

A camera can deliver frames forever and yet see nothing: a stuck driver repeats one frame, a lens is
covered, a lamp fails, a decoder fills with one colour. Without a judge all of these read as
"no defects".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.core.types import CameraState, Frame, Image, Size

ROW_STEP = 8
"""Every eighth row is compared: sensor noise changes them all, and it costs 0.1 ms at 1080p."""
COLUMN_STEP = 16
"""Brightness is measured on every sixteenth pixel of those rows."""
LEAST_REPEATS = 3
"""A raw source never repeats a frame exactly this often (reliability notes, A2)."""
BLACK_CONTRAST = 6.0
"""A dark picture with a larger standard deviation, 0..255, still shows something."""
UNIFORM_SPREAD = 4
"""Largest difference in every channel, 0..255, of a picture that shows nothing at all."""

FROZEN_S = {"rtsp": 5.0, "v4l2": 1.0, "csi": 1.0, "pattern": 1.0}
"""Default patience by kind of camera, seconds. A still scene at a low H.264 bit rate repeats whole
groups of pictures bit by bit (29 of 29 frames at crf 38), so network cameras get more."""


PACE_S = 5.0
"""A camera's rate is measured over this long. Seconds."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a picture says about its camera: a state, and the reason for a person.

    Attributes:
        state: the camera's.
        reason: one line.
        slow: the camera is live, but gives too few frames.
    """

    state: CameraState
    reason: str
    slow: bool = False


class PictureJudge:
    """Judges one camera's pictures, one after the other."""

    def __init__(
        self,
        *,
        frozen_s: float,
        black_luma: float = 8.0,
        expected: Size | None = None,
        overlay: str | None = None,
        least_fps: float | None = None,
    ) -> None:
        """Set the limits.

        Args:
            frozen_s: the very same picture for this long is frozen; seconds, ``inf`` never.
            black_luma: mean brightness under which a picture without contrast is black, 0..255;
                0 turns the test for black and one-coloured pictures off.
            expected: the size every picture has to have; None: that of the first one.
            overlay: ``left,top,width,height``, pixels: what moves there proves nothing.
            least_fps: fewer frames a second are slow; None: any will do.
        """
        self._frozen_s = frozen_s
        self._pace = _Pace(least_fps or 0.0)
        self._overlay = tuple(map(int, overlay.split(","))) if overlay else None
        self._black_luma = black_luma
        self._expected = expected
        self._size = expected
        self._rows = b""
        self._same_since = 0.0
        self._repeats = 0

    def judge(self, frame: Frame, now: float) -> Verdict:
        """``LIVE``, ``FROZEN``, ``BLACK`` or ``RESIZED``, at the time ``now`` in seconds."""
        rows = _luma_or_bgr(frame)[ROW_STEP // 2 :: ROW_STEP]
        self._compare(rows, now)
        return (
            self._resized(frame.size)
            or self._blind(rows)
            or self._frozen(now)
            or self._live(frame, now)
        )

    def forget_picture(self) -> None:
        """Start anew with the next picture: a camera that was away repeats nothing."""
        self._rows, self._repeats = b"", 0
        self._pace.begin_anew()

    def accept_size(self) -> None:
        """Take the next picture's size for the new one; unless the settings expect another."""
        self._size = self._expected

    def _compare(self, rows: Image, now: float) -> None:
        # Bytes, because they compare by one memcmp and end at the first difference.
        sample = self._without_overlay(rows).tobytes()
        if sample == self._rows:
            self._repeats += 1
        else:
            self._rows, self._same_since, self._repeats = sample, now, 0

    def _without_overlay(self, rows: Image) -> Image:
        if self._overlay is None:
            return rows
        left, top, width, height = self._overlay
        first, end = (-(-(y - ROW_STEP // 2) // ROW_STEP) for y in (top, top + height))
        covered = rows.copy()
        covered[max(0, first) : max(0, end), left : left + width] = 0
        return covered

    def _live(self, frame: Frame, now: float) -> Verdict:
        slow = self._pace.slow(frame.index, now)
        return Verdict(
            CameraState.LIVE, f"{frame.size}" + (f", {slow}" if slow else ""), bool(slow)
        )

    def _resized(self, size: Size) -> Verdict | None:
        if self._size is None:
            self._size = size
        if size == self._size:
            return None
        why = "the settings expect (camera.size)" if self._expected else "it delivered so far"
        return Verdict(
            CameraState.RESIZED,
            f"the camera delivers {size} pixels, not the {self._size} {why}. "
            "Check its resolution setting",
        )

    def _blind(self, rows: Image) -> Verdict | None:
        if not self._black_luma:
            return None
        coarse = np.ascontiguousarray(rows[:, ::COLUMN_STEP])
        if coarse.mean() < self._black_luma and coarse.std() < BLACK_CONTRAST:
            return Verdict(
                CameraState.BLACK,
                "the picture is black. Check lens cap, light and exposure",
            )
        if _spread(coarse) <= UNIFORM_SPREAD and _spread(rows) <= UNIFORM_SPREAD:
            return Verdict(
                CameraState.BLACK,
                "the picture is uniform, of one colour: lens covered, over-exposed, lamp failed or "
                "decoder garbage. Look at the camera",
            )
        return None

    def _frozen(self, now: float) -> Verdict | None:
        if self._repeats < LEAST_REPEATS or now - self._same_since < self._frozen_s:
            return None
        return Verdict(
            CameraState.FROZEN,
            f"the very same picture for {self._frozen_s:g} s (camera.frozen_s). "
            "The camera or its driver hangs: power it off and on",
        )


class _Pace:
    """Frames a second that the camera gives, over one span of time after the other."""

    def __init__(self, least_fps: float) -> None:
        self._least_fps = least_fps
        self.begin_anew()

    def begin_anew(self) -> None:
        """The camera was away."""
        self._from: tuple[int, float] | None = None
        self._slow = ""

    def slow(self, index: int, now: float) -> str:
        """Count frames up to this one; by how much they are too few, empty: they are enough."""
        first, began = self._from = self._from or (index, now)
        if now - began >= PACE_S:
            fps = (index - first) / (now - began)
            enough = fps >= self._least_fps
            told = f"but only {fps:.1f} frames a second (camera.least_fps: {self._least_fps:g})"
            self._slow, self._from = "" if enough else told, (index, now)
        return self._slow


def _luma_or_bgr(frame: Frame) -> Image:
    return frame.image if frame.pixel_format == "bgr" else frame.image[: frame.size.height]


def _spread(rows: Image) -> int:
    """The largest range of values within one channel, 0..255."""
    channels = rows if rows.ndim == 3 else rows[:, :, None]
    # One channel at a time: NumPy reduces over two axes at once twenty times slower.
    return max(
        int(channels[..., c].max()) - int(channels[..., c].min()) for c in range(channels.shape[2])
    )
