"""ONNX in, TensorRT plan out: one way for 8.6, 10, 11 and TensorRT-RTX.

Runs inside the child process of :mod:`edge.engine.build_process`: a build may take minutes and
all the memory there is, and TensorRT may end the process it runs in.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from edge.core.build import Calibrator, Precision
from edge.core.errors import DataError, UnavailableError
from edge.engine.calibrator import Feed, calibrator_base, make_calibrator
from edge.engine.intake import Model, read_model
from edge.engine.tensorrt_api import MODULES, TensorRt, load_tensorrt
from edge.engine.tensorrt_log import TensorRtLog

_MOST_PARSER_ERRORS = 5


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build, and how.

    Attributes:
        model: ONNX file; for INT8 without calibrator it carries Q/DQ. FP16 by casts is read by
            every version, and needed by those that are strongly typed.
        plan: the file to write.
        precision: what the engine may compute in.
        calibrator: TensorRT's own INT8 calibration; None: the graph's Q/DQ.
        images: how many calibration tensors will be fed.
        read_cache: ranges for the calibrator instead of images.
        write_cache: where the calibrator's ranges are saved.
        workspace_mb: memory that one layer may use while it runs, MiB.
        optimisation_level: 0 to 5; 0 builds in half a minute, 3 is TensorRT's default.
        timing_folder: where layer timings are kept between builds, a file a machine and version.
        dla_core: run on this Deep Learning Accelerator where possible; None: on the GPU.
        batch: images at once, at most; the graph leaves its batch open for more than one.
        own_tactics: only TensorRT's own kernels, as TensorRT 10 does by itself: cuBLAS and cuDNN
            would be loaded too, into memory that a small Jetson lacks.
        modules: names under which TensorRT is looked for.
    """

    model: Path
    plan: Path
    precision: Precision
    calibrator: Calibrator | None = None
    images: int = 0
    read_cache: Path | None = None
    write_cache: Path | None = None
    workspace_mb: int = 1024
    optimisation_level: int = 3
    timing_folder: Path | None = None
    dla_core: int | None = None
    batch: int = 1
    own_tactics: bool = True
    modules: tuple[str, ...] = MODULES

    def to_json(self) -> str:
        """For the child process, one line."""
        return json.dumps({k: v if v is None else _plain(v) for k, v in asdict(self).items()})

    @classmethod
    def from_json(cls, line: str) -> BuildRequest:
        """What ``to_json`` wrote."""
        values = json.loads(line)
        for name in ("model", "plan", "read_cache", "write_cache", "timing_folder"):
            values[name] = None if values[name] is None else Path(values[name])
        values["precision"] = Precision(values["precision"])
        values["modules"] = tuple(values["modules"])
        return cls(**{field.name: values[field.name] for field in fields(cls)})


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What came out of a build.

    Attributes:
        version: of TensorRT, as manifests hold it.
        images: that a calibrator really used.
        plan_bytes: size of the plan.
        seconds: of the whole build.
    """

    version: str
    images: int
    plan_bytes: int
    seconds: float = 0.0


def build_plan(request: BuildRequest, tensors: Iterable[NDArray[np.float32]]) -> BuildResult:
    """Build, and write the plan; it appears whole or not at all.

    Args:
        request: what to build.
        tensors: for its calibrator, float32 (1, 3, H, W).

    Raises:
        MissingLibraryError: TensorRT, or PyCUDA for a calibrator, is not installed.
        DataError: TensorRT cannot read the graph; its nodes are named.
        UnavailableError: this machine or this TensorRT cannot do what is asked.
    """
    trt = load_tensorrt(request.modules)
    model = read_model(request.model)
    log = trt.log()
    builder = trt.start("Builder", log)
    wanted = (Precision.INT8, Precision.MIXED)
    trt.refuse_unsupported(
        builder,
        int8=request.precision in wanted,
        fp16=request.precision in (*wanted, Precision.FP16),
    )
    network = builder.create_network(trt.network_flags())
    _parse(trt, model, network, log)
    config = _configured(trt, builder, request)
    if any(side < 0 for side in network.get_input(0).shape):
        _fix_shape(trt, builder, config, model, request)
    timing = _load_timing(trt, config, request)
    if request.calibrator is None:
        plan, used = builder.build_serialized_network(network, config), 0
    else:
        build = partial(builder.build_serialized_network, network, config)
        plan, used = _calibrated(trt, config, build, model, request, tensors)
    if plan is None:
        raise UnavailableError(f"{request.model}: {trt.name} built no engine: {log.last()}")
    if timing is not None:
        _replace(timing, memoryview(config.get_timing_cache().serialize()))
    content = memoryview(plan)
    _replace(request.plan, content)
    return BuildResult(trt.version_text, used, content.nbytes)


def _calibrated(
    trt: TensorRt,
    config: Any,
    build: Callable[[], Any],
    model: Model,
    request: BuildRequest,
    tensors: Iterable[NDArray[np.float32]],
) -> tuple[Any, int]:
    """Plan and number of images used, checked before anybody trusts the plan."""
    from edge.engine.cuda import CalibrationUpload

    assert request.calibrator is not None
    calibrator_base(trt, request.calibrator)  # before any memory is taken
    shape = _input_shape(model)
    with closing(CalibrationUpload(int(np.prod(shape)) * 4)) as upload:
        feed = Feed(tensors, shape, upload)
        calibrator = make_calibrator(
            trt,
            request.calibrator,
            feed,
            read_cache=request.read_cache,
            write_cache=request.write_cache,
        )
        config.int8_calibrator = calibrator
        plan = build()
        feed.check(0 if request.read_cache else request.images)
    return plan, feed.used


def _parse(trt: TensorRt, model: Model, network: Any, log: TensorRtLog) -> None:
    parser = trt.module.OnnxParser(network, log.logger)
    if parser.parse(model.content):
        return
    problems = [parser.get_error(number) for number in range(parser.num_errors)]
    lines = dict.fromkeys(_described(each, model) for each in problems[:_MOST_PARSER_ERRORS])
    raise DataError(f"{model.path}: {trt.name} cannot read it: {'; '.join(lines) or log.last()}")


def _described(problem: Any, model: Model) -> str:
    """One parser error, with the node it is about: 8.6 tells only its number."""
    nodes = onnx.load_model_from_string(model.content).graph.node
    place = problem.node()
    if not 0 <= place < len(nodes):
        return str(problem.desc())
    node = nodes[place]
    return f"node {place} {node.name!r} ({node.op_type}): {problem.desc()}"


def _configured(trt: TensorRt, builder: Any, request: BuildRequest) -> Any:
    module, config = trt.module, builder.create_builder_config()
    config.set_memory_pool_limit(module.MemoryPoolType.WORKSPACE, request.workspace_mb << 20)
    config.builder_optimization_level = request.optimisation_level
    config.profiling_verbosity = module.ProfilingVerbosity.DETAILED  # for the inspector
    if request.own_tactics and (tactics := trt.own_tactics()) is not None:
        config.set_tactic_sources(tactics)
    _set_precision(trt, config, request)
    if request.dla_core is not None:
        _use_dla(trt, builder, config, request.dla_core)
    return config


def _fix_shape(
    trt: TensorRt, builder: Any, config: Any, model: Model, request: BuildRequest
) -> None:
    """A graph that leaves its input's shape open is built for one size, and up to a full batch."""
    one = _input_shape(model)
    full = (request.batch, *one[1:])
    profile = builder.create_optimization_profile()
    profile.set_shape(model.input_name, one, full, full)
    config.add_optimization_profile(profile)
    trt.share_profiles(config)
    if request.calibrator is not None:  # which is fed one image at a time
        single = builder.create_optimization_profile()
        single.set_shape(model.input_name, one, one, one)
        config.set_calibration_profile(single)


