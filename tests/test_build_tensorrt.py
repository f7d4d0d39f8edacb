"""`edge build` for TensorRT where there is no GPU: NVIDIA's real parser and builder make the plans.

TensorRT-RTX builds on the CPU and cannot run there, so a plan's graph answers for it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge import app
from edge.app import engines
from edge.app.engines import find_tensorrt
from edge.calibrate import Search
from edge.core.build import Precision, Rung
from edge.core.errors import ConfigError, MissingLibraryError, UnavailableError
from edge.core.gate import Gate
from edge.engine import build_process
from edge.engine.inspector import LayerCount
from edge.engine.manifest import Machine
from edge.engine.onnx_cpu import OnnxCpuEngine
from edge.engine.tensorrt_api import load_tensorrt
from edge.engine.tensorrt_build import BuildRequest, BuildResult
from tests.test_build import IMAGES, MODEL, ROOT

building = import_module("edge.app.build")  # the name ``edge.app.build`` is that of the verb
pytest.importorskip("tensorrt_rtx", reason="needs TensorRT-RTX: make test EXTRAS=rtx")


class GraphForPlan(OnnxCpuEngine):
    """The graph of a plan, and what an inspector would tell; ``spoiled``: answers wrongly."""

    int8 = 55
    spoiled = False

    def infer(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        head = super().infer(tensor)
        return head * np.float32(0.02) if self.spoiled else head

    def layers(self) -> LayerCount:
        return LayerCount(80, self.int8, 70)


@pytest.fixture
def factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
        for file in sorted((ROOT / "calib_images" / kind).iterdir())[:IMAGES]:
            shutil.copy(file, tmp_path / kind)
    rtx = load_tensorrt(("tensorrt_rtx",))
    graphs: dict[bytes, Path] = {}

    def run_build(request: BuildRequest, *arguments: Any, **more: Any) -> BuildResult:
        result = build_process.run_build(request, *arguments, **more)
        graphs[request.plan.read_bytes()] = request.model
        return result

    def engine(plan: bytes, labels: tuple[str, ...], precision: Precision) -> GraphForPlan:
        return GraphForPlan(graphs[plan])

    monkeypatch.setattr(building, "find_tensorrt", lambda asked: (rtx, ""))
    monkeypatch.setattr(engines, "run_build", run_build)
    monkeypatch.setattr(engines, "TensorRtEngine", engine)
    here = Machine(runtime="tensorrt", runtime_version=rtx.version_text)
    monkeypatch.setattr(building, "this_machine", lambda runtime, power_mode=None: here)
    return tmp_path


@pytest.fixture
def build(factory: Path) -> Callable[..., Any]:
    def build(asked: str = "int8", batch: int = 1, **search: Any) -> Any:
        request = app.BuildRequest(
            model=MODEL,
            images=factory / "images",
            labels=factory / "labels",
            out=factory / "models",
            asked=asked,  # type: ignore[arg-type]
            search=Search(**{"methods": ("minmax",), **search}),
            engine=app.EngineSettings(batch=batch),
            gate=Gate(map_drop=0.05, accept_unproven=True),
            key=factory / "key",
        )
        rungs: list[Rung] = []
        return app.build(request, lambda what, done, total: None, rungs.append)

    return build


def test_a_bundle_holds_engine_fallback_graphs_ranges_cache_and_canaries(
    build: Callable[..., Any],
) -> None:
    report = build()
    name = load_tensorrt(("tensorrt_rtx",)).name
    assert [(rung["candidate"], rung["passed"]) for rung in report["ladder"]] == [
        ("int8 minmax", True),
        (f"int8 minmax on {name}", True),
        (f"fp16 on {name}", True),
    ]
    bundle = Path(report["bundle"])
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert (manifest["engine"], manifest["fallback"]) == ("engine.plan", "fallback.plan")
    assert {"engine.onnx", "fallback.onnx", "ranges.json", "calibration.cache"} <= set(
        manifest["files"]
    )
    canaries = json.loads((bundle / "canaries" / "answers.json").read_text())["canaries"]
    assert len(canaries) == 8
    assert all((bundle / one["file"]).is_file() for one in canaries)
    assert canaries[0]["engine"]
    assert canaries[0]["fallback"]


def test_an_engine_for_several_images_is_built_from_a_graph_with_an_open_batch(
    build: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = []
    init = GraphForPlan.__init__

    def opened(graph: GraphForPlan, model: Path) -> None:  # which the real builder took
        init(graph, model)
        pair = np.zeros((2, 3, graph.input_size.height, graph.input_size.width), np.float32)
        shapes.append(graph.infer(pair).shape)

    monkeypatch.setattr(GraphForPlan, "__init__", opened)
    report = build(batch=4)
    assert [rung["passed"] for rung in report["ladder"]] == [True, True, True]
    assert {shape[0] for shape in shapes} == {2}
    manifest = json.loads((Path(report["bundle"]) / "manifest.json").read_text())
    assert manifest["settings"]["batch"] == 4


def test_an_engine_that_answers_wrongly_is_refused_though_its_graph_passed(
    build: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GraphForPlan, "spoiled", True)
    report = build()
    assert report["bundle"] is None
    assert [rung["passed"] for rung in report["ladder"]] == [True, False]
    assert "agreement at IoU 0.50 is 0.0000" in report["ladder"][1]["reason"]


def test_an_engine_without_int8_layers_is_no_int8_engine(
    build: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GraphForPlan, "int8", 0)
    report = build()
    assert report["bundle"] is None
    assert "none of the engine's 80 layers runs INT8" in report["ladder"][1]["reason"]


def test_a_library_without_calibrators_is_a_rung_that_says_so(build: Callable[..., Any]) -> None:
    report = build(methods=(), calibrators=("trt-entropy",))
    (rung,) = report["ladder"]
    assert not rung["passed"]
    assert "no INT8 calibrators any more" in rung["reason"]


def test_tensorrts_own_calibrators_need_tensorrt(
    build: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "find_tensorrt", lambda asked: (None, "there is no GPU here"))
    with pytest.raises(ConfigError, match="there is no GPU here"):
        build(methods=(), calibrators=("trt-minmax",))


def test_without_a_gpu_auto_takes_onnx_runtime_and_tensorrt_by_name_is_refused() -> None:
    found, why = find_tensorrt("auto")
    assert found is None
    assert why
    with pytest.raises((MissingLibraryError, UnavailableError)):
        find_tensorrt("tensorrt")
