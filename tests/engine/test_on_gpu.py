"""On a real GPU, where there is one: the kernels and the whole way against the CPU's reference.

What they ask for was seen on an H200 (docs/decisions/0011-gpu-pipeline.md); CI has no GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.camera.pattern import LineSettings, ProductionLine
from edge.core.build import Precision
from edge.core.errors import MissingLibraryError, UnavailableError
from edge.core.pool import FramePool
from edge.core.types import Frame, Size
from edge.detect import CpuDetector
from edge.engine.build_process import run_build
from edge.engine.cuda import CudaContext, first_gpu
from edge.engine.gpu_detector import GpuDetector, GpuOptions
from edge.engine.intake import read_model
from edge.engine.kernels import compile_kernels
from edge.engine.kernels.preprocess import launch_preprocess, preprocess_kernel, taps
from edge.engine.tensorrt_build import BuildRequest
from edge.engine.tensorrt_engine import TensorRtEngine
from edge.quantize.batch import open_batch
from edge.vision.letterbox import Preprocessor
from tests.quantize.models import SHIPPED

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def kernels() -> bytes:
    try:
        return compile_kernels(first_gpu().compute_capability)
    except (MissingLibraryError, UnavailableError) as error:
        pytest.skip(f"no GPU to run on: {error}")


class Gpu:
    """The kernels and a stream, without any network."""

    def __init__(self, kernels: bytes, owned: ExitStack) -> None:
        self.context = CudaContext()
        owned.callback(self.context.close)
        owned.enter_context(self.context.current())
        self.module, self.stream = self.context.module(kernels), self.context.stream()
        owned.callback(self._let_go)

    def put(self, array: NDArray[Any]) -> Any:
        memory = self.context.device_memory(max(array.nbytes, 16))
        self.context.copy_in(memory.address, np.ascontiguousarray(array), self.stream)
        self.stream.synchronize()
        return memory

    def get(self, address: int, count: int, dtype: type) -> NDArray[Any]:
        host = self.context.host_memory(count * np.dtype(dtype).itemsize, mapped=False)
        self.context.copy_out(host.host, address, self.stream)
        self.stream.synchronize()
        return host.host.view(dtype).copy()

    def _let_go(self) -> None:
        self.module = self.stream = None


@pytest.fixture
def gpu(kernels: bytes) -> Iterator[Gpu]:
    with ExitStack() as owned:
        yield Gpu(kernels, owned)


@pytest.mark.parametrize("half", [False, True], ids=["float32", "float16"])
@pytest.mark.parametrize("pixel_format", ["bgr", "nv12"])
@pytest.mark.parametrize(
    "size", [(1920, 1080), (640, 640), (2, 2), (3000, 2), (1234, 778)], ids=str
)
def test_every_value_of_the_input_tensor_is_the_references(
    gpu: Gpu, size: tuple[int, int], pixel_format: Any, half: bool
) -> None:
    width, height = size
    shape = (height, width, 3) if pixel_format == "bgr" else (height * 3 // 2, width)
    image = np.random.default_rng(width).integers(0, 256, shape, np.uint8)
    frame = Frame(image, 0, 0.0, pixel_format=pixel_format, to_bgr=_bgr)
    expected, letterbox = Preprocessor(Size(640, 640))(frame.bgr())
    dtype = np.float16 if half else np.float32
    picture, table = gpu.put(image), gpu.put(taps(letterbox))
    cell = gpu.put(np.array([picture.address], np.uint64))
    tensor = gpu.context.device_memory(expected.nbytes)
    kernel = preprocess_kernel(gpu.module, pixel_format, half=half)
    addresses = (cell.address, table.address, tensor.address)
    launch_preprocess(kernel, gpu.stream, addresses, letterbox)
    found = gpu.get(tensor.address, expected.size, dtype).reshape(expected.shape)
    np.testing.assert_array_equal(found, expected.astype(dtype))


@pytest.fixture(scope="module", params=[1, 4], ids=["one image", "batches of four"])
def plan(request: pytest.FixtureRequest, kernels: bytes, tmp_path_factory: Any) -> bytes:
    folder: Path = tmp_path_factory.mktemp("plan")
    open_batch(SHIPPED, folder / "open.onnx")
    wanted = BuildRequest(
        model=SHIPPED if request.param == 1 else folder / "open.onnx",
        plan=folder / "engine.plan",
        precision=Precision.FP16,
        optimisation_level=0,
        batch=request.param,
    )
    run_build(wanted, time_limit_s=600)
    return wanted.plan.read_bytes()


@pytest.mark.parametrize("slots", [1, 3])
def test_the_whole_way_finds_what_the_cpu_finds_around_the_same_engine(
    plan: bytes, kernels: bytes, slots: int
) -> None:
    labels = read_model(SHIPPED).labels
    line = ProductionLine(LineSettings(size=Size(1280, 720), seed=900_000))
    pool = FramePool(1280 * 720 * 3, slots=12)
    frames = []
    for number in range(12):
        image = pool.array((720, 1280, 3))
        assert image is not None
        image[:] = line.render(11 * number)
        frames.append(Frame(image, number, 0.0, block=pool.memory))
    engine = TensorRtEngine(plan, labels=labels, precision=Precision.FP16)
    options = GpuOptions(slots=slots)
    fast = GpuDetector(plan, kernels, labels=labels, precision=Precision.FP16, options=options)
    with closing(engine), closing(fast):
        reference, in_flight, found = CpuDetector(engine), 0, []
        for frame in frames:
            if not fast.free:
                found.append(fast.collect())
                in_flight -= 1
            fast.submit(frame)
            in_flight += 1
        found += [fast.collect() for _ in range(in_flight)]
        expected = [reference(frame) for frame in frames]
    assert sum(map(len, expected)) > 10
    for mine, its in zip(found, expected, strict=True):
        # A batch may sum in another order; alone it is the same to the bit.
        np.testing.assert_allclose(mine.boxes, its.boxes, atol=0.5)
        np.testing.assert_allclose(mine.scores, its.scores, atol=0.01)
        np.testing.assert_array_equal(mine.class_ids, its.class_ids)


def _bgr(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_YUV2BGR_NV12), np.uint8)
