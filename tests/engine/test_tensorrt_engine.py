from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from edge.core.build import Precision
from edge.core.errors import DataError, MissingLibraryError, UnavailableError
from edge.core.types import Size
from edge.engine import open_engine
from edge.engine.bundle import verify, write_bundle
from edge.engine.cuda import first_gpu
from edge.engine.inspector import LayerCount
from edge.engine.machine import this_machine
from edge.engine.tensorrt_engine import TensorRtEngine
from tests.engine import fake_pycuda, fake_tensorrt
from tests.engine.bundles import fields
from tests.engine.models import colour_model, constant_model

COLOURS = ("red", "green", "blue")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[fake_pycuda.Driver]:
    driver = fake_pycuda.install(monkeypatch)
    monkeypatch.setitem(sys.modules, "tensorrt", fake_tensorrt)
    yield driver
    assert driver.stack == []
    assert driver.retained == 0


def opened(**options: Any) -> TensorRtEngine:
    plan = colour_model(**options).SerializeToString()
    return TensorRtEngine(plan, labels=COLOURS, precision=Precision.INT8)


@pytest.mark.parametrize("size", [(64, 96), ("h", "w")], ids=["fixed size", "open size"])
@pytest.mark.usefixtures("gpu")
def test_the_network_sees_the_tensor(size: Any) -> None:
    with closing(opened(size=size, batch=1 if size[0] == 64 else "n")) as engine:
        assert engine.description == "TensorRT 8.6.0 int8, Orin"
        assert engine.input_size == Size(96, 64)
        tensor = np.empty((1, 3, 64, 96), np.float32)
        for colour in ((0.75, 0.5, 0.25), (0.0, 1.0, 0.5)):
            tensor[:] = np.array(colour, np.float32)[None, :, None, None]
            head = engine.infer(tensor)
            assert head.dtype == np.float32
            np.testing.assert_allclose(head[0, 4:, 0], colour, atol=1e-6)
        engine.run_engine_only(2)
        assert engine.layers() == LayerCount(1, 0, 0)


@pytest.mark.usefixtures("gpu")
def test_another_thread_may_run_it() -> None:
    with closing(opened()) as engine:
        heads = []
        thread = threading.Thread(
            target=lambda: heads.append(engine.infer(np.ones((1, 3, 64, 96), np.float32)).copy())
        )
        thread.start()
        thread.join()
        np.testing.assert_allclose(heads[0][0, 4:, 0], 1)


@pytest.mark.usefixtures("gpu")
def test_after_close_it_refuses_and_closing_twice_is_safe() -> None:
    engine = opened()
    engine.close()
    engine.close()
    with pytest.raises(ValueError, match="after close"):
        engine.infer(np.zeros((1, 3, 64, 96), np.float32))


@pytest.mark.usefixtures("gpu")
def test_a_tensor_of_another_shape_is_refused() -> None:
    with closing(opened()) as engine, pytest.raises(ValueError, match=r"float32 \(1, 3, 64, 96\)"):
        engine.infer(np.zeros((1, 3, 96, 64), np.float32))


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (b"not a plan", "TensorRT 8.6.0 refuses the engine: Serialization assertion failed"),
        (colour_model(half=True).SerializeToString(), "the output float32 and"),
        (
            constant_model(np.zeros((1, 7, 2), np.float32), outputs=2).SerializeToString(),
            "one of each",
        ),
        (
            constant_model(
                np.zeros((1, 7, 2), np.float32), input_type=TensorProto.FLOAT16
            ).SerializeToString(),
            "both float32 here",
        ),
        (
            constant_model(np.zeros((1, 9, 2), np.float32)).SerializeToString(),
            "answers 5 classes, but the bundle names 3",
        ),
    ],
    ids=["garbage", "float16", "two outputs", "float16 input", "other classes"],
)
@pytest.mark.usefixtures("gpu")
def test_a_plan_that_is_no_yolov8_is_refused_and_nothing_leaks(plan: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        TensorRtEngine(plan, labels=COLOURS, precision=Precision.FP16)


def test_without_a_gpu_the_reason_is_given(gpu: fake_pycuda.Driver) -> None:
    gpu.broken = True
    with pytest.raises(UnavailableError, match="no CUDA-capable device"):
        opened()


def test_without_pycuda_the_remedy_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycuda", None)
    with pytest.raises(MissingLibraryError, match="pip install pycuda"):
        first_gpu()


@pytest.mark.usefixtures("gpu")
def test_a_tensorrt_bundle_opens_here_and_nowhere_else(tmp_path: Path) -> None:
    here = this_machine("tensorrt", power_mode="MAXN")
    assert (here.gpu, here.compute_capability, here.cuda) == ("Orin", "8.7", "12.2")
    plan, key = tmp_path / "engine.plan", tmp_path / "device.key"
    plan.write_bytes(colour_model().SerializeToString())
    bundle = write_bundle(
        tmp_path / "models",
        {"engine.plan": plan},
        fields(machine=here.model_dump(), engine="engine.plan"),
        key=key,
    )
    with closing(open_engine(bundle, key=key)) as engine:
        assert engine.labels == COLOURS
    other = here.model_copy(update={"runtime_version": "10.3.0"})
    with pytest.raises(DataError, match=r"tensorrt version '8.6.0', but this machine has '10.3.0'"):
        verify(bundle, key=key, machine=other)
