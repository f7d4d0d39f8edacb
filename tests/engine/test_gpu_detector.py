from __future__ import annotations

import ctypes
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto

from edge.core.build import Precision
from edge.core.config import DetectConfig
from edge.core.errors import DataError, UnavailableError
from edge.core.pool import FramePool
from edge.core.types import Detections, Frame, Size
from edge.detect import CpuDetector
from edge.engine.gpu_detector import GpuDetector, GpuOptions
from edge.engine.gpu_frames import PinnedPools
from edge.engine.gpu_slot import MOST_KINDS, batch_sizes
from edge.engine.tensorrt_engine import TensorRtEngine
from tests.engine import fake_pycuda, fake_tensorrt
from tests.engine.models import colour_model, constant_model

COLOURS = ("red", "green", "blue")
FOUND_ALL = DetectConfig(confidence=0.0, iou=1.0)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[fake_pycuda.Driver]:
    driver = fake_pycuda.install(monkeypatch)
    monkeypatch.setitem(sys.modules, "tensorrt", fake_tensorrt)
    yield driver
    driver.fault = ""
    assert driver.stack == []
    assert driver.retained == 0
    assert driver.graphs == {}
    assert (driver.held, driver.pinned) == (0, {})


def opened(
    model: Any = None,
    settings: DetectConfig = FOUND_ALL,
    kernels: bytes = fake_pycuda.CUBIN,
    pools: PinnedPools | None = None,
    **options: Any,
) -> GpuDetector:
    plan = (model or colour_model()).SerializeToString()
    return GpuDetector(
        plan,
        kernels,
        labels=COLOURS,
        precision=Precision.FP16,
        settings=settings,
        options=GpuOptions(**options),
        pools=pools,
    )


def painted(level: int, size: Size = Size(96, 64)) -> Frame:  # noqa: B008 - it never changes
    return Frame(np.full((size.height, size.width, 3), level, np.uint8), level, 0.0)


def noise(size: Size, seed: int, pixel_format: Any = "bgr") -> Frame:
    shape = (size.height, size.width, 3)
    if pixel_format == "nv12":
        shape = (size.height * 3 // 2, size.width)  # type: ignore[assignment]
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    return Frame(pixels, seed, 0.0, "cam", pixel_format, to_bgr=_bgr)


def _bgr(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_YUV2BGR_NV12), np.uint8)


def level_of(detections: Detections) -> int:
    """What a frame was painted with, read off the scores of the colour model."""
    return round(float(detections.scores[0]) * 255)


def assert_equal(found: Detections, expected: Detections) -> None:
    np.testing.assert_array_equal(found.boxes, expected.boxes)
    np.testing.assert_array_equal(found.scores, expected.scores)
    np.testing.assert_array_equal(found.class_ids, expected.class_ids)


@pytest.mark.parametrize("graphs", [True, False], ids=["graphs", "single launches"])
@pytest.mark.parametrize("integrated", [True, False], ids=["Jetson", "graphics card"])
@pytest.mark.parametrize("blocking", [True, False], ids=["sleeping", "asking"])
def test_it_finds_what_the_cpu_detector_finds(
    gpu: fake_pycuda.Driver, integrated: bool, graphs: bool, blocking: bool
) -> None:
    gpu.integrated = integrated
    plan = colour_model().SerializeToString()
    engine = TensorRtEngine(plan, labels=COLOURS, precision=Precision.FP16)
    with closing(engine), closing(opened(graphs=graphs, blocking=blocking)) as detector:
        reference = CpuDetector(engine, FOUND_ALL)
        assert detector.description == "TensorRT 8.6.0 fp16, Orin"
        assert (detector.labels, detector.input_size) == (COLOURS, Size(96, 64))
        for number, size in enumerate([Size(96, 64), Size(200, 30), Size(10, 90), Size(96, 64)]):
            for pixel_format in ("bgr", "nv12"):
                frame = noise(size, number, pixel_format)
                assert_equal(detector(frame), reference(frame))
        assert len(detector(painted(200))) == 2


