from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from edge.core.build import Precision
from edge.core.errors import DataError, UnavailableError
from edge.engine.build_process import run_build
from edge.engine.tensorrt_build import BuildRequest, BuildResult, build_plan
from edge.quantize.half import half
from edge.quantize.qdq import activation_tensors, quantise
from tests.engine import fake_pycuda, fake_tensorrt
from tests.engine.models import colour_model, saved

SHIPPED = Path(__file__).parents[2] / "models" / "line-yolov8n.onnx"
FAKE = ("tests.engine.fake_tensorrt",)
RTX = ("tensorrt_rtx",)
rtx = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None,
    reason="TensorRT-RTX is not installed (pip install tensorrt-rtx-cu13==1.7.1.116)",
)


def request(folder: Path, precision: Precision, **changes: Any) -> BuildRequest:
    model = changes.pop("model", None) or saved(colour_model(), folder / "model.onnx")
    values = {"workspace_mb": 64, "modules": FAKE, **changes}
    return BuildRequest(model, folder / "engine.plan", precision, **values)


def tensors(count: int) -> Iterator[NDArray[np.float32]]:
    for number in range(count):
        yield np.full((1, 3, 64, 96), number, np.float32)


@pytest.mark.parametrize(
    ("precision", "flags"),
    [
        (Precision.FP32, ["not TF32"]),
        (Precision.FP16, ["FP16"]),
        (Precision.INT8, ["FP16", "INT8"]),
        (Precision.MIXED, ["FP16", "INT8"]),
    ],
)
def test_tensorrt_8_and_10_take_precision_from_flags(
    tmp_path: Path, precision: Precision, flags: list[str]
) -> None:
    wanted = request(tmp_path, precision)
    result = build_plan(wanted, ())
    assert result == BuildResult("8.6.0", 0, wanted.model.stat().st_size)
    assert wanted.plan.read_bytes() == wanted.model.read_bytes()
    assert [each for each in fake_tensorrt.asked_to if isinstance(each, str)] == flags
    assert ("WORKSPACE", 64 << 20) in fake_tensorrt.asked_to


def test_an_open_size_is_built_for_the_size_of_its_export(tmp_path: Path) -> None:
    metadata = {"names": "{0: 'red', 1: 'green', 2: 'blue'}", "imgsz": "[64, 96]"}
    model = saved(
        colour_model(size=("h", "w"), batch="n", metadata=metadata), tmp_path / "open.onnx"
    )
    build_plan(request(tmp_path, Precision.FP16, model=model), ())
    assert ("profile", ("images", *[(1, 3, 64, 96)] * 3)) in fake_tensorrt.asked_to
    assert ("PROFILE_SHARING_0806", True) in fake_tensorrt.asked_to


def test_an_open_batch_is_built_for_one_image_up_to_all(tmp_path: Path) -> None:
    model = saved(colour_model(batch="n"), tmp_path / "open.onnx")
    build_plan(replace(request(tmp_path, Precision.FP16, model=model), batch=4), ())
    shapes = ((1, 3, 64, 96), (4, 3, 64, 96), (4, 3, 64, 96))
    assert ("profile", ("images", *shapes)) in fake_tensorrt.asked_to


def test_a_calibrator_is_fed_every_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = fake_pycuda.install(monkeypatch)
    cache = tmp_path / "calibration.cache"
    wanted = request(
        tmp_path, Precision.INT8, calibrator="trt-entropy", images=3, write_cache=cache
    )
    assert build_plan(wanted, tensors(3)).images == 3
    assert cache.read_text().splitlines()[1:] == ["images: 0.0", "images: 1.0", "images: 2.0"]
    assert gpu.stack == []
    assert gpu.retained == 0


def test_a_calibration_that_broke_off_gives_no_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_pycuda.install(monkeypatch)
    wanted = request(tmp_path, Precision.INT8, calibrator="trt-minmax", images=5)
    with pytest.raises(UnavailableError, match="with 3 of 5 images"):
        build_plan(wanted, tensors(3))
    assert not wanted.plan.exists()


