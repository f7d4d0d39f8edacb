"""A build child that plays a part, chosen by the name of the model."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from edge.core.errors import DataError
from edge.engine.build_child import serve
from edge.engine.tensorrt_build import BuildRequest, BuildResult


def build(request: BuildRequest, tensors: Iterable[NDArray[np.float32]]) -> BuildResult:
    total = sum(float(tensor.sum()) for tensor in tensors)
    part = request.model.stem
    sys.stdout.write("a library that prints breaks nothing\n")
    half = request.plan.with_name(f".{request.plan.name}.0123")
    half.write_bytes(b"half a plan")
    if part == "killed" or (part == "roomy" and request.workspace_mb > 8):
        sys.stderr.write("TensorRT: tactic needs 9 GB\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    elif part == "crashes":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif part == "hangs":
        threading.Event().wait()
    elif part == "greedy":
        resource.setrlimit(resource.RLIMIT_AS, (1 << 32, 1 << 32))
        bytes(1 << 34)
    elif part == "refuses":
        raise DataError("node 7 '/model.3/Conv' (Conv): unsupported")
    elif part == "breaks":
        raise RuntimeError("pybind11 said no")
    half.rename(request.plan)
    return BuildResult("8.6.0", round(total), 11)


def main() -> None:
    serve(build)
