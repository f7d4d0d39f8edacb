"""Edge as a service of this machine: put there, and taken away again. Both may be repeated."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from edge.core.errors import UnavailableError

Command = Callable[[Sequence[str]], None]

UNITS = ("edge.service", "edge-recover.service", "edge-recalibrate.service")
TIMERS = ("edge-recalibrate.timer",)
_PLACES = {
    **{unit: f"etc/systemd/system/{unit}" for unit in (*UNITS, *TIMERS)},
    "edge.sysusers.conf": "etc/sysusers.d/edge.conf",
    "edge.tmpfiles.conf": "etc/tmpfiles.d/edge.conf",
}
_ENVIRONMENT = "opt/edge"
_CONFIG = "etc/edge/edge.yaml"
_SECRETS = "etc/edge/camera-secrets"
_STATE = "var/lib/edge"
_DEVICE_UNITS = ("edge.service", "edge-recalibrate.service")
_DEVICES = "10-devices.conf"
# What CUDA, TensorRT and the hardware's decoder open, on JetPack 5 to 7 and on a PC.
_GPU_NODES = (
    "nvmap",
    "nvgpu/**/*",
    "nvhost-*",
    "nvidia*",
    "nvidia-caps/*",
    "nvsciipc",
    "host1x-fence",
    "v4l2-nv*",
    "dri/renderD*",
    "dma_heap/*",
)
_HIDDEN = ("/home/", "/root/", "/run/user/")  # from the service, by ProtectHome=yes


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The Python that the service's environment is made from.

    Attributes:
        path: what to run.
        prefix: of the installation it belongs to, not of a virtual environment.
        version: major and minor.
    """

    path: str
    prefix: str
    version: tuple[int, int]

    @classmethod
    def running(cls) -> Interpreter:
        """The one that runs this."""
        return cls(sys.executable, sys.base_prefix, sys.version_info[:2])


def run_command(command: Sequence[str]) -> None:
    """Run to the end.

    Raises:
        UnavailableError: it cannot be run, or failed; with what it said.
    """
    try:
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            errors="replace",
            umask=0o022,  # whatever root's own is: the service has to read its environment
        )
    except OSError as error:
        raise UnavailableError(f"{command[0]}: cannot be run ({error.strerror})") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip() or error.stdout.strip()
        raise UnavailableError(f"{' '.join(command)}: failed ({said})") from error


def install(
    package: str,
    root: Path = Path("/"),
    *,
    source: Path | None = None,
    python: Interpreter | None = None,
    run: Command = run_command,
) -> Iterator[str]:
    """Set up user, folders, environment, configuration and units; enables, but does not start.

    Nothing is done before the first line is asked for; an edited configuration is left alone.

    Args:
        package: what pip installs: a folder, a wheel, or a name with its version.
        root: root of the file system; another one than ``/`` is prepared, not run.
        source: folder with the units, by default those that come with Edge.
        python: makes the environment, by default the one that runs this.
        run: runs a command.

    Yields:
        What was done, a line each.

    Raises:
        UnavailableError: this machine cannot run the service, or a command failed.
    """
    source = source or unit_files()
    python = python or Interpreter.running()
    check_machine(root, python)
    yield _make_environment(root, python, package, run)
    for name, place in _PLACES.items():
        if _place(root / place, (source / name).read_bytes()):
            yield f"wrote /{place}"
    yield from _allow_devices(root)
    here = _root_option(root)
    run(["systemd-sysusers", *here, "edge.conf"])  # by name: a path would not be below the root
    if not (root / _CONFIG).exists():
        _place(root / _CONFIG, (source / "edge.yaml").read_bytes())
        yield f"wrote /{_CONFIG}: name your cameras there"
    run(["systemd-tmpfiles", *here, "--create", "edge.conf"])
    run(["systemctl", *here, "enable", "edge.service"])
    if not here:
        run(["systemctl", "daemon-reload"])
        run(["systemctl", "try-restart", "edge.service"])
    yield "enabled edge.service"
    yield f"now: /{_ENVIRONMENT}/bin/edge doctor; systemctl start edge"


def uninstall(
    root: Path = Path("/"),
    *,
    source: Path | None = None,
    purge: bool = False,
    run: Command = run_command,
) -> Iterator[str]:
    """Stop the service and remove what ``install`` made; what people made stays unless ``purge``.

    Yields:
        What was removed, and what stays, a line each.

    Raises:
        UnavailableError: not root, or a command failed.
    """
    source = source or unit_files()
    _require_root(root)
    here = _root_option(root)
    units = [unit for unit in (*UNITS, *TIMERS) if (root / _PLACES[unit]).exists()]
    if units:
        run(["systemctl", *here, "disable", *([] if here else ["--now"]), *units])
    for place in [*_PLACES.values(), *(_drop_in(unit) for unit in _DEVICE_UNITS)]:
        if _remove(root / place):
            yield f"removed /{place}"
    if (root / _ENVIRONMENT / "pyvenv.cfg").exists():
        shutil.rmtree(root / _ENVIRONMENT)
        yield f"removed /{_ENVIRONMENT}"
    if not here:
        run(["systemctl", "daemon-reload"])
    yield from _remove_what_people_made(root, source, purge)


