"""Figures of one hour, as they are counted, kept and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Hour:
    """What one camera saw within one hour. Frames, not parts: one part is in many frames.

    Attributes:
        hour: seconds since 1970 in UTC at which it begins.
        camera: its name.
        frames: that were inspected.
        dropped: frames that the camera produced and nobody inspected.
        ok, ng: verdicts; none while the camera has no rules.
        unknown: verdicts, and frames never inspected while the camera has rules.
        blind_s: time in which the camera was not live, seconds.
        detections: boxes by label.
    """

    hour: int
    camera: str
    frames: int = 0
    dropped: int = 0
    ok: int = 0
    ng: int = 0
    unknown: int = 0
    blind_s: float = 0.0
    detections: Mapping[str, int] = field(default_factory=dict)
