"""The child process that builds: a request on standard input, then its calibration tensors.

The first line is a :class:`~edge.engine.tensorrt_build.BuildRequest`; what follows are
``request.images`` tensors, one after the other, as raw float32. The last line of standard output
is one JSON object: ``{"result": {...}}`` or ``{"error": {"kind": "DataError", "text": "..."}}``.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from edge.core.errors import DataError
from edge.engine.tensorrt_build import BuildRequest, BuildResult, build_plan

_PR_SET_PDEATHSIG = 1  # prctl(2)

Build = Callable[[BuildRequest, Iterable[NDArray[np.float32]]], BuildResult]


def main() -> None:
    """Build with TensorRT."""
    serve(build_plan)


def serve(build: Build) -> None:
    """Run one build and tell how it ended. Does not return."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # nobody would read the result
    with suppress(OSError):  # when memory runs out the kernel ends this, and not the service
        Path("/proc/self/oom_score_adj").write_text("500")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which kills us
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # a library that prints cannot break the protocol
    try:
        request = BuildRequest.from_json(sys.stdin.buffer.readline().decode())
        answer = {"result": asdict(build(request, _tensors(sys.stdin.buffer, request.images)))}
    except MemoryError:
        answer = {"error": {"kind": "MemoryError", "text": "out of memory"}}
    except Exception as error:
        answer = {"error": {"kind": type(error).__name__, "text": str(error)}}
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
    os._exit(0)  # a library's own clean-up may hang


def _tensors(source: IO[bytes], images: int) -> Iterator[NDArray[np.float32]]:
    """The tensors that follow the request: a line with the shape, then the numbers."""
    for number in range(images):
        line = source.readline()
        if not line:
            raise DataError(f"only {number} of {images} calibration tensors arrived")
        shape = tuple(json.loads(line))
        content = source.read(int(np.prod(shape)) * 4)
        if len(content) != int(np.prod(shape)) * 4:
            raise DataError(f"calibration tensor {number} broke off")
        sys.stderr.write(f"calibrating: {number + 1} of {images}\n")
        sys.stderr.flush()
        yield np.frombuffer(content, np.float32).reshape(shape)


if __name__ == "__main__":
    main()
