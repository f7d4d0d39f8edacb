"""A subject with frames in flight: a scripted pipeline, and the real one on a pretended GPU."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence
from contextlib import closing

import numpy as np
import pytest

from edge.bench import OnGpu, TimedPipeline, bench, subject_of
from edge.core.build import Precision
from edge.core.config import DetectConfig
from edge.core.ports import Detector
from edge.core.types import Detections, Frame
from edge.engine.gpu_detector import GpuDetector
from tests.bench.test_rounds import FakeClock, frames
from tests.engine import fake_pycuda, fake_tensorrt
from tests.engine.models import colour_model
from tests.fakes import FakeDetector

ENGINE_S, COPY_S, LAUNCHES_S = 0.002, 0.001, 0.0005


class PacedPipeline:
    """A network of 2 ms and a copy of 1 ms, which run beside each other when both have work."""

    description = "paced"
    labels: tuple[str, ...] = ("a",)
    batch = 1

    def __init__(self, clock: FakeClock, slots: int = 2) -> None:
        self._clock, self._slots = clock, slots
        self._done_at: deque[float] = deque()
        self._engine_free_at = 0.0
        self.most = 0

    @property
    def free(self) -> int:
        return self._slots - len(self._done_at)

    def __call__(self, frame: Frame) -> Detections:
        assert not self._done_at
        self.submit(frame)
        return self.collect()

    def submit(self, frame: Frame) -> None:
        assert self.free
        copied_at = self._clock.now() + COPY_S
        self._engine_free_at = max(copied_at, self._engine_free_at) + ENGINE_S
        self._done_at.append(self._engine_free_at)
        self.most = max(self.most, len(self._done_at))

    def collect(self) -> Detections:
        self._clock.time = max(self._clock.time, self._done_at.popleft())
        return Detections.none()

    def stages_ms(self, frames: Sequence[Frame], times: int) -> dict[str, float]:
        assert not self._done_at
        return {"copy in": COPY_S * 1e3, "engine": ENGINE_S * 1e3 * len(frames)}

    def engine_only_s(self, times: int, images: int, *, graph: bool) -> float:
        assert not self._done_at
        took = times * (ENGINE_S if graph else ENGINE_S + LAUNCHES_S)
        self._clock.time += took
        return took


class PacedBatches(PacedPipeline):
    """Four images at once take as long as one."""

    batch = 4


_pipeline: type[TimedPipeline] = PacedPipeline
_real: type[TimedPipeline] = GpuDetector


def test_two_slots_hide_the_copy_behind_the_network() -> None:
    clock = FakeClock()
    pipeline = PacedPipeline(clock)
    report = bench(subject_of(pipeline), frames(3), seconds=10, rounds=2, clock=clock)
    assert report.engine_only_fps == pytest.approx(500)
    assert report.engine_only_no_graph_fps == pytest.approx(400)
    assert report.ratio == pytest.approx(1.0, abs=0.01)
    assert report.latency_ms["p50"] == pytest.approx(3)
    assert report.frame_age_ms["p50"] == pytest.approx(4)
    assert report.stages_ms == pytest.approx({"copy in": 1, "engine": 2})
    assert (report.in_flight, pipeline.most) == (2, 2)
    assert report.frames == pytest.approx(2 * 1.0 / 0.002, rel=0.01)


def test_one_slot_waits_for_its_copy() -> None:
    clock = FakeClock()
    subject = OnGpu(PacedPipeline(clock, slots=1))
    report = bench(subject, frames(3), seconds=10, rounds=2, clock=clock)
    assert report.ratio == pytest.approx(2 / 3, abs=0.01)
    assert report.frame_age_ms == pytest.approx(report.latency_ms)


def test_a_network_for_four_images_is_measured_with_four() -> None:
    clock = FakeClock()
    report = bench(OnGpu(PacedBatches(clock)), frames(6), seconds=5, rounds=1, clock=clock)
    assert report.engine_only_fps == pytest.approx(2000)
    assert report.stages_ms["engine"] == pytest.approx(8)


@pytest.mark.parametrize("seconds", [0.0, 4.0])
def test_it_takes_the_time_it_was_given(seconds: float) -> None:
    clock = FakeClock()
    bench(OnGpu(PacedPipeline(clock)), frames(3), seconds=seconds, rounds=4, clock=clock)
    # Of five kinds the stages take no time by this clock, and without a graph a little more.
    assert seconds * 0.8 <= clock.time - 100 < seconds * 0.9 + 0.2


def test_the_pipeline_on_a_gpu_is_measured_and_left_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_pycuda.install(monkeypatch)
    monkeypatch.setitem(sys.modules, "tensorrt", fake_tensorrt)
    detector = GpuDetector(
        colour_model().SerializeToString(),
        fake_pycuda.CUBIN,
        labels=("red", "green", "blue"),
        precision=Precision.FP16,
        settings=DetectConfig(),
    )
    with closing(detector):
        report = bench(subject_of(detector), frames(2), seconds=0.1, rounds=2)
        assert detector.in_flight == 0
    assert report.engine == "TensorRT 8.6.0 fp16, Orin"
    assert list(report.stages_ms) == ["copy in", "preprocess", "engine", "postprocess", "copy out"]
    assert report.engine_only_no_graph_fps is not None
    assert report.frames >= 4
    assert report.in_flight == 2


def test_a_detector_that_shows_nothing_inside_is_refused() -> None:
    plain: Detector = FakeDetector()
    with pytest.raises(ValueError, match="fake: shows nothing that could be timed"):
        subject_of(plain)


def test_frames_of_other_formats_are_converted_every_time() -> None:
    """A converted frame is kept by the frame; a second round would find it ready."""
    from edge.bench import Stagewise
    from tests.bench.test_rounds import PacedDetector, PacedEngine

    clock, converted = FakeClock(), list[int]()

    def to_bgr(image: np.ndarray) -> np.ndarray:
        converted.append(1)
        return np.zeros((image.shape[0] * 2 // 3, image.shape[1], 3), np.uint8)

    nv12 = Frame(np.zeros((96, 64), np.uint8), 0, 0.0, "cam", "nv12", to_bgr)
    subject = Stagewise(PacedDetector(clock, PacedEngine(clock, 0.01)))
    report = bench(subject, [nv12], seconds=1, rounds=1, clock=clock)
    assert len(converted) >= report.frames > 10
