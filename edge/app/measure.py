"""Speed on this machine: one model, two in turns, and the live loop with and without viewers."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from edge import engine
from edge.app.parts import bundle_key, model_to_use
from edge.app.service import RunReport, serve
from edge.bench import (
    BenchReport,
    Look,
    MachineWatch,
    OneFrameAtATime,
    Subject,
    bench,
    compare,
    subject_of,
)
from edge.camera import open_feed
from edge.core.clock import MonotonicClock
from edge.core.config import CameraConfig, DetectConfig, EdgeConfig, SinksConfig, WebConfig
from edge.core.errors import ConfigError, DataError
from edge.core.pool import FramePool
from edge.core.ports import OpenDetector
from edge.core.types import Frame
from edge.engine.gpu_frames import PinnedPools
from edge.host.jetson import read_health
from edge.host.nvidia import CardHealth, read_card
from edge.sinks.web.viewers import ViewerLoad

Progress = Callable[[int, int], None]
Part = Literal["engine", "fallback", "service", "fp32", "fp16"]
"""Of a bundle: what runs, what judges it, or what runs with both loaded; of PyTorch's weights: what
it computes in."""

FRAMES_IN_MEMORY = 30
ROUNDS_OF_VIEWERS = 4
ROUNDS_OF_MODELS = 10
WEIGHTS = ".pt"


def bench_model(
    model: Path | None, source: str, seconds: float, threads: int | None, progress: Progress
) -> dict[str, Any]:
    """One model, on frames held in memory: the engine alone against the whole way."""
    return measured(model_to_use(model), "engine", source, seconds, threads, progress)


def measured(
    model: Path,
    part: Part,
    source: str,
    seconds: float,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure one part of a model in this process; plain values, ready for JSON."""
    machine, frames = MachineWatch(look), frames_in_memory(source)
    with open_subject(model, part, threads) as subject:
        report = bench(subject, frames, seconds=seconds, machine=machine, progress=progress)
    return {
        "model": str(model),
        "source": source,
        "size": str(frames[0].size),
        **dataclasses.asdict(report),
    }


def bench_against(
    model: Path | None,
    other: Path,
    source: str,
    seconds: float,
    threads: int | None,
    progress: Progress,
) -> dict[str, Any]:
    """Two models in turns, ``other`` first: by how much is ``model`` better, and what is noise?"""
    ours, frames = model_to_use(model), frames_in_memory(source)
    share_s = seconds / (2 * ROUNDS_OF_MODELS)

    def once(subject: Subject) -> dict[str, float]:
        return _numbers(bench(subject, frames, seconds=share_s, rounds=1))

    pools = PinnedPools()  # both read the same frames, which can be pinned once only
    with (
        open_subject(other, "engine", threads, pools) as before,
        open_subject(ours, "engine", threads, pools) as after,
    ):
        comparison = compare(
            lambda: once(before),
            lambda: once(after),
            rounds=ROUNDS_OF_MODELS,
            progress=progress,
        )
        engines = {"engine": after.description, "against_engine": before.description}
    named = {"model": str(ours), "against": str(other), **engines}
    facts = {"source": source, "size": str(frames[0].size)}
    return {**named, **facts, **dataclasses.asdict(comparison)}


@contextmanager
def open_subject(
    model: Path, part: Part, threads: int | None = None, pools: PinnedPools | None = None
) -> Iterator[Subject]:
    """Something to measure: a bundle's part, an ONNX file, or PyTorch's weights; closes it.

    Args:
        model: of it.
        part: of the model.
        threads: CPU threads of ONNX Runtime.
        pools: of frames, pinned once for all that is opened.

    Raises:
        EdgeError: it cannot run here.
    """
    if model.suffix == WEIGHTS:
        yield _pytorch(model, half=part == "fp16")
        return
    settings, key = DetectConfig(), bundle_key()
    with ExitStack() as opened:
        if part == "fallback":
            detector = _fallback(model, settings)
        else:
            detector = engine.open_detector(model, settings, threads=threads, key=key, pools=pools)
        opened.callback(detector.close)
        if part == "service":
            opened.callback(_fallback(model, settings).close)
        yield subject_of(detector)


def _fallback(model: Path, settings: DetectConfig) -> OpenDetector:
    found = engine.open_fallback_detector(model, settings, key=bundle_key())
    if found is None:
        raise ConfigError(f"{model}: this bundle has no fallback engine")
    return found


