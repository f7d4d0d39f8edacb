"""TensorRT 8.6 as far as Edge uses it, with ONNX Runtime inside: a plan is the ONNX itself.

Faithful where it hurts: a calibrator's exceptions end its data with a printed line and nothing
more, a refused build is None, a logger is called back, and "device" addresses are dereferenced.
"""

from __future__ import annotations

import ctypes
import json
import sys
import weakref
from enum import IntEnum
from typing import Any

import numpy as np
import onnx
import onnxruntime

from tests.engine import fake_pycuda, kernel_mirror

__version__ = "8.6.0"
asked_to: list[Any] = []
"""Flags and settings of the last builder's config, for tests."""
most_images = 1
"""Of the profile that engines of an open size were built with."""
shares_profiles = True
"""Engines were built so that all their contexts may use the one profile."""


class BuilderFlag(IntEnum):
    FP16 = 0
    INT8 = 2
    TF32 = 7
    GPU_FALLBACK = 3


class NetworkDefinitionCreationFlag(IntEnum):
    EXPLICIT_BATCH = 0


class TacticSource(IntEnum):
    CUBLAS = 0
    EDGE_MASK_CONVOLUTIONS = 3
    JIT_CONVOLUTIONS = 4


class MemoryPoolType(IntEnum):
    WORKSPACE = 0


class ProfilingVerbosity(IntEnum):
    DETAILED = 2


class TensorIOMode(IntEnum):
    NONE, INPUT, OUTPUT = range(3)


class DataType(IntEnum):
    FLOAT, HALF, INT8 = range(3)


class DeviceType(IntEnum):
    GPU, DLA = range(2)


class PreviewFeature(IntEnum):
    PROFILE_SHARING_0806 = 2


class LayerInformationFormat(IntEnum):
    ONELINE, JSON = range(2)


class ILogger:
    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = range(5)


class _Int8Calibrator:
    pass


class IInt8EntropyCalibrator2(_Int8Calibrator):
    pass


class IInt8MinMaxCalibrator(_Int8Calibrator):
    pass


class IBuilderConfig:
    int8_calibrator: Any = None

    def __init__(self) -> None:
        asked_to.clear()

    def set_memory_pool_limit(self, pool: MemoryPoolType, limit: int) -> None:
        asked_to.append((pool.name, limit))

    def set_flag(self, flag: BuilderFlag) -> None:
        asked_to.append(flag.name)

    def clear_flag(self, flag: BuilderFlag) -> None:
        asked_to.append(f"not {flag.name}")

    def set_tactic_sources(self, sources: int) -> None:
        asked_to.append(("tactics", sources))

    def add_optimization_profile(self, profile: OptimizationProfile) -> None:
        asked_to.append(("profile", profile.shape))

    set_calibration_profile = add_optimization_profile

    def set_preview_feature(self, feature: PreviewFeature, on: bool) -> None:
        asked_to.append((feature.name, on))

    def create_timing_cache(self, saved: bytes) -> bytes:
        return saved

    def set_timing_cache(self, cache: bytes, ignore_mismatch: bool) -> bool:
        asked_to.append(("timing", cache))
        return cache in (b"", b"timings of this machine")

    def get_timing_cache(self) -> Any:
        return self

    def serialize(self) -> bytes:
        return b"timings of this machine"


class OptimizationProfile:
    shape: Any = None

    def set_shape(self, name: str, least: Any, usual: Any, most: Any) -> None:
        self.shape = (name, least, usual, most)


class _Network:
    content = b""

    def get_input(self, number: int) -> Any:
        dims = onnx.load_model_from_string(self.content).graph.input[0].type.tensor_type.shape.dim
        self.shape = tuple(dim.dim_value if dim.HasField("dim_value") else -1 for dim in dims)
        return self


class Builder:
    platform_has_fast_int8 = True
    platform_has_fast_fp16 = True
    num_DLA_cores = 1  # noqa: N815

    def __init__(self, logger: Any) -> None:
        self._logger = logger

    def create_builder_config(self) -> IBuilderConfig:
        return IBuilderConfig()

    def create_optimization_profile(self) -> OptimizationProfile:
        return OptimizationProfile()

    def create_network(self, flags: int) -> _Network:
        assert flags == 1 << NetworkDefinitionCreationFlag.EXPLICIT_BATCH
        return _Network()

    def build_serialized_network(self, network: _Network, config: IBuilderConfig) -> Any:
        calibrator = config.int8_calibrator
        if calibrator is not None and calibrator.read_calibration_cache() is None:
            _calibrate(calibrator)
        if b"unbuildable" in network.content:
            self._logger.log(ILogger.ERROR, "Could not find any implementation for node Conv_7")
            return None
        return memoryview(network.content)


