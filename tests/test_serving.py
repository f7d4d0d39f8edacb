"""A bundle in service on a GPU, from file to detections, with a fake driver below PyCUDA."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge import live
from edge.app import kernels
from edge.app.kernels import find_kernels
from edge.app.serving import Guarded, Serving
from edge.core.config import DetectConfig
from edge.core.errors import DataError, MissingLibraryError
from edge.core.pool import FramePool
from edge.core.types import Detections, Frame
from edge.engine.bundle import write_bundle
from edge.engine.gpu_slot import Slot
from edge.engine.kernels import kernels_id
from edge.engine.machine import this_machine
from edge.engine.publish import publish
from edge.watch import Canary, Standing
from tests.engine import fake_pycuda, fake_tensorrt
from tests.engine.bundles import fields
from tests.engine.models import colour_model
from tests.engine.test_gpu_detector import darkness_model, level_of
from tests.fakes import FakeDetector, ListSink, a_frame, one_box

ALL = DetectConfig(confidence=0.0, iou=1.0)
ORIN = "8.7"


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[fake_pycuda.Driver]:
    driver = fake_pycuda.install(monkeypatch)
    monkeypatch.setitem(sys.modules, "tensorrt", fake_tensorrt)
    yield driver
    assert (driver.held, driver.retained, driver.stack) == (0, 0, [])


def a_bundle(tmp_path: Path, model: Any, *, with_kernels: bool = True) -> tuple[Path, Path]:
    """A bundle of plans, and its key; the fallback is the colour model."""
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    contents = {
        "engine.plan": model.SerializeToString(),
        "fallback.plan": colour_model().SerializeToString(),
        "kernels.cubin": fake_pycuda.CUBIN,
    }
    for name, content in contents.items():
        (work / name).write_bytes(content)
    machine = this_machine("tensorrt").model_dump()
    manifest = fields(machine=machine, engine="engine.plan", fallback="fallback.plan")
    if with_kernels:
        manifest |= {"kernels": "kernels.cubin", "kernels_id": kernels_id(ORIN)}
    key, out = tmp_path / "key", tmp_path / "models"
    bundle = write_bundle(out, {name: work / name for name in contents}, manifest, key=key)
    publish(out, bundle)
    return bundle, key


def painted(pool: FramePool, level: int) -> Frame:
    image = pool.array((64, 96, 3))
    assert image is not None
    image[:] = level
    return Frame(image, level, 0.0, block=pool.memory)


class Levels(ListSink):
    """Remembers what each frame was painted with, as its detections tell."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[tuple[int, int]] = []

    def emit(self, frame: Frame, detections: Detections) -> None:
        self.levels.append((frame.index, level_of(detections)))


@pytest.mark.parametrize("with_kernels", [True, False], ids=["on the GPU", "kernels are missing"])
def test_a_bundle_with_kernels_works_on_several_frames_at_once(
    gpu: fake_pycuda.Driver, tmp_path: Path, with_kernels: bool
) -> None:
    bundle, key = a_bundle(tmp_path, colour_model(), with_kernels=with_kernels)
    pool, sink = FramePool(96 * 64 * 3, slots=4), Levels()
    with closing(Serving(bundle, ALL, key)) as serving:
        free = live.ModelSwitch(serving.detector).free
        assert free == (2 if with_kernels else 1)
        levels = range(40, 200, 10)
        live.run((painted(pool, level) for level in levels), serving.detector, [sink])
        assert sink.levels == [(level, level) for level in levels]
        assert pool.free == 4


def test_a_frame_answered_with_nonsense_is_inspected_by_the_fallback_in_its_place(
    gpu: fake_pycuda.Driver, tmp_path: Path
) -> None:
    bundle, key = a_bundle(tmp_path, darkness_model())
    pool, sink = FramePool(96 * 64 * 3, slots=4), Levels()
    with closing(Serving(bundle, ALL, key)) as serving:
        live.run((painted(pool, level) for level in (50, 0, 0, 70)), serving.detector, [sink])
        assert sink.levels == [(50, 50), (0, 0), (0, 0), (70, 70)]
        assert "NaN" in serving.fault


def test_a_frame_that_no_kernel_reads_is_inspected_by_the_fallback_in_its_place(
    gpu: fake_pycuda.Driver, tmp_path: Path
) -> None:
    bundle, key = a_bundle(tmp_path, colour_model())
    pool = FramePool(96 * 64 * 3, slots=4)
    odd = Frame(np.zeros((6, 5), np.uint8), 0, 0.0, "gate", "nv12")
    with closing(Serving(bundle, ALL, key)) as serving:
        guarded = Guarded(serving.detector, FakeDetector(one_box(0.9)))
        guarded.submit(painted(pool, 50))
        guarded.submit(odd)
        assert level_of(guarded.collect()) == 50
        assert guarded.faults == 0
        assert guarded.collect().scores.tolist() == one_box(0.9).scores.tolist()
        assert "even width" in guarded.fault


