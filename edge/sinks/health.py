"""Whether the cameras are being inspected right now, in words and for machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edge.core.service import ServiceState, worst
from edge.core.types import CameraState, CameraStatus
from edge.sinks.summary import CameraReport

STALE_S = 2.0
"""A live camera without an inspected frame for this long is stale: its detections are unknown."""

_LIVE = CameraState.LIVE.value
_COMING_UP = (CameraState.CONNECTING.value, _LIVE)


def health(
    statuses: Mapping[str, CameraStatus],
    reports: Mapping[str, CameraReport],
    now: float,
    conditions: Mapping[ServiceState, str] | None = None,
    warnings: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The state of the service and of each camera.

    Args:
        statuses: the last known state of each camera.
        reports: figures of each camera that had a frame.
        now: monotonic seconds.
        conditions: what else is so, with its reason.
        warnings: what somebody should look after, by what it is about.

    Returns:
        ``state``: the worst that is so, see :class:`edge.core.service.ServiceState`: ``running``
        (every camera is inspected now), ``degraded`` (some are), ``starting`` (no frame yet, and
        a camera may still come up), ``blind`` (none is), or a condition's.
        ``reasons``: one line for each camera that is not inspected, and for each condition.
        ``warnings``: what somebody should look after while the line is inspected, by what it is
        about.
        ``cameras``: one for each, with ``camera, state, reason, fps, age_s``; ``age_s`` is the
        time since its last inspected frame, null before the first.
    """
    names = sorted(statuses.keys() | reports.keys())
    cameras = [_camera(name, statuses.get(name), reports.get(name), now) for name in names]
    conditions = conditions or {}
    reasons = [*conditions.values(), *(c["reason"] for c in cameras if c["state"] != _LIVE)]
    state = worst(_of_cameras(cameras), conditions)
    told = {"state": state.value, "reasons": reasons, "warnings": dict(warnings or {})}
    return {**told, "cameras": cameras}


def _of_cameras(cameras: Sequence[Mapping[str, Any]]) -> ServiceState:
    begun = [camera["age_s"] is not None for camera in cameras]
    live = [camera["state"] == _LIVE for camera in cameras]
    inspected = [a and b for a, b in zip(begun, live, strict=True)]
    if any(inspected):
        return ServiceState.RUNNING if all(inspected) else ServiceState.DEGRADED
    may_come = any(camera["state"] in _COMING_UP for camera in cameras)
    coming = not any(begun) and (may_come or not cameras)
    return ServiceState.STARTING if coming else ServiceState.BLIND


def _camera(
    name: str, status: CameraStatus | None, report: CameraReport | None, now: float
) -> dict[str, Any]:
    state = status.state if status else CameraState.LIVE
    reason = status.reason if status else ""
    since = report.last_at if report and report.last_at is not None else None
    known: dict[str, Any] = {
        "camera": name,
        "state": state.value,
        "reason": reason,
        "fps": report.recent_fps if report else 0.0,
        "age_s": None if since is None else round(now - since, 2),
    }
    if state is CameraState.LIVE:
        waited_s = now - (since if since is not None else status.at if status else now)
        if waited_s > STALE_S:
            known["state"] = "stale"
            known["reason"] = f"{name}: no frame was inspected for {waited_s:.1f} s"
    return known