def test_what_tensorrt_said_is_in_the_error(tmp_path: Path) -> None:
    model = saved(
        colour_model(metadata={"names": "['unbuildable', 'b', 'c']"}), tmp_path / "m.onnx"
    )
    with pytest.raises(UnavailableError, match="no engine: Could not find any implementation"):
        build_plan(request(tmp_path, Precision.FP16, model=model), ())


@pytest.mark.parametrize(
    ("saved_before", "loaded"),
    [
        (None, [("timing", b"")]),
        (b"timings of this machine", [("timing", b"timings of this machine")]),
        (b"of another", [("timing", b"of another"), ("timing", b"")]),
    ],
    ids=["first build", "second build", "another machine's"],
)
def test_timings_are_kept_between_builds(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    saved_before: bytes | None,
    loaded: list[tuple[str, bytes]],
) -> None:
    fake_pycuda.install(monkeypatch)
    file = tmp_path / "timings" / "8.6.0-Orin_8.7.timing"
    if saved_before:
        file.parent.mkdir()
        file.write_bytes(saved_before)
    build_plan(request(tmp_path, Precision.FP16, timing_folder=file.parent), ())
    assert [each for each in fake_tensorrt.asked_to if each[0] == "timing"] == loaded
    assert file.read_bytes() == b"timings of this machine"


def test_a_dla_core_that_is_not_there_is_refused(tmp_path: Path) -> None:
    build_plan(request(tmp_path, Precision.FP16, dla_core=0), ())
    assert "GPU_FALLBACK" in fake_tensorrt.asked_to
    with pytest.raises(UnavailableError, match=r"no DLA core 1: TensorRT 8.6.0 finds 1"):
        build_plan(request(tmp_path, Precision.FP16, dla_core=1), ())


@rtx
def test_a_real_builder_takes_the_shipped_model_in_a_child_process(tmp_path: Path) -> None:
    timings = tmp_path / "timings"
    wanted = request(tmp_path, Precision.FP32, model=SHIPPED, modules=RTX, timing_folder=timings)
    result = run_build(wanted)
    assert result.version.startswith("RTX 1.")
    assert wanted.plan.stat().st_size == result.plan_bytes > 1_000_000
    assert len(list(timings.iterdir())) == 1
    run_build(wanted)


def _half(output: Path) -> None:
    half(SHIPPED, output)


def _qdq(output: Path) -> None:
    ranges = dict.fromkeys(activation_tensors(SHIPPED, "neck"), 8.0)
    quantise(SHIPPED, ranges, output, placement="neck")


@rtx
@pytest.mark.parametrize(
    ("write", "precision"), [(_half, Precision.FP16), (_qdq, Precision.INT8)], ids=["fp16", "qdq"]
)
def test_a_real_builder_takes_the_graphs_that_edge_writes(
    tmp_path: Path, write: Callable[[Path], None], precision: Precision
) -> None:
    path = tmp_path / "graph.onnx"
    write(path)
    result = build_plan(request(tmp_path, precision, model=path, modules=RTX), ())
    assert 1_000_000 < result.plan_bytes < SHIPPED.stat().st_size


@rtx
def test_a_real_parser_names_the_node_it_cannot_read(tmp_path: Path) -> None:
    model = onnx.load(SHIPPED)
    broken = next(node for node in model.graph.node if node.op_type == "MaxPool")
    broken.op_type = "Det"
    path = saved(model, tmp_path / "broken.onnx")
    wanted = request(tmp_path, Precision.FP32, model=path, modules=RTX)
    with pytest.raises(DataError, match=rf"node \d+ '{broken.name}' \(Det\)"):
        run_build(wanted)
    assert not wanted.plan.exists()


@rtx
def test_a_library_without_calibrators_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_pycuda.install(monkeypatch)
    wanted = request(
        tmp_path, Precision.INT8, model=SHIPPED, modules=RTX, calibrator="trt-entropy", images=1
    )
    with pytest.raises(UnavailableError, match="no INT8 calibrators any more"):
        build_plan(wanted, tensors(1))
