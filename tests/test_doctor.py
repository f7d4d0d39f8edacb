"""What the doctor says of runtimes, as far as the CPU can tell."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace

import pytest

from edge.core.errors import MissingLibraryError

doctor = import_module("edge.app.doctor")  # the name ``edge.app.doctor`` is that of the verb


@pytest.mark.parametrize("there", [True, False], ids=["nvcc", "no nvcc"])
def test_a_gpu_without_a_compiler_is_told_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    def find_compiler() -> str:
        if not there:
            raise MissingLibraryError("no nvcc. Run: sudo apt-get install nvidia-cuda-dev")
        return "/usr/local/cuda/bin/nvcc"

    found = SimpleNamespace(name="TensorRT 8.6.0")
    monkeypatch.setattr(doctor, "find_tensorrt", lambda asked: (found, ""))
    monkeypatch.setattr(doctor, "find_compiler", find_compiler)
    runtime, kernels = doctor._runtime_checks()
    assert (runtime.ok, runtime.detail) == (True, "TensorRT 8.6.0")
    assert kernels.ok is there
    assert ("apt-get" in kernels.remedy) is not there


def test_a_machine_without_a_gpu_needs_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_tensorrt", lambda asked: (None, "no GPU"))
    (runtime,) = doctor._runtime_checks()
    assert (runtime.ok, runtime.detail) == (True, "ONNX Runtime on the CPU: no GPU")
