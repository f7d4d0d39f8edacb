"""Speed on this machine: the detector alone, and the whole loop with and without viewers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from edge.app.parts import open_reference
from edge.app.service import RunReport, serve
from edge.bench import bench_detector, compare
from edge.camera import open_feed
from edge.core.clock import MonotonicClock
from edge.core.config import CameraConfig, DetectConfig, EdgeConfig, SinksConfig, WebConfig
from edge.core.errors import DataError
from edge.core.types import Frame
from edge.sinks.web.viewers import ViewerLoad

Progress = Callable[[int, int], None]

FRAMES_IN_MEMORY = 30
ROUNDS_OF_VIEWERS = 4


def bench(
    model: Path | None, source: str, seconds: float, threads: int | None, progress: Progress
) -> dict[str, Any]:
    """The engine alone against preprocess + engine + postprocess, on frames held in memory."""
    frames = _frames_in_memory(source)
    with open_reference(model, DetectConfig(), threads) as detector:
        report = bench_detector(detector, frames, seconds=seconds, progress=progress)
    return {"source": source, "size": str(frames[0].size), **dataclasses.asdict(report)}


def _frames_in_memory(source: str) -> list[Frame]:
    """The first frames of a source, copied out of its pool."""
    frames: list[Frame] = []
    feed = open_feed(CameraConfig(name="bench", uri=source), MonotonicClock())
    for event in feed:
        if isinstance(event, Frame):
            frames.append(dataclasses.replace(event, image=event.image.copy()))
        if len(frames) == FRAMES_IN_MEMORY:
            feed.close()
    if not frames:
        raise DataError(f"{source}: gave no frame to measure with")
    return frames


def bench_viewers(
    model: Path | None, viewers: int, fps: float, seconds: float, progress: Progress
) -> dict[str, Any]:
    """The live loop on the rendered line without viewers, with them, and so on in turn.

    One of the viewers connects and never reads. Without viewers the page is served all the same.
    """
    camera = CameraConfig(name="line-1", uri=f"pattern://?size=1280x720&fps={fps:g}")
    sinks = SinksConfig(web=WebConfig(port=0, max_viewers=viewers + 1))
    config = EdgeConfig(cameras=[camera], model=model, sinks=sinks)
    round_s = seconds / (2 * ROUNDS_OF_VIEWERS)

    def watched_by(count: int) -> dict[str, float]:
        with ExitStack() as stack:

            def ready(url: str | None) -> None:
                if count and url:
                    stack.enter_context(ViewerLoad(url, count, never_reading=1))

            report = serve(config, ready, round_s)
        return {"fps": report.fps, **_ages(report)}

    comparison = compare(
        lambda: watched_by(0),
        lambda: watched_by(viewers),
        rounds=ROUNDS_OF_VIEWERS,
        progress=progress,
    )
    return {"viewers": viewers, "paced_fps": fps, **dataclasses.asdict(comparison)}


def _ages(report: RunReport) -> dict[str, float]:
    """Frame age at the sink, of a run that showed at least one frame."""
    if report.frames < 2:
        raise DataError("the loop inspected no frames: choose a longer --seconds")
    return {f"age_{name}_ms": age for name, age in report.latency_ms.items() if age is not None}
