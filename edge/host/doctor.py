"""What ``edge doctor`` looks at on the machine itself, each finding with its remedy."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from edge.core.types import Check
from edge.host.jetson import power_checks, read_health

LOW_DISK_GB = 2.0
LOW_MEMORY_GB = 2.0
_REQUIRED = ("numpy", "onnx", "onnxruntime", "av", "pydantic", "PyYAML", "starlette", "uvicorn")


def machine_checks(folder: Path, port: int, root: Path = Path("/")) -> Iterator[Check]:
    """Look at Python, libraries, disk, memory, the web port and, on a Jetson, JetPack.

    Args:
        folder: where results and models are written.
        port: of the live view, on loopback.
        root: root of the file system whose ``proc`` and ``etc`` are read.
    """
    yield _python()
    yield _libraries()
    yield _disk(folder)
    yield _memory(root)
    yield _port(port)
    yield from _jetson(root)


def _python() -> Check:
    version = platform.python_version()
    return Check(
        "python",
        sys.version_info >= (3, 10),
        f"{version} at {sys.executable}",
        "" if sys.version_info >= (3, 10) else "install Python 3.10 or newer",
    )


def _libraries() -> Check:
    missing = [name for name in _REQUIRED if not _version(name)]
    if importlib.util.find_spec("cv2") is None:
        missing.append("cv2 (OpenCV)")
    if missing:
        return Check(
            "libraries", False, f"missing: {', '.join(missing)}", "pip install edge-inspect"
        )
    return Check("libraries", True, ", ".join(f"{name} {_version(name)}" for name in _REQUIRED))


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _disk(folder: Path) -> Check:
    free_gb = shutil.disk_usage(folder).free / 1e9
    ok = free_gb >= LOW_DISK_GB
    remedy = "" if ok else f"free some space; under {LOW_DISK_GB:g} GB builds and logs fail"
    return Check("disk", ok, f"{free_gb:.1f} GB free in {folder.resolve()}", remedy)


def _memory(root: Path) -> Check:
    """Available memory, from ``/proc/meminfo`` (kB there are KiB)."""
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
        kib = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return Check("memory", True, "unknown: /proc/meminfo cannot be read")
    available_gb = kib * 1024 / 1e9
    ok = available_gb >= LOW_MEMORY_GB
    remedy = "" if ok else "stop other programs, or add swap before building an engine"
    return Check("memory", ok, f"{available_gb:.1f} GB available", remedy)


def _port(port: int) -> Check:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            remedy = f"stop what uses it (ss -ltnp 'sport = :{port}'), or choose another: --port"
            return Check("web port", False, f"127.0.0.1:{port}: {error.strerror}", remedy)
    return Check("web port", True, f"127.0.0.1:{port} is free")


def _jetson(root: Path) -> Iterator[Check]:
    """On a Jetson: heat, power, and JetPack's ``tensorrt`` and ``cv2``, not shadowed by pip's."""
    try:
        model = (root / "proc/device-tree/model").read_text().rstrip("\0\n")
    except OSError:
        yield Check("jetson", True, f"not a Jetson ({platform.machine()})")
        return
    release = root / "etc/nv_tegra_release"
    found = release.read_text().splitlines()[0] if release.is_file() else "no /etc/nv_tegra_release"
    yield Check("jetson", True, f"{model}; {found}")
    for module, package in (("tensorrt", "python3-libnvinfer"), ("cv2", "python3-opencv")):
        yield _from_jetpack(module, package)
    yield from power_checks(read_health(root))


def _from_jetpack(module: str, package: str) -> Check:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        remedy = (
            f"sudo apt-get install {package}, and make the environment with --system-site-packages"
        )
        return Check(module, False, "not found", remedy)
    if spec.origin.startswith(sys.prefix):
        remedy = f"pip uninstall the package that brought {module}; JetPack's own must be used"
        return Check(module, False, f"{spec.origin} hides JetPack's", remedy)
    return Check(module, True, spec.origin)
