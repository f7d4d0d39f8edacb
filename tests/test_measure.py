"""What ``edge bench`` puts together, with real engines and real processes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.app import forms, measure
from edge.core.errors import ConfigError, DataError, InputMissingError
from tests import test_serving
from tests.engine import fake_pycuda, fake_tensorrt
from tests.engine.bundles import a_bundle
from tests.engine.models import colour_model, saved

LINE = "pattern://?size=96x64&fps=200"


def quiet(done: int, total: int) -> None:
    """No progress is shown."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return saved(colour_model(), tmp_path / "colours.onnx")


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder, key = a_bundle(tmp_path, fallback="model.onnx")
    monkeypatch.setenv("EDGE_KEY_FILE", str(key))
    return folder


def test_frames_lie_in_a_pool_that_a_gpu_can_pin() -> None:
    frames = measure.frames_in_memory(LINE)
    assert len(frames) == measure.FRAMES_IN_MEMORY
    block = frames[0].block
    assert block is not None
    assert all(frame.block is block for frame in frames)
    starts = {frame.image.__array_interface__["data"][0] for frame in frames}
    first = block.__array_interface__["data"][0]
    assert len(starts) == len(frames)
    assert all(first <= start < first + block.nbytes for start in starts)
    assert len({frame.image.tobytes() for frame in frames}) > 1


@pytest.mark.parametrize("part", ["engine", "fallback", "service"])
def test_every_part_of_a_bundle_is_measured(bundle: Path, part: measure.Part) -> None:
    report = measure.measured(bundle, part, LINE, 0.2)
    assert report["end_to_end_fps"] > 0
    assert report["engine"].startswith("ONNX Runtime")
    assert report["size"] == "96x64"


def test_a_bundle_without_a_fallback_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, key = a_bundle(tmp_path)
    monkeypatch.setenv("EDGE_KEY_FILE", str(key))
    with pytest.raises(ConfigError, match="has no fallback engine"):
        measure.measured(folder, "fallback", LINE, 0.2)


def test_two_models_are_compared_in_turns(model: Path, bundle: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = measure.bench_against(model, bundle, LINE, 0.5, None, lambda *n: seen.append(n))
    assert (report["model"], report["against"]) == (str(model), str(bundle))
    assert set(report["change"]) == {
        "engine_only_fps",
        "end_to_end_fps",
        "latency_p50_ms",
        "latency_p99_ms",
    }
    assert report["rounds"] == measure.ROUNDS_OF_MODELS
    assert seen[-1] == (2 * measure.ROUNDS_OF_MODELS, 2 * measure.ROUNDS_OF_MODELS)
    assert "ONNX Runtime" in report["engine"]
    assert "ONNX Runtime" in report["against_engine"]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[fake_pycuda.Driver]:
    driver = fake_pycuda.install(monkeypatch)
    monkeypatch.setitem(sys.modules, "tensorrt", fake_tensorrt)
    yield driver
    assert (driver.held, driver.retained, driver.stack, driver.pinned) == (0, 0, [], {})


@pytest.mark.parametrize("part", ["engine", "fallback", "service"])
def test_a_bundle_with_kernels_is_measured_on_the_gpu(
    gpu: fake_pycuda.Driver,
    part: measure.Part,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, key = test_serving.a_bundle(tmp_path, colour_model())
    monkeypatch.setenv("EDGE_KEY_FILE", str(key))
    report = measure.measured(folder, part, LINE, 0.2)
    assert report["engine"].startswith("TensorRT 8.6.0")
    assert report["in_flight"] == 2
    assert report["engine_only_no_graph_fps"] > 0
    assert next(iter(report["stages_ms"])) == "copy in"


def test_two_bundles_on_the_gpu_read_the_same_pinned_frames(
    gpu: fake_pycuda.Driver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder, key = test_serving.a_bundle(tmp_path, colour_model())
    monkeypatch.setenv("EDGE_KEY_FILE", str(key))
    monkeypatch.setattr(measure, "ROUNDS_OF_MODELS", 2)
    report = measure.bench_against(folder, folder, LINE, 0.2, None, quiet)
    assert report["engine"] == report["against_engine"]
    assert caplog.messages == []  # nothing about frames that are not pinned


def test_the_table_has_a_row_for_every_form_each_from_a_process_of_its_own(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "ROUNDS", 1)
    missing = tmp_path / "gone.onnx"
    report: dict[str, Any] = forms.bench_table([missing, bundle], LINE, 1.0, quiet)
    rows = report["rows"]
    assert [row["name"] for row in rows] == [
        "ONNX Runtime, gone.onnx",
        "ONNX Runtime fp32",
        "ONNX Runtime int8",
        "ONNX Runtime int8 with the fp32 fallback loaded",
    ]
    assert "gone.onnx" in rows[0]["reason"]
    assert "no such" in rows[0]["reason"]
    for before, row in zip([None, *rows[1:]], rows[1:], strict=False):
        assert row["reason"] == ""
        assert row["end_to_end_fps"] > 0
        assert row["memory_mb"] > 10
        assert row["against"] == (before["name"] if before else "")


def test_pytorch_needs_its_weights() -> None:
    with pytest.raises(InputMissingError, match=r"gone\.pt: no such file"):
        measure.measured(Path("gone.pt"), "fp32", LINE, 0.2)


@pytest.mark.parametrize(
    ("code", "log", "says"),
    [
        (65, "loading\nm.onnx: not a model\n", "m.onnx: not a model"),
        (3, "", "it ended with exit code 3"),
        (-9, "whatever", "it was killed by SIGKILL"),
    ],
    ids=["an error of ours", "no words", "killed"],
)
def test_a_process_that_fails_says_why(code: int, log: str, says: str) -> None:
    assert says in forms._why(code, log)


def test_a_source_without_frames_is_refused(tmp_path: Path) -> None:
    with pytest.raises((DataError, InputMissingError)):
        measure.frames_in_memory(f"file://{tmp_path}/nothing")