@pytest.mark.usefixtures("gpu")
def test_a_network_that_takes_float16_is_fed_float16() -> None:
    head = np.zeros((1, 7, 2), np.float32)
    head[0, :, 0] = (30, 30, 20, 20, 0.0, 0.5, 0.0)
    shapes: Any = {"images": (1, 3, 64, 96)}
    model = constant_model(head, inputs=shapes, input_type=TensorProto.FLOAT16)
    with closing(opened(model, DetectConfig())) as detector:
        found = detector(painted(9))
        assert (found.boxes.tolist(), found.class_ids.tolist()) == ([[20, 20, 40, 40]], [1])


@pytest.mark.parametrize("slots", [1, 2, 3])
@pytest.mark.usefixtures("gpu")
def test_results_come_in_the_order_of_their_frames(slots: int) -> None:
    with closing(opened(slots=slots)) as detector:
        levels = []
        for level in range(0, 250, 10):
            if not detector.free:
                levels.append(level_of(detector.collect()))
            detector.submit(painted(level))
        assert (detector.free, detector.in_flight) == (0, slots)
        while detector.in_flight:
            levels.append(level_of(detector.collect()))
        assert levels == list(range(0, 250, 10))


@pytest.mark.usefixtures("gpu")
def test_more_frames_than_slots_and_results_of_nothing_are_refused() -> None:
    with closing(opened(slots=2)) as detector:
        with pytest.raises(ValueError, match="no frame is in flight"):
            detector.collect()
        detector.submit(painted(1))
        with pytest.raises(ValueError, match="1 frames are in flight"):
            detector(painted(2))
        detector.submit(painted(3))
        with pytest.raises(ValueError, match="every slot has its frames"):
            detector.submit(painted(4))
        assert [level_of(detector.collect()) for _ in range(2)] == [1, 3]


@pytest.mark.parametrize("integrated", [True, False], ids=["Jetson", "graphics card"])
def test_frames_of_a_pinned_pool_are_taken_from_where_they_lie(
    gpu: fake_pycuda.Driver, integrated: bool
) -> None:
    gpu.integrated = integrated
    pool = FramePool(96 * 64 * 3, slots=3)
    with closing(opened(slots=2)) as detector:
        detector.submit(leased(pool, 10))
        held = gpu.held
        for level in (20, 30, 40):
            detector.submit(leased(pool, level))
            assert level_of(detector.collect()) == level - 10
        with_second_slot = gpu.held
        detector.submit(leased(pool, 50))
        assert [level_of(detector.collect()) for _ in range(2)] == [40, 50]
        detector(painted(60))
        # Only a frame from elsewhere needs a place of its own to be copied from.
        assert gpu.held == with_second_slot + 96 * 64 * 3 > held


def leased(pool: FramePool, level: int, camera: str = "cam") -> Frame:
    image = pool.array((64, 96, 3))
    assert image is not None
    image[:] = level
    return Frame(image, level, 0.0, camera, block=pool.memory)


@pytest.mark.usefixtures("gpu")
def test_a_frame_keeps_its_slot_of_the_pool_until_it_is_collected() -> None:
    pool = FramePool(96 * 64 * 3, slots=2)
    with closing(opened()) as detector:
        detector.submit(leased(pool, 7))
        assert pool.free == 1
        assert level_of(detector.collect()) == 7
        assert pool.free == 2


@pytest.mark.usefixtures("gpu")
def test_a_frame_may_be_changed_once_it_is_submitted_if_it_is_in_no_pinned_pool() -> None:
    pixels = np.full((64, 96, 3), 80, np.uint8)
    with closing(opened()) as detector:
        detector.submit(Frame(pixels, 0, 0.0))
        pixels.setflags(write=True)
        pixels[:] = 0
        assert level_of(detector.collect()) == 80


