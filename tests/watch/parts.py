"""Detections with a known agreement, for the tests of the watch."""

from __future__ import annotations

import numpy as np

from edge.core.types import Detections


def boxes(count: int, *, class_id: int = 0, score: float = 0.9, shift: float = 0.0) -> Detections:
    """Boxes of 20 x 20 pixels side by side, moved ``shift`` pixels to the right."""
    left = 40 * np.arange(count, dtype=np.float32)[:, None] + np.float32(shift)
    corners = np.hstack([left, np.full_like(left, 10), left + 20, np.full_like(left, 30)])
    return Detections(
        corners, np.full(count, score, np.float32), np.full(count, class_id, np.int32)
    )


NOTHING = boxes(0)
BESIDE = 4.0
"""Pixels by which a box is found again (IoU 0.67), but no longer in place."""
ELSEWHERE = 20.0
"""Pixels by which a box is another one."""
