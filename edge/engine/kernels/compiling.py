"""From CUDA source to machine code for one kind of GPU, when a bundle is built."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from edge.core.errors import DataError, MissingLibraryError, UnavailableError

SOURCES = Path(__file__).parent
"""Where the ``.cu`` files lie."""
FLAGS = ("-O3", "--fmad=false")
"""Without fused multiply-add, so that every float is that of the CPU's reference."""

_TOOLKIT = Path("/usr/local/cuda/bin")
_TIME_LIMIT_S = 300.0
_REMEDY = (
    "On a Jetson: sudo apt-get install nvidia-cuda-dev build-essential, and see that "
    "/usr/local/cuda/bin/nvcc exists. Only building needs it; the service does not"
)


def kernels_id(compute_capability: str) -> str:
    """SHA-256 of all that decides what the kernels do; equal: an old bundle's can be reused."""
    digest = hashlib.sha256(" ".join((_architecture(compute_capability), *FLAGS)).encode())
    for path in sorted(SOURCES.glob("*.cu")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def compile_kernels(compute_capability: str) -> bytes:
    """The kernels as a cubin, which runs on GPUs of this compute capability, e.g. ``8.7``.

    Raises:
        MissingLibraryError: there is no ``nvcc``.
        DataError: what was given is no compute capability.
        UnavailableError: ``nvcc`` failed; the message holds its last lines.
    """
    compiler = find_compiler()
    with TemporaryDirectory(prefix="edge-kernels-") as folder:
        target = Path(folder) / "edge.cubin"
        command = [compiler, "-cubin", f"-arch={_architecture(compute_capability)}", *FLAGS]
        _run([*command, "-o", str(target), str(SOURCES / "edge.cu")])
        return target.read_bytes()


def find_compiler() -> str:
    """Where ``nvcc`` is.

    Raises:
        MissingLibraryError: there is none.
    """
    compiler = shutil.which("nvcc") or shutil.which("nvcc", path=str(_TOOLKIT))
    if compiler is None:
        raise MissingLibraryError(
            f"CUDA's compiler nvcc is neither in PATH nor in {_TOOLKIT}. {_REMEDY}"
        )
    return compiler


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_TIME_LIMIT_S)
    except subprocess.CalledProcessError as error:
        said = (error.stderr + error.stdout).decode(errors="replace").strip().splitlines()
        raise UnavailableError(
            f"{' '.join(command)} failed: {' | '.join(said[-3:])}. {_REMEDY}"
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"{command[0]} cannot be run: {error}. {_REMEDY}") from error


def _architecture(compute_capability: str) -> str:
    major, dot, minor = compute_capability.partition(".")
    if not (major.isdecimal() and dot and minor.isdecimal()):
        raise DataError(f"a compute capability looks like '8.7', not {compute_capability!r}")
    return f"sm_{major}{minor}"