def check_machine(root: Path, python: Interpreter) -> None:
    """Refuse a machine that cannot run the service.

    Raises:
        UnavailableError: what is missing, and what to do.
    """
    _require_root(root)
    if python.version < (3, 10):
        found = ".".join(map(str, python.version))
        raise UnavailableError(f"Python {found} at {python.path}: 3.10 or newer is needed")
    if not (root / "run/systemd/system").is_dir() and not _root_option(root):
        raise UnavailableError(
            "this machine was not started by systemd (no /run/systemd/system), so there is nothing "
            "to install a service into. Run it by hand: edge run -c edge.yaml"
        )
    if f"{python.prefix}/".startswith(_HIDDEN):
        raise UnavailableError(
            f"{python.prefix}: home folders are hidden from the service, and so is this Python. "
            "Use the system's own: make PYTHON=/usr/bin/python3 install"
        )
    if is_jetson(root) and python.prefix != "/usr":
        raise UnavailableError(
            f"{python.prefix}: JetPack's tensorrt belongs to the Python of /usr. "
            "Use that one: make PYTHON=/usr/bin/python3 install"
        )


def is_jetson(root: Path = Path("/")) -> bool:
    """Whether JetPack's system packages are here, which the environment has to show."""
    kernel = platform.release() if root == Path("/") else ""
    return kernel.endswith("-tegra") or (root / "etc/nv_tegra_release").exists()


def unit_files() -> Path:
    """The units: from the wheel, or from ``systemd/`` of a checkout."""
    packaged = Path(str(files("edge") / "assets" / "systemd"))
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "systemd"


def _require_root(root: Path) -> None:
    if os.geteuid() != 0 and not _root_option(root):
        raise UnavailableError("only root may change this machine's services. Run it with sudo")


def _root_option(root: Path) -> list[str]:
    return [] if root == Path("/") else [f"--root={root}"]


def _make_environment(root: Path, python: Interpreter, package: str, run: Command) -> str:
    """Kept when it is of this Python; made anew after the system's Python has changed."""
    folder = root / _ENVIRONMENT
    jetson = is_jetson(root)
    if not _is_of(folder, python):
        shown = ["--system-site-packages"] if jetson else []
        run([python.path, "-m", "venv", "--clear", *shown, str(folder)])
    pip = [str(folder / "bin/python"), "-m", "pip", "--disable-pip-version-check"]
    run([*pip, "install", "--quiet", package])
    seen = ", JetPack's packages visible" if jetson else ""
    return f"environment /{_ENVIRONMENT} with {package}{seen}"


def _is_of(environment: Path, python: Interpreter) -> bool:
    config = environment / "pyvenv.cfg"
    lines = config.read_text().splitlines() if config.exists() else []
    settings = dict(line.replace(" ", "").partition("=")[::2] for line in lines)
    return settings.get("version", "").split(".")[:2] == [str(n) for n in python.version]


def _allow_devices(root: Path) -> Iterator[str]:
    """Name this machine's GPU nodes to the units: systemd takes no patterns for single nodes."""
    found = {node for pattern in _GPU_NODES for node in (root / "dev").glob(pattern)}
    nodes = sorted(f"/{node.relative_to(root)}" for node in found if node.is_char_device())
    if not nodes:
        return
    text = "# Made by edge install from the nodes that are here; made again by the next one.\n"
    text += "[Service]\n" + "".join(f"DeviceAllow={node} rw\n" for node in nodes)
    for unit in _DEVICE_UNITS:
        if _place(root / _drop_in(unit), text.encode()):
            yield f"wrote /{_drop_in(unit)}: {len(nodes)} GPU devices"


def _drop_in(unit: str) -> str:
    return f"etc/systemd/system/{unit}.d/{_DEVICES}"


def _remove_what_people_made(root: Path, source: Path, purge: bool) -> Iterator[str]:
    config, secrets = root / _CONFIG, root / _SECRETS
    if purge or (config.exists() and config.read_bytes() == (source / "edge.yaml").read_bytes()):
        config.unlink(missing_ok=True)
    if purge or (secrets.exists() and not secrets.stat().st_size):
        secrets.unlink(missing_ok=True)
    if purge:
        shutil.rmtree(root / _STATE, ignore_errors=True)
    with suppress(OSError):  # there is something else in it
        config.parent.rmdir()
    for place in (_CONFIG, _SECRETS, _STATE):
        if (root / place).exists():
            yield f"kept /{place} (--purge removes it)"


def _place(path: Path, content: bytes) -> bool:
    """Write a file in one step, safe against a power cut; False when it is the same already."""
    with suppress(OSError):
        if path.read_bytes() == content:
            return False
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("wb") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    if path.name == _DEVICES:
        with suppress(OSError):  # a person's own drop-ins are in it
            path.parent.rmdir()
    return True