def _calibrate(calibrator: Any) -> None:
    """What pyInt8.cpp does: any exception is the end of the data."""
    sums = []
    while True:
        try:
            batch = calibrator.get_batch(["images"])
        except Exception as error:
            print("[ERROR] Exception caught in get_batch():", error, file=sys.stderr)
            batch = None
        if batch is None:
            break
        sums.append(ctypes.c_float.from_address(batch[0]).value)
    table = "TRT-8600-EntropyCalibration2\n" + "".join(f"images: {s!r}\n" for s in sums)
    calibrator.write_calibration_cache(memoryview(table.encode()))


class OnnxParser:
    num_errors = 0

    def __init__(self, network: _Network, logger: Any) -> None:
        self._network = network

    def parse(self, content: bytes) -> bool:
        self._network.content = content
        return True


class Runtime:
    def __init__(self, logger: Any) -> None:
        self._logger = logger

    def deserialize_cuda_engine(self, plan: bytes) -> Any:
        try:
            return _Engine(plan)
        except Exception as error:
            reason = f"Serialization assertion failed: {error}"
            self._logger.log(ILogger.ERROR, reason)
            return None


class _Engine:
    def __init__(self, plan: bytes) -> None:
        self.session = onnxruntime.InferenceSession(plan, providers=["CPUExecutionProvider"])
        self._tensors = [*self.session.get_inputs(), *self.session.get_outputs()]
        self.num_io_tensors = len(self._tensors)
        self.contexts: weakref.WeakSet[_Context] = weakref.WeakSet()

    def get_tensor_name(self, number: int) -> str:
        return str(self._tensors[number].name)

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        inputs = [each.name for each in self.session.get_inputs()]
        return TensorIOMode.INPUT if name in inputs else TensorIOMode.OUTPUT

    def get_tensor_dtype(self, name: str) -> DataType:
        kind = next(each.type for each in self._tensors if each.name == name)
        return DataType.FLOAT if kind == "tensor(float)" else DataType.HALF

    def get_tensor_shape(self, name: str) -> list[int]:
        shape = next(each.shape for each in self._tensors if each.name == name)
        return [side if isinstance(side, int) else -1 for side in shape]

    def get_tensor_profile_shape(self, name: str, profile: int) -> list[tuple[int, ...]]:
        return [(1, 3, 64, 96), (most_images, 3, 64, 96), (most_images, 3, 64, 96)]

    def create_execution_context(self) -> _Context:
        context = _Context(self)
        self.contexts.add(context)
        return context

    def create_engine_inspector(self) -> _Inspector:
        return _Inspector()


class _Inspector:
    def get_engine_information(self, kind: LayerInformationFormat) -> str:
        half = {"Name": "a\x01b", "LayerType": "Reformat", "Inputs": [], "Outputs": []}
        return json.dumps({"Layers": [half]}).replace("\\u0001", "\x01")


class _Context:
    def __init__(self, engine: _Engine) -> None:
        self._engine = engine
        self._addresses: dict[str, int] = {}
        self._shape: tuple[int, ...] | None = None
        self._ran = False

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        if len(self._engine.contexts) > 1 and not shares_profiles:
            return False  # its profile has been chosen by another context
        self._shape = shape
        return True

    def get_tensor_shape(self, name: str) -> list[int]:
        shape = self._engine.get_tensor_shape(name)
        return [self._shape[0], *shape[1:]] if self._shape else shape

    def set_tensor_address(self, name: str, address: int) -> None:
        self._addresses[name] = address

    def execute_async_v3(self, stream: int) -> bool:
        lane = fake_pycuda.installed[0].streams[stream]
        if lane.capturing is not None and not self._ran:
            return False  # what it allocates on its first run cannot be captured
        self._ran = True
        if lane.capturing is not None and fake_pycuda.installed[0].spoils_capture:
            lane.spoilt = True
            return True
        lane.do(self._run)
        return True

    def _run(self) -> None:
        (source, target) = self._addresses
        kind = self._engine.get_tensor_dtype(source)
        shape = self._shape or self._engine.get_tensor_shape(source)
        dtype = np.float16 if kind == DataType.HALF else np.float32
        feed = kernel_mirror.at(self._addresses[source], int(np.prod(shape)), dtype)
        (head,) = self._engine.session.run(None, {source: feed.reshape(shape)})
        kernel_mirror.at(self._addresses[target], head.size, np.float32)[:] = head.reshape(-1)
