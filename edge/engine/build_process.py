"""Building in a process of its own: one that is killed leaves an error, and the old bundle."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

import edge
from edge.core import errors
from edge.core.errors import EdgeError, UnavailableError
from edge.engine.tensorrt_build import BuildRequest, BuildResult

_BOOT = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from importlib import import_module; import_module(sys.argv[2]).main()"
)
_TAIL_LINES = 5
_LIBRARIES_MB = 1200
"""What the process of a TensorRT 8.6 build holds besides graph and workspace: CUDA, TensorRT and
its kernels. An estimate; with less memory than that a build is sure to be killed."""


def run_build(
    request: BuildRequest,
    tensors: Iterable[NDArray[np.float32]] = (),
    *,
    time_limit_s: float = 7200.0,
    progress: Callable[[str], None] | None = None,
    child: str = "edge.engine.build_child",
) -> BuildResult:
    """Build a plan in a child process; one that runs out of memory is tried again with less.

    Args:
        request: what to build.
        tensors: for its calibrator, as many as ``request.images``, float32 (1, 3, H, W).
        time_limit_s: the child is killed after so many seconds.
        progress: told what the child says, a line at a time, from another thread.
        child: module whose ``main`` runs there.

    Raises:
        EdgeError: what the child raised, or what reading a tensor raised.
        UnavailableError: there is too little memory, or the child was killed; there is no plan.
    """
    free_mb = _refuse_without_memory(request)
    started = time.monotonic()
    try:
        answer = _Child(request, child, progress).run(tensors, time_limit_s)
        if _ran_out_of_memory(answer) and not request.images:  # images can be read only once
            less = replace(request, workspace_mb=max(1, request.workspace_mb // 4))
            if progress is not None:
                progress(f"out of memory: once more with a workspace of {less.workspace_mb} MiB")
            answer = _Child(less, child, progress).run((), time_limit_s)
    except BaseException:
        request.plan.unlink(missing_ok=True)
        raise
    finally:
        for left in request.plan.parent.glob(f".{request.plan.name}.*"):
            left.unlink(missing_ok=True)  # half a plan of a child that was killed
    if "result" in answer:
        return replace(BuildResult(**answer["result"]), seconds=time.monotonic() - started)
    request.plan.unlink(missing_ok=True)
    raise _error_from(answer["error"], request, free_mb)


class _Child:
    """The process, and the two threads that keep its pipes from filling up."""

    def __init__(
        self, request: BuildRequest, module: str, progress: Callable[[str], None] | None
    ) -> None:
        self._request = request
        self._progress = progress or (lambda line: None)
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._feed_error: Exception | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BOOT, str(Path(edge.__file__).parent.parent), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, tensors: Iterable[NDArray[np.float32]], time_limit_s: float) -> dict[str, Any]:
        """The child's answer, or why there is none; the child is gone afterwards."""
        process = self._process
        assert process.stdin
        assert process.stdout
        assert process.stderr
        threads = [
            threading.Thread(target=self._feed, args=(process.stdin, tensors)),
            threading.Thread(target=self._listen, args=(process.stderr,)),
        ]
        for thread in threads:
            thread.start()
        try:
            code = process.wait(time_limit_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            process.kill()
            process.wait()
            for thread in threads:
                thread.join()
            answer = process.stdout.read()
            process.stdout.close()
            process.stderr.close()
        if self._feed_error is not None:
            raise self._feed_error
        return self._understood(code, answer, time_limit_s)

    def _understood(self, code: int | None, answer: bytes, time_limit_s: float) -> dict[str, Any]:
        if code is None:
            text = f"it was stopped after {time_limit_s:g} s (the time limit)"
            return {"error": {"kind": "TimeoutExpired", "text": text}}
        try:
            understood: dict[str, Any] = json.loads(answer)
        except ValueError:
            kind = "MemoryError" if code == -signal.SIGKILL else "crash"
            text = f"it was ended by {_ending(code)}: {' | '.join(self._tail) or 'no last words'}"
            return {"error": {"kind": kind, "text": text}}
        return understood

    def _feed(self, pipe: IO[bytes], tensors: Iterable[NDArray[np.float32]]) -> None:
        with suppress(BrokenPipeError), pipe:
            pipe.write(self._request.to_json().encode() + b"\n")
            try:
                for tensor in tensors:
                    pipe.write(json.dumps(tensor.shape).encode() + b"\n")
                    pipe.write(np.ascontiguousarray(tensor, np.float32).data)
            except BrokenPipeError:
                raise
            except Exception as error:  # an image that cannot be read: raised by run()
                self._feed_error = error

    def _listen(self, pipe: IO[bytes]) -> None:
        for line in pipe:
            text = line.decode(errors="replace").strip()
            self._tail.append(text)
            self._progress(text)


def _refuse_without_memory(request: BuildRequest) -> float | None:
    """Memory that is free, MB; None where the system does not tell."""
    free_mb = _available_mb()
    model_mb = request.model.stat().st_size / 1e6 if request.model.exists() else 0.0
    # The builder holds the weights about four times: file, graph, candidates, plan.
    needed_mb = _LIBRARIES_MB + 4 * model_mb + request.workspace_mb
    if free_mb is not None and free_mb < needed_mb:
        raise UnavailableError(
            f"{request.model}: a build needs about {needed_mb:.0f} MB of memory, {free_mb:.0f} MB "
            "are free. Close other programs, add swap, or give it a smaller workspace"
        )
    return free_mb


def _ran_out_of_memory(answer: dict[str, Any]) -> bool:
    return bool(answer.get("error", {}).get("kind") == "MemoryError")


def _available_mb() -> float | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    kib = next((int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), None)
    return None if kib is None else kib * 1024 / 1e6


def _error_from(error: dict[str, str], request: BuildRequest, free_mb: float | None) -> EdgeError:
    kind, text = error["kind"], error["text"]
    known = getattr(errors, kind, None)
    if isinstance(known, type) and issubclass(known, EdgeError):
        raised: EdgeError = known(text)
        return raised
    if kind == "MemoryError":
        free = "" if free_mb is None else f" ({free_mb:.0f} MB were free before)"
        text = (
            f"the build ran out of memory{free}: {text}. Close other programs, add swap, or give "
            "it a smaller workspace"
        )
    elif kind == "TimeoutExpired":
        text = f"{text}. Allow more time, or a lower optimisation level"
    else:
        text = f"the build failed: {kind}: {text}"
    return UnavailableError(f"{request.model}: {text}. Nothing was published")


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"