def test_an_engine_that_only_answers_nonsense_holds_no_frame_back() -> None:
    """However many frames are waiting: refused ones take no room of the engine's."""

    class Broken(FakeDetector):
        def __call__(self, frame: Frame) -> Detections:
            raise DataError("head holds NaN")

    sink, held = ListSink(), []
    guarded = Guarded(Broken(), FakeDetector(one_box()))

    def events() -> Iterator[Frame]:
        for index in range(20):
            held.append(index - len(sink.seen))
            yield a_frame(index)

    live.run(events(), guarded, [sink])  # another event is always there
    assert sink.seen == [("cam", index) for index in range(20)]
    assert (max(held), guarded.faults) == (0, 20)


def test_the_fallback_takes_over_while_frames_are_in_flight_and_none_is_lost(
    gpu: fake_pycuda.Driver, tmp_path: Path
) -> None:
    bundle, key = a_bundle(tmp_path, colour_model())
    pool, sink = FramePool(96 * 64 * 3, slots=4), Levels()
    with closing(Serving(bundle, ALL, key)) as serving:
        assert serving.fallback is not None
        switch = live.ModelSwitch(serving.detector)
        switch.submit(painted(pool, 90))
        assert switch.free == 1
        assert level_of(switch.collect()) == 90
        switch.exchange(serving.fallback)
        live.run((painted(pool, level) for level in (30, 60, 90)), switch, [sink])
        assert sink.levels == [(30, 30), (60, 60), (90, 90)]


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []

    def compile_kernels(compute_capability: str) -> bytes:
        calls.append(compute_capability)
        return b"fresh"

    monkeypatch.setattr(kernels, "compile_kernels", compile_kernels)
    return calls


@pytest.mark.usefixtures("gpu")
def test_the_kernels_of_the_bundle_in_use_are_taken_again(
    tmp_path: Path, compiled: list[str]
) -> None:
    _, key = a_bundle(tmp_path, colour_model())
    found, warnings = find_kernels(ORIN, tmp_path / "models", key)
    assert found is not None
    assert (found.cubin, found.identity) == (fake_pycuda.CUBIN, kernels_id(ORIN))
    assert (warnings, compiled) == ((), [])


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("spoil", ["another GPU", "changed", "another key", "no bundle"])
def test_kernels_are_compiled_anew_where_the_old_ones_are_not_to_be_trusted(
    tmp_path: Path, compiled: list[str], spoil: str
) -> None:
    bundle, key = a_bundle(tmp_path, colour_model())
    gpu = "9.0" if spoil == "another GPU" else ORIN
    out = tmp_path / "elsewhere" if spoil == "no bundle" else tmp_path / "models"
    if spoil == "changed":
        (bundle / "kernels.cubin").write_bytes(b"\x7fELF of somebody")
    if spoil == "another key":
        key.write_bytes(b"k" * 32)
    found, _ = find_kernels(gpu, out, key)
    assert found is not None
    assert (found.cubin, compiled) == (b"fresh", [gpu])


def test_without_a_compiler_the_bundle_goes_without_kernels_and_the_report_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(compute_capability: str) -> bytes:
        raise MissingLibraryError("CUDA's compiler nvcc is not in PATH")

    monkeypatch.setattr(kernels, "compile_kernels", missing)
    found, (warning,) = find_kernels(ORIN, tmp_path, tmp_path / "key")
    assert found is None
    assert "the CPU prepares every frame" in warning
    assert "nvcc is not in PATH" in warning
    assert find_kernels(None, tmp_path, tmp_path / "key") == (None, ())


def test_canaries_are_shown_to_every_size_of_batch(
    gpu: fake_pycuda.Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan may answer rightly alone and wrongly in company."""
    monkeypatch.setattr(fake_tensorrt, "most_images", 4)
    bundle, key = a_bundle(tmp_path, colour_model(size=("h", "w"), batch="n"))
    with closing(Serving(bundle, DetectConfig(), key)) as serving:
        pool = FramePool(96 * 64 * 3, slots=8)
        frames = [painted(pool, level) for level in (100, 150, 200, 250)]
        serving.canaries = tuple(
            Canary(f"{frame.index}", frame, serving.detector(frame)) for frame in frames
        )
        assert serving.check_canaries().standing is Standing.OK
        spoil_company(monkeypatch)
        verdict = serving.check_canaries()
        assert verdict.standing is Standing.BREACH
        assert verdict.images == 4


def spoil_company(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of several images are answered with nothing."""
    finish = Slot.finish

    def spoilt(slot: Slot) -> Any:
        alone = slot.images == 1
        found = finish(slot)
        return found if alone else [Detections.none() for _ in found]

    monkeypatch.setattr(Slot, "finish", spoilt)