def _pytorch(weights: Path, *, half: bool) -> Subject:
    from edge.export.pytorch import PyTorchModel  # needs the export extra

    model = PyTorchModel(weights, half=half)
    return OneFrameAtATime(model.description, model.forward, model.predict)


def _numbers(report: BenchReport) -> dict[str, float]:
    return {
        "engine_only_fps": report.engine_only_fps,
        "end_to_end_fps": report.end_to_end_fps,
        "latency_p50_ms": report.latency_ms["p50"],
        "latency_p99_ms": report.latency_ms["p99"],
    }


def look() -> Look:
    """At this machine: its files, and what the graphics card's own program says."""
    board, card = read_health(), read_card() or CardHealth()
    hottest = board.hottest[1] if board.hottest else None
    reasons = [each for each in (board.throttled, card.throttled) if each is not None]
    return Look(
        gpu=card.name,
        gpu_mhz=_millions(_either(card.gpu_hz, board.gpu_hz)),
        gpu_max_mhz=_millions(_either(card.gpu_max_hz, board.gpu_max_hz)),
        gpu_memory_mb=_millions(card.memory_used_bytes),
        cpu_mhz=_millions(board.cpu_hz),
        temperature_c=_either(card.temperature_c, hottest),
        power_w=_either(card.power_w, board.power_w),
        power_mode=board.power_mode,
        throttled=tuple(why for each in reasons for why in each) if reasons else None,
        available_mb=_millions(board.memory_available_bytes),
    )


def _either(card: float | None, board: float | None) -> float | None:
    return board if card is None else card


def _millions(value: float | None) -> float | None:
    return None if value is None else value / 1e6


def frames_in_memory(source: str) -> list[Frame]:
    """The first frames of a source, in a pool as a camera has it, which a GPU can pin.

    Raises:
        DataError: it gives none.
    """
    frames: list[Frame] = []
    pool: FramePool | None = None
    feed = open_feed(CameraConfig(name="bench", uri=source), MonotonicClock())
    for event in feed:
        if isinstance(event, Frame):
            pool = pool or FramePool(event.image.nbytes, FRAMES_IN_MEMORY)
            if event.image.nbytes <= pool.slot_bytes:
                frames.append(_copied(event, pool))
        if len(frames) == FRAMES_IN_MEMORY:
            feed.close()
    if not frames:
        raise DataError(f"{source}: gave no frame to measure with")
    return frames


def _copied(frame: Frame, pool: FramePool) -> Frame:
    image = pool.array(frame.image.shape)
    assert image is not None  # there is a slot for each
    image[:] = frame.image
    return dataclasses.replace(frame, image=image, block=pool.memory)


def bench_viewers(
    model: Path | None, viewers: int, fps: float, seconds: float, progress: Progress
) -> dict[str, Any]:
    """The live loop on the rendered line without viewers, with them, and so on in turn.

    A tenth of the viewers, at least one, connect and never read, and a tenth have a slow link.
    Without viewers the page is served all the same. ``cpu`` is what this process takes, in cores.
    """
    camera = CameraConfig(name="line-1", uri=f"pattern://?size=1280x720&fps={fps:g}")
    round_s = seconds / (2 * ROUNDS_OF_VIEWERS)
    troubled = viewers // 10

    def watched_by(count: int) -> dict[str, float]:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="edge-bench-")))
            web = WebConfig(port=0, max_viewers=viewers + 1, folder=folder)
            config = EdgeConfig(cameras=[camera], model=model, sinks=SinksConfig(web=web))

            def ready(url: str | None) -> None:
                if count and url:
                    stack.enter_context(ViewerLoad(url, count, max(1, troubled), troubled))

            began, cpu_s = time.monotonic(), time.process_time()
            report = serve(config, ready, round_s, state=folder)
            cpu = (time.process_time() - cpu_s) / (time.monotonic() - began)
        return {"fps": report.fps, "cpu": cpu, **_ages(report)}

    comparison = compare(
        lambda: watched_by(0),
        lambda: watched_by(viewers),
        rounds=ROUNDS_OF_VIEWERS,
        progress=progress,
    )
    more = comparison.variant["cpu"] - comparison.baseline["cpu"]
    return {
        "viewers": viewers,
        "paced_fps": fps,
        "cpu_per_viewer": more / viewers,
        **dataclasses.asdict(comparison),
    }


def _ages(report: RunReport) -> dict[str, float]:
    """Frame age at the sink, of a run that showed at least one frame."""
    if report.frames < 2:
        raise DataError("the loop inspected no frames: choose a longer --seconds")
    return {f"age_{name}_ms": age for name, age in report.latency_ms.items() if age is not None}
