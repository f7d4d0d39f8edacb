"""The kernels against the CPU's reference: the real source run by g++, and its mirror in NumPy."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.core.config import DetectConfig
from edge.core.errors import DataError, MissingLibraryError, UnavailableError
from edge.core.types import Detections, Size
from edge.detect import CpuDetector
from edge.engine.kernels import compile_kernels, compiling, kernels_id
from edge.vision.letterbox import Letterbox, Preprocessor
from tests.engine import kernel_mirror
from tests.engine.cuda_on_cpu import CpuKernels, postprocess, preprocess

sides = st.integers(1, 300)
model_sides = st.integers(1, 6).map(lambda number: 32 * number)


class Mirror:
    """The NumPy mirror behind the same way of launching."""

    def get_function(self, name: str) -> Any:
        self._name = name
        return Mirrored(name)


class Mirrored:
    def __init__(self, name: str) -> None:
        self._name = name

    def prepare(self, arguments: str) -> Mirrored:
        return self

    def prepared_async_call(self, grid: Any, block: Any, stream: Any, *arguments: Any) -> None:
        kernel_mirror.run(self._name, *arguments)


@pytest.fixture(scope="module", params=["source", "mirror"])
def kernels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    if request.param == "mirror":
        return Mirror()
    compiled = CpuKernels.compile(tmp_path_factory.mktemp("kernels"))
    return compiled or pytest.skip("no g++ to compile the kernels' source for the CPU")


class Engine:
    description = "none"
    labels: tuple[str, ...] = ("part",)
    input_size = Size(64, 64)

    def infer(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        raise AssertionError("not asked")

    def close(self) -> None:
        pass


def noise(shape: tuple[int, ...], seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@settings(max_examples=40, deadline=None)
@given(width=sides, height=sides, columns=model_sides, rows=model_sides, seed=st.integers(0, 99))
def test_a_bgr_picture_becomes_the_very_tensor_of_the_cpu(
    kernels: Any, width: int, height: int, columns: int, rows: int, seed: int
) -> None:
    image, model = noise((height, width, 3), seed), Size(columns, rows)
    expected, _ = Preprocessor(model)(image)
    np.testing.assert_array_equal(preprocess(kernels, image, "bgr", model), expected)
    half = preprocess(kernels, image, "bgr", model, half=True)
    np.testing.assert_array_equal(half, expected.astype(np.float16))


@settings(max_examples=40, deadline=None)
@given(width=sides, height=sides, columns=model_sides, rows=model_sides, seed=st.integers(0, 99))
def test_an_nv12_picture_becomes_the_very_tensor_of_the_cpu(
    kernels: Any, width: int, height: int, columns: int, rows: int, seed: int
) -> None:
    image, model = noise((3 * height, 2 * width), seed), Size(columns, rows)
    as_bgr = np.asarray(cv2.cvtColor(image, cv2.COLOR_YUV2BGR_NV12), np.uint8)
    expected, _ = Preprocessor(model)(as_bgr)
    np.testing.assert_array_equal(preprocess(kernels, image, "nv12", model), expected)
    half = preprocess(kernels, image, "nv12", model, half=True)
    np.testing.assert_array_equal(half, expected.astype(np.float16))


@pytest.mark.parametrize(
    ("size", "model"),
    [
        ((1080, 1920), Size(640, 640)),
        ((640, 640), Size(640, 640)),
        ((1280, 1280), Size(640, 640)),
        ((1, 3000), Size(640, 640)),
        ((1, 1), Size(64, 32)),
    ],
    ids=["full HD", "as large", "exactly half", "a line", "a pixel"],
)
def test_the_sizes_that_resizing_treats_on_their_own(
    kernels: Any, size: tuple[int, int], model: Size
) -> None:
    image = noise((*size, 3), 3)
    expected, _ = Preprocessor(model)(image)
    np.testing.assert_array_equal(preprocess(kernels, image, "bgr", model), expected)


def random_head(anchors: int, classes: int, seed: int, *, ties: bool) -> NDArray[np.float32]:
    """A head (1, 4 + C, A) full of overlapping boxes, some outside the canvas."""
    random = np.random.default_rng(seed)
    head = np.empty((1, 4 + classes, anchors), np.float32)
    head[0, :2] = random.uniform(-40, 680, (2, anchors))
    head[0, 2:4] = random.uniform(0, 200, (2, anchors))
    head[0, 4:] = random.random((classes, anchors), np.float32) ** 3
    return np.round(head, 1) if ties else head


def reference(head: NDArray[np.float32], letterbox: Letterbox, config: DetectConfig) -> Detections:
    return CpuDetector(Engine(), config).postprocess(head, letterbox)


def assert_equal(found: Detections, expected: Detections) -> None:
    np.testing.assert_array_equal(found.boxes, expected.boxes)
    np.testing.assert_array_equal(found.scores, expected.scores)
    np.testing.assert_array_equal(found.class_ids, expected.class_ids)


@settings(max_examples=60, deadline=None)
@given(
    anchors=st.sampled_from([1, 2, 255, 256, 257, 700]),
    classes=st.integers(1, 5),
    confidence=st.sampled_from([0.0, 0.001, 0.25, 0.9, 1.0]),
    iou=st.sampled_from([0.0, 0.45, 0.7, 1.0]),
    max_boxes=st.sampled_from([1, 7, 256, 300]),
    ties=st.booleans(),
    seed=st.integers(0, 9999),
)
def test_the_boxes_are_those_of_the_cpu_in_its_order(
    kernels: Any,
    anchors: int,
    classes: int,
    confidence: float,
    iou: float,
    max_boxes: int,
    ties: bool,
    seed: int,
) -> None:
    head = random_head(anchors, classes, seed, ties=ties)
    letterbox = Letterbox.fit(Size(100 + seed % 1900, 50 + seed % 1300), Size(640, 640))
    config = DetectConfig(confidence=confidence, iou=iou, max_boxes=max_boxes)
    found = postprocess(kernels, head, letterbox, config)
    assert_equal(found, reference(head, letterbox, config))


@pytest.mark.parametrize("survivors", [0, 50, 300])
def test_every_anchor_of_a_real_head_may_be_a_candidate(kernels: Any, survivors: int) -> None:
    head = random_head(8400, 6, survivors, ties=False)
    head[0, 4:, survivors:] = 0.0005
    head[0, 4, :survivors] = np.linspace(0.3, 0.9, survivors)
    for confidence in (0.25, 0.0001):
        config = DetectConfig(confidence=confidence, iou=1.0, max_boxes=300)
        letterbox = Letterbox.fit(Size(1920, 1080), Size(640, 640))
        found = postprocess(kernels, head, letterbox, config)
        assert_equal(found, reference(head, letterbox, config))


@pytest.mark.parametrize(
    ("row", "value", "message"),
    [
        (0, np.nan, "1 values that are NaN"),
        (5, np.nan, "1 values that are NaN"),
        (3, np.inf, "1 values that are NaN"),
        (4, -np.inf, "1 values that are NaN"),
        (6, 1.5, "a class score of 1.5, above 1"),
        (6, 7e4, "a class score of 70000, above 1"),
    ],
)
def test_a_head_that_is_none_is_told_apart_from_one_without_boxes(
    kernels: Any, row: int, value: float, message: str
) -> None:
    head = random_head(700, 3, 1, ties=False)
    head[0, row, 611] = value
    letterbox = Letterbox.fit(Size(64, 64), Size(640, 640))
    for detect in (reference, lambda *given: postprocess(kernels, *given)):
        with pytest.raises(DataError, match=message):
            detect(head, letterbox, DetectConfig(confidence=0.9))


def test_a_score_just_above_one_is_rounding_and_no_fault(kernels: Any) -> None:
    head = random_head(20, 1, 1, ties=False)
    head[0, 4, 3] = 1.0005
    letterbox = Letterbox.fit(Size(64, 64), Size(640, 640))
    found = postprocess(kernels, head, letterbox, DetectConfig())
    assert_equal(found, reference(head, letterbox, DetectConfig()))


@pytest.mark.parametrize("compute_capability", ["8.7", "9.0"])
def test_the_kernels_compile_for_the_gpus_of_the_field(compute_capability: str) -> None:
    if not (shutil.which("nvcc") or Path("/usr/local/cuda/bin/nvcc").exists()):
        pytest.skip("no nvcc to compile the kernels for a GPU")
    assert compile_kernels(compute_capability).startswith(b"\x7fELF")


def test_kernels_are_known_by_their_source_and_architecture(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    orin = kernels_id("8.7")
    assert orin == kernels_id("8.7") != kernels_id("9.0")
    for path in compiling.SOURCES.glob("*.cu"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(compiling, "SOURCES", tmp_path)
    assert kernels_id("8.7") == orin
    with (tmp_path / "postprocess.cu").open("a") as file:
        file.write("// changed")
    assert kernels_id("8.7") != orin


def test_without_a_compiler_the_remedy_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(MissingLibraryError, match="apt-get install nvidia-cuda-dev"):
        compile_kernels("8.7")


def test_what_the_compiler_says_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    compiler = tmp_path / "nvcc"
    compiler.write_text(
        "#!/bin/sh\necho \"Unsupported gpu architecture 'compute_12'\" >&2\nexit 1\n"
    )
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(UnavailableError, match="Unsupported gpu architecture"):
        compile_kernels("1.2")


def test_a_wrong_compute_capability_is_refused() -> None:
    with pytest.raises(DataError, match=r"looks like '8\.7', not 'sm_87'"):
        compile_kernels("sm_87")