def _input_shape(model: Model) -> tuple[int, int, int, int]:
    return (1, 3, model.input_size.height, model.input_size.width)


def _set_precision(trt: TensorRt, config: Any, request: BuildRequest) -> None:
    flag = trt.module.BuilderFlag
    if request.precision is Precision.FP32:
        config.clear_flag(flag.TF32)  # 10 bits of mantissa are not FP32
    if not trt.weakly_typed:
        return  # the graph says it all
    if request.precision is not Precision.FP32:
        config.set_flag(flag.FP16)
    if request.precision in (Precision.INT8, Precision.MIXED):
        config.set_flag(flag.INT8)


def _use_dla(trt: TensorRt, builder: Any, config: Any, core: int) -> None:
    if core >= builder.num_DLA_cores:
        raise UnavailableError(
            f"there is no DLA core {core}: {trt.name} finds {builder.num_DLA_cores} here. "
            "Leave out --dla"
        )
    config.default_device_type = trt.module.DeviceType.DLA
    config.DLA_core = core
    config.set_flag(trt.module.BuilderFlag.GPU_FALLBACK)


def _load_timing(trt: TensorRt, config: Any, request: BuildRequest) -> Path | None:
    """Use the timings of earlier builds; the file they are to be saved in."""
    if request.timing_folder is None:
        return None
    request.timing_folder.mkdir(parents=True, exist_ok=True)
    path = request.timing_folder / f"{_slug(trt.version_text)}-{_slug(_gpu())}.timing"
    saved = path.read_bytes() if path.exists() else b""
    # TensorRT itself refuses timings of another GPU, driver or version.
    if not config.set_timing_cache(config.create_timing_cache(saved), ignore_mismatch=False):
        config.set_timing_cache(config.create_timing_cache(b""), ignore_mismatch=False)
    return path


def _gpu() -> str:
    from edge.engine.cuda import first_gpu

    try:
        gpu = first_gpu()
    except UnavailableError:  # TensorRT-RTX builds without one
        return "no-gpu"
    return f"{gpu.name}-{gpu.compute_capability}"


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "_", text)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return value.value if isinstance(value, Precision) else value


def _replace(path: Path, content: memoryview) -> None:
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with fresh.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise UnavailableError(f"{path}: cannot be written ({error.strerror})") from error
    finally:
        fresh.unlink(missing_ok=True)
