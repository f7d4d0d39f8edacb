"""TensorRT-RTX's parser and builder: genuine NVIDIA code that needs no GPU to build."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

WHY_SKIPPED = "tensorrt-rtx-cu13 is not installed (the extra `rtx`; Linux only)"


def build(model: Path) -> tuple[int, bytes]:
    """Parse an ONNX and build it for compute capability 8.6: (layers of the network, the plan).

    Orin's 8.7 is not among the ones TensorRT-RTX builds for; 8.6 is of the same generation.

    Raises:
        AssertionError: the parser or the builder refused it, with their words.
    """
    rtx: Any = pytest.importorskip("tensorrt_rtx", reason=WHY_SKIPPED)
    logger = rtx.Logger(rtx.Logger.ERROR)
    builder = rtx.Builder(logger)
    network = builder.create_network(0)
    parser = rtx.OnnxParser(network, logger)
    if not parser.parse(model.read_bytes()):
        errors = [parser.get_error(number) for number in range(parser.num_errors)]
        raise AssertionError("; ".join(f"{e.node_name()}: {e.desc()}" for e in errors))
    config = builder.create_builder_config()
    config.num_compute_capabilities = 1
    config.set_compute_capability(rtx.ComputeCapability.SM86, 0)
    plan = builder.build_serialized_network(network, config)
    assert plan is not None, f"{model.name} parsed, but was not built"
    return network.num_layers, bytes(plan)
