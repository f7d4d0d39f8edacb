from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.core.build import Precision
from edge.core.errors import DataError, InputMissingError, UnavailableError
from edge.engine import build_process
from edge.engine.build_process import run_build
from edge.engine.tensorrt_build import BuildRequest, BuildResult

CHILD = "tests.engine.fake_build_child"


def request(folder: Path, part: str, images: int = 0) -> BuildRequest:
    model = folder / f"{part}.onnx"
    model.write_bytes(b"")
    return BuildRequest(
        model, folder / "engine.plan", Precision.INT8, images=images, workspace_mb=16
    )


def tensors(count: int) -> Iterator[NDArray[np.float32]]:
    for _ in range(count):
        yield np.full((1, 3, 2, 2), 1 / 12, np.float32)


def test_a_request_travels_whole(tmp_path: Path) -> None:
    sent = BuildRequest(
        tmp_path / "m.onnx",
        tmp_path / "m.plan",
        Precision.MIXED,
        calibrator="trt-entropy",
        images=3,
        write_cache=tmp_path / "c",
        dla_core=1,
        modules=("tensorrt_rtx",),
    )
    assert BuildRequest.from_json(sent.to_json()) == sent


def test_a_build_answers_with_its_plan(tmp_path: Path) -> None:
    wanted = request(tmp_path, "good", images=5)
    lines: list[str] = []
    result = run_build(wanted, tensors(5), child=CHILD, progress=lines.append)
    assert result == BuildResult("8.6.0", 5, 11, seconds=result.seconds)
    assert wanted.plan.read_bytes() == b"half a plan"
    assert [line for line in lines if "calibrating" in line][-1] == "calibrating: 5 of 5"
    assert "a library that prints breaks nothing" in lines


@pytest.mark.parametrize(
    ("part", "error", "message"),
    [
        ("killed", UnavailableError, r"out of memory \(\d+ MB were free.*SIGKILL.*9 GB"),
        ("greedy", UnavailableError, r"ran out of memory .*smaller workspace"),
        ("crashes", UnavailableError, "ended by SIGSEGV.*Nothing was published"),
        ("breaks", UnavailableError, "RuntimeError: pybind11 said no"),
        ("refuses", DataError, "'/model.3/Conv'"),
    ],
)
def test_a_build_that_fails_says_why_and_leaves_nothing(
    tmp_path: Path, part: str, error: type[Exception], message: str
) -> None:
    wanted = request(tmp_path, part)
    wanted.plan.write_bytes(b"of an earlier try")
    with pytest.raises(error, match=message):
        run_build(wanted, child=CHILD)
    assert [path.name for path in tmp_path.iterdir()] == [wanted.model.name]


def test_a_build_is_stopped_at_its_time_limit(tmp_path: Path) -> None:
    wanted = request(tmp_path, "hangs")
    with pytest.raises(UnavailableError, match=r"after 3 s \(the time limit\).*more time"):
        run_build(wanted, child=CHILD, time_limit_s=3)
    assert [path.name for path in tmp_path.iterdir()] == [wanted.model.name]


def test_an_image_that_cannot_be_read_ends_the_build_with_its_name(tmp_path: Path) -> None:
    def images() -> Iterator[NDArray[np.float32]]:
        yield from tensors(2)
        raise DataError("part7/0013.jpg is truncated")

    with pytest.raises(DataError, match=r"0013.jpg is truncated"):
        run_build(request(tmp_path, "good", images=5), images(), child=CHILD)
    assert not (tmp_path / "engine.plan").exists()


def test_fewer_images_than_promised_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="only 2 of 5"):
        run_build(request(tmp_path, "good", images=5), tensors(2), child=CHILD)


def test_a_model_that_is_missing_is_named_by_the_real_child(tmp_path: Path) -> None:
    wanted = BuildRequest(tmp_path / "none.onnx", tmp_path / "x.plan", Precision.FP16)
    with pytest.raises((InputMissingError, UnavailableError), match=r"none.onnx|TensorRT"):
        run_build(wanted)


def test_a_build_without_memory_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_process, "_available_mb", lambda: 700.0)
    with pytest.raises(UnavailableError, match=r"needs about 1216 MB of memory, 700 MB are free"):
        run_build(request(tmp_path, "good"), child=CHILD)