def test_memory_that_cannot_be_pinned_costs_a_copy_and_a_warning(
    gpu: fake_pycuda.Driver, caplog: pytest.LogCaptureFixture
) -> None:
    gpu.refuses_pinning = True
    pool = FramePool(96 * 64 * 3, slots=2)
    with closing(opened()) as detector, caplog.at_level(logging.WARNING):
        assert [level_of(detector(leased(pool, level))) for level in (33, 34)] == [33, 34]
    (said,) = caplog.messages  # and not for every frame
    assert "cuMemHostRegister_v2 failed: CUDA_ERROR_NOT_SUPPORTED" in said


def test_a_camera_that_was_opened_again_leaves_nothing_pinned_behind(
    gpu: fake_pycuda.Driver,
) -> None:
    pools = [FramePool(96 * 64 * 3, slots=2) for _ in range(3)]
    with closing(opened(slots=2)) as detector:
        detector.submit(leased(pools[0], 10, "left"))
        detector.submit(leased(pools[1], 20, "right"))
        assert pinned_of(gpu, pools) == [True, True, False]
        assert level_of(detector.collect()) == 10
        detector.submit(leased(pools[2], 30, "left"))  # while a frame of the other is in flight
        assert pinned_of(gpu, pools) == [False, True, True]
        assert [level_of(detector.collect()) for _ in range(2)] == [20, 30]


def test_two_detectors_share_a_pinned_pool_until_the_last_lets_go(
    gpu: fake_pycuda.Driver,
) -> None:
    pool, pools = FramePool(96 * 64 * 3, slots=2), PinnedPools()
    with closing(opened(pools=pools)) as first:
        with closing(opened(pools=pools)) as second:
            assert level_of(first(leased(pool, 1))) == level_of(second(leased(pool, 1))) == 1
        assert pinned_of(gpu, [pool]) == [True]
        assert level_of(first(leased(pool, 3))) == 3
    assert pinned_of(gpu, [pool]) == [False]


def pinned_of(gpu: fake_pycuda.Driver, pools: list[FramePool]) -> list[bool]:
    return [pool.memory.ctypes.data in gpu.pinned for pool in pools]


def test_a_kind_of_frame_is_captured_once_a_slot_and_the_oldest_of_many_goes(
    gpu: fake_pycuda.Driver,
) -> None:
    with closing(opened(slots=1)) as detector:
        for _ in range(3):
            for width in (96, 48):
                detector(painted(5, Size(width, 64)))
        assert (gpu.captured, len(gpu.graphs)) == (2, 2)
        for width in range(100, 100 + MOST_KINDS):
            assert level_of(detector(painted(255, Size(width, 64)))) > 0
        assert len(gpu.graphs) == MOST_KINDS
        held = gpu.held
        for width in range(99, 70, -1):
            detector(painted(5, Size(width, 64)))
        assert len(gpu.graphs) == MOST_KINDS
        assert abs(gpu.held - held) < 100 * MOST_KINDS * 16


def test_every_slot_is_ready_before_the_first_frame(gpu: fake_pycuda.Driver) -> None:
    with closing(opened(slots=3)) as detector:
        detector.prepare(Size(96, 64))
        assert (gpu.captured, detector.in_flight, detector.free) == (3, 0, 3)
        detector(painted(5))
        assert gpu.captured == 3


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("refuses_capture", "STREAM_CAPTURE_INVALIDATED"),
        ("spoils_capture", "previous error during capture"),
    ],
)
def test_a_network_that_cannot_be_captured_runs_without_a_graph(
    gpu: fake_pycuda.Driver, caplog: pytest.LogCaptureFixture, trouble: str, said: str
) -> None:
    setattr(gpu, trouble, True)
    with closing(opened()) as detector, caplog.at_level(logging.WARNING):
        assert [level_of(detector(painted(level))) for level in (9, 8, 7)] == [9, 8, 7]
        assert said in caplog.text
        assert len(caplog.records) == 2  # once a slot
        assert len(detector.stages_ms([painted(6)], times=2)) == 5
        assert detector.engine_only_s(2) == 0.00025


@pytest.mark.usefixtures("gpu")
def test_a_network_of_open_size_runs_in_every_slot() -> None:
    frames = [painted(level) for level in (5, 6, 7)]
    with closing(opened(open_model(), slots=3)) as detector:
        for frame in frames:
            detector.submit(frame)
        assert [level_of(detector.collect()) for _ in frames] == [5, 6, 7]


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans of an open size were built for up to four images."""
    monkeypatch.setattr(fake_tensorrt, "most_images", 4)


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize("integrated", [True, False], ids=["Jetson", "graphics card"])
@pytest.mark.parametrize("graphs", [True, False], ids=["graphs", "single launches"])
def test_a_batch_of_any_mixture_is_answered_as_the_cpu_answers_each_frame(
    gpu: fake_pycuda.Driver, graphs: bool, integrated: bool
) -> None:
    gpu.integrated = integrated
    sizes = [Size(96, 64), Size(200, 30), Size(10, 90), Size(50, 50)]
    engine = TensorRtEngine(
        colour_model().SerializeToString(), labels=COLOURS, precision=Precision.FP16
    )
    with closing(engine), closing(opened(open_model(), graphs=graphs)) as detector:
        assert (detector.batch, detector.free) == (4, 8)
        reference = CpuDetector(engine, FOUND_ALL)
        for images in (4, 1, 3, 2, 8, 7, 5, 6):
            kinds: list[Any] = ["bgr", "nv12"]
            frames = [noise(sizes[n % 4], n, kinds[n // 4 % 2]) for n in range(images)]
            for frame in frames:
                detector.submit(frame)
            assert (detector.in_flight, detector.free) == (images, 8 - images)
            for frame in frames:
                assert_equal(detector.collect(), reference(frame))


@pytest.mark.usefixtures("gpu", "four")
@given(st.lists(st.booleans(), max_size=60), st.integers(1, 3))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_in_whatever_rhythm_frames_come_each_is_answered_once_and_in_order(
    submits: list[bool], slots: int
) -> None:
    submitted, collected = 0, 0
    with closing(opened(open_model(), slots=slots)) as detector:
        for submit in submits:
            if submit and detector.free:
                detector.submit(painted(submitted))
                submitted += 1
            elif detector.in_flight:
                room = detector.free
                assert level_of(detector.collect()) == collected
                assert detector.free == room + 1
                collected += 1
            assert detector.in_flight == submitted - collected
        while detector.in_flight:
            assert level_of(detector.collect()) == collected
            collected += 1
    assert collected == submitted


@pytest.mark.usefixtures("four")
def test_batches_are_captured_once_for_each_size_and_prepared_before_the_first_frame(
    gpu: fake_pycuda.Driver,
) -> None:
    with closing(opened(open_model(), slots=2)) as detector:
        detector.prepare(Size(96, 64))
        assert gpu.captured == 2 * 3  # slots, and batches of 1, 2 and 4
        for images in (1, 2, 3, 4, 8, 5):
            for level in range(images):
                detector.submit(painted(level, Size(12 * level + 12, 8 * level + 8)))
            assert [level_of(detector.collect()) for _ in range(images)] == list(range(images))
        assert gpu.captured == 2 * 3


@pytest.mark.usefixtures("gpu", "four")
def test_an_output_that_is_none_condemns_no_other_frame_of_its_batch() -> None:
    model = open_model()
    (zero,) = (node for node in model.graph.node if node.output[0] == "zero")
    zero.op_type, zero.input[:] = "Div", ["grey", "grey"]
    (added,) = (node for node in model.graph.node if node.output[0] == "every_boxes")
    added.op_type = "Mul"
    odd = Frame(np.zeros((6, 5), np.uint8), 0, 0.0, "gate", "nv12")
    with closing(opened(model)) as detector:
        for level in (50, 0, 70):
            detector.submit(painted(level))
        with pytest.raises(DataError, match="even width"):
            detector.submit(odd)
        assert level_of(detector.collect()) == 50
        with pytest.raises(DataError, match="NaN"):
            detector.collect()
        assert level_of(detector.collect()) == 70
        assert (detector.in_flight, detector.free) == (0, 8)


@pytest.mark.parametrize(
    ("most", "sizes"),
    [(1, (1,)), (2, (1, 2)), (4, (1, 2, 4)), (6, (1, 2, 4, 6)), (8, (1, 2, 4, 8))],
)
def test_batches_are_padded_to_a_few_sizes(most: int, sizes: tuple[int, ...]) -> None:
    assert batch_sizes(most) == sizes


@pytest.mark.usefixtures("gpu")
def test_a_plan_of_open_size_that_only_one_context_can_run_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fake_tensorrt, "shares_profiles", False)
    with pytest.raises(UnavailableError, match="Build it again, or run it with one slot"):
        opened(open_model(), slots=2)
    with closing(opened(open_model(), slots=1)) as detector:
        assert level_of(detector(painted(5))) == 5


def open_model() -> Any:
    return colour_model(size=("h", "w"), batch="n")


def darkness_model() -> Any:
    """The colour model, but a black picture makes it divide 0 by 0."""
    model = colour_model()
    (zero,) = (node for node in model.graph.node if node.output[0] == "zero")
    zero.op_type, zero.input[:] = "Div", ["grey", "grey"]
    (added,) = (node for node in model.graph.node if node.output[0] == "every_boxes")
    added.op_type = "Mul"
    return model


@pytest.mark.usefixtures("gpu")
def test_an_output_that_is_none_condemns_its_own_frame_only() -> None:
    with closing(opened(darkness_model(), slots=3)) as detector:
        for level in (50, 0, 70):
            detector.submit(painted(level))
        assert level_of(detector.collect()) == 50
        with pytest.raises(DataError, match="8 values that are NaN or infinite"):
            detector.collect()
        assert level_of(detector.collect()) == 70
        assert level_of(detector(painted(90))) == 90


@pytest.mark.usefixtures("gpu")
def test_an_nv12_picture_of_odd_width_is_refused_and_the_next_frame_is_not() -> None:
    odd = Frame(np.zeros((6, 5), np.uint8), 0, 0.0, "gate", "nv12")
    with closing(opened()) as detector:
        with pytest.raises(DataError, match="gate: an nv12 picture needs an even width, got 5x4"):
            detector.submit(odd)
        assert level_of(detector(painted(12))) == 12


@pytest.mark.parametrize("graphs", [True, False])
def test_an_error_of_cuda_ends_the_detector_and_says_what_to_do(
    gpu: fake_pycuda.Driver, graphs: bool
) -> None:
    detector = opened(graphs=graphs)
    detector(painted(1))
    detector.submit(painted(2))
    gpu.fault = "cuEventSynchronize failed: an illegal memory access was encountered"
    with pytest.raises(UnavailableError, match=r"illegal memory access.*supervisor starts it"):
        detector.collect()
    gpu.fault = ""  # even if it seems to work again
    with pytest.raises(UnavailableError, match=r"not used any more: .*illegal memory access"):
        detector(painted(3))
    gpu.fault = "cuEventSynchronize failed: an illegal memory access was encountered"
    detector.close()


def test_a_launch_that_fails_ends_it_too(gpu: fake_pycuda.Driver) -> None:
    with closing(opened(slots=1)) as detector:
        detector(painted(1))
        gpu.fault = "an illegal memory access was encountered"
        with pytest.raises(UnavailableError, match="supervisor"):
            detector.submit(painted(2))
        assert (detector.free, detector.in_flight) == (1, 0)
        gpu.fault = ""


@pytest.mark.parametrize("megabytes", [0.0, 0.1, 0.13, 0.2, 0.25])
def test_too_little_memory_is_said_when_it_is_loaded_and_nothing_is_left(
    gpu: fake_pycuda.Driver, megabytes: float
) -> None:
    gpu.memory = int(megabytes * 1e6)
    with pytest.raises(UnavailableError, match=r"too little memory.*run a smaller model"):
        opened(slots=3)


def test_tensorrt_without_memory_is_no_damaged_engine(
    gpu: fake_pycuda.Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(runtime: Any, plan: bytes) -> None:
        runtime._logger.log(fake_tensorrt.ILogger.ERROR, "Requested size was 99; OutOfMemory")

    monkeypatch.setattr(fake_tensorrt.Runtime, "deserialize_cuda_engine", fail)
    with pytest.raises(UnavailableError, match="cannot load the engine: Requested size was 99"):
        opened()


@pytest.mark.usefixtures("gpu")
def test_kernels_for_another_gpu_are_refused() -> None:
    with pytest.raises(DataError, match=r"kernels do not run on this GPU.*edge build"):
        opened(kernels=b"\x7fELF for another")


def test_a_driver_without_graphs_is_named(
    gpu: fake_pycuda.Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> Any:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    with pytest.raises(UnavailableError, match=r"libcuda.so.1: cannot open.*CUDA 11\.4"):
        opened()


@pytest.mark.usefixtures("gpu")
def test_closing_waits_for_frames_in_flight_and_twice_is_safe() -> None:
    pool = FramePool(96 * 64 * 3, slots=2)
    detector = opened()
    detector.submit(leased(pool, 1))
    detector.close()
    detector.close()
    assert pool.free == 2
    with pytest.raises(ValueError, match="closed"):
        detector.submit(painted(1))


def test_closing_leaves_nothing_of_it_while_another_goes_on(gpu: fake_pycuda.Driver) -> None:
    with closing(opened()) as other:
        held = gpu.held
        detector = opened()
        detector.submit(painted(1))
        detector.close()
        assert gpu.held == held
        assert level_of(other(painted(5))) == 5


def test_a_context_that_is_gone_ends_it_too(
    gpu: fake_pycuda.Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def push(context: Any) -> None:
        raise gpu.Error("cuCtxPushCurrent failed: an illegal memory access was encountered")

    with closing(opened()) as detector:
        with monkeypatch.context() as patched:
            patched.setattr(fake_pycuda._Context, "push", push)
            with pytest.raises(UnavailableError, match=r"cuCtxPushCurrent failed.*supervisor"):
                detector.submit(painted(1))
        with pytest.raises(UnavailableError, match="not used any more"):
            detector.submit(painted(1))


@pytest.mark.usefixtures("gpu")
def test_another_thread_may_use_it() -> None:
    with closing(opened()) as detector:
        found: list[Detections] = []
        thread = threading.Thread(target=lambda: found.append(detector(painted(77))))
        thread.start()
        thread.join()
        assert level_of(found[0]) == 77


@pytest.mark.parametrize("graphs", [True, False])
@pytest.mark.usefixtures("gpu")
def test_every_stage_is_timed_and_detecting_goes_on(graphs: bool) -> None:
    with closing(opened(graphs=graphs)) as detector:
        stages = detector.stages_ms([painted(3)], times=3)
        names = ["copy in", "preprocess", "engine", "postprocess", "copy out"]
        assert list(stages) == names
        assert set(stages.values()) == {0.25}
        assert detector.engine_only_s(5) == 0.00025
        assert level_of(detector(painted(44))) == 44


@pytest.mark.usefixtures("gpu")
def test_a_kind_of_frame_that_only_one_slot_had_is_timed_in_that_one() -> None:
    with closing(opened(slots=2)) as detector:
        detector(painted(3))
        assert len(detector.stages_ms([painted(3, Size(20, 10))], times=2)) == 5
        assert detector.engine_only_s(2) == 0.00025
