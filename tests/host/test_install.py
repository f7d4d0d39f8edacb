from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from edge.core.config_file import load_config
from edge.core.errors import UnavailableError
from edge.host.install import (
    Interpreter,
    check_machine,
    install,
    run_command,
    uninstall,
    unit_files,
)

SYSTEM_PYTHON = Interpreter("/usr/bin/python3", "/usr", (3, 12))
PIP = ["ROOT/opt/edge/bin/python", "-m", "pip", "--disable-pip-version-check"]
UNITS = "etc/systemd/system/"
INSTALLED = {
    f"{UNITS}edge.service",
    f"{UNITS}edge-recover.service",
    f"{UNITS}edge-recalibrate.service",
    f"{UNITS}edge-recalibrate.timer",
    "etc/sysusers.d/edge.conf",
    "etc/tmpfiles.d/edge.conf",
    "etc/edge/edge.yaml",
    "opt/edge/pyvenv.cfg",
}


class Commands:
    """Writes down what would be run; an environment leaves its mark."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ran: list[list[str]] = []

    def __call__(self, command: Sequence[str]) -> None:
        self.ran.append([part.replace(str(self.root), "ROOT") for part in command])
        if "venv" in command:
            Path(command[-1]).mkdir(parents=True, exist_ok=True)
            version = ".".join(map(str, SYSTEM_PYTHON.version))
            Path(command[-1], "pyvenv.cfg").write_text(f"home = /usr/bin\nversion = {version}.7\n")

    def named(self, word: str) -> list[list[str]]:
        return [command for command in self.ran if word in command]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def commands(root: Path) -> Commands:
    return Commands(root)


def installed(root: Path, commands: Commands) -> list[str]:
    return list(install("edge-inspect==1.0", root, python=SYSTEM_PYTHON, run=commands))


def files_below(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_everything_is_put_where_it_belongs(root: Path, commands: Commands) -> None:
    told = installed(root, commands)
    assert files_below(root) == INSTALLED
    for name in ("edge.service", "edge-recover.service"):
        assert (root / UNITS / name).read_bytes() == (unit_files() / name).read_bytes()
    assert stat.S_IMODE((root / UNITS / "edge.service").stat().st_mode) == 0o644
    assert commands.ran == [
        ["/usr/bin/python3", "-m", "venv", "--clear", "ROOT/opt/edge"],
        [*PIP, "install", "--quiet", "edge-inspect==1.0"],
        ["systemd-sysusers", "--root=ROOT", "edge.conf"],
        ["systemd-tmpfiles", "--root=ROOT", "--create", "edge.conf"],
        ["systemctl", "--root=ROOT", "enable", "edge.service"],
    ]
    assert told[-2:] == [
        "enabled edge.service",
        "now: /opt/edge/bin/edge doctor; systemctl start edge",
    ]
    assert "wrote /etc/edge/edge.yaml: name your cameras there" in told


def test_installing_again_changes_nothing(root: Path, commands: Commands) -> None:
    installed(root, commands)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
    told = installed(root, commands)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()} == before
    assert not [line for line in told if line.startswith("wrote")]
    assert len(commands.named("venv")) == 1
    assert len(commands.named("pip")) == 2, "Edge itself may be newer"


def test_an_environment_of_another_python_is_made_anew(root: Path, commands: Commands) -> None:
    installed(root, commands)
    (root / "opt/edge/pyvenv.cfg").write_text("version = 3.10.12\n")
    installed(root, commands)
    assert len(commands.named("venv")) == 2


def test_on_a_jetson_jetpacks_packages_are_seen(root: Path, commands: Commands) -> None:
    release = root / "etc/nv_tegra_release"
    release.parent.mkdir(parents=True)
    release.write_text("# R36 (release)")
    told = installed(root, commands)
    assert commands.named("venv")[0][3:5] == ["--clear", "--system-site-packages"]
    assert "JetPack's packages visible" in told[0]


def test_an_edited_configuration_is_left_alone(root: Path, commands: Commands) -> None:
    installed(root, commands)
    config = root / "etc/edge/edge.yaml"
    config.write_text("cameras: []  # mine")
    installed(root, commands)
    assert config.read_text() == "cameras: []  # mine"
    told = list(uninstall(root, run=commands))
    assert config.read_text() == "cameras: []  # mine"
    assert "kept /etc/edge/edge.yaml (--purge removes it)" in told


def test_the_configuration_that_is_put_there_can_be_used(root: Path, commands: Commands) -> None:
    installed(root, commands)
    config = load_config(root / "etc/edge/edge.yaml")
    assert config.sinks.jsonl
    assert config.sinks.jsonl.path == Path("/var/lib/edge/results.jsonl")


def test_this_machines_gpu_is_named_to_the_units(root: Path, commands: Commands) -> None:
    for node in ("nvmap", "nvgpu/igpu0/ctrl", "nvhost-ctrl-gpu", "dri/renderD128", "sda", "video0"):
        (root / "dev" / node).parent.mkdir(parents=True, exist_ok=True)
        (root / "dev" / node).symlink_to("/dev/null")  # looks like a character device
    (root / "dev/nvidia-caps").mkdir()
    told = installed(root, commands)
    for unit in ("edge.service", "edge-recalibrate.service"):
        lines = (root / f"{UNITS}{unit}.d/10-devices.conf").read_text().splitlines()
        assert lines[1:] == [
            "[Service]",
            "DeviceAllow=/dev/dri/renderD128 rw",
            "DeviceAllow=/dev/nvgpu/igpu0/ctrl rw",
            "DeviceAllow=/dev/nvhost-ctrl-gpu rw",
            "DeviceAllow=/dev/nvmap rw",
        ]
        assert f"wrote /{UNITS}{unit}.d/10-devices.conf: 4 GPU devices" in told


def test_uninstalling_leaves_nothing_of_ours(root: Path, commands: Commands) -> None:
    (root / "dev").mkdir(parents=True)
    (root / "dev/nvmap").symlink_to("/dev/null")
    installed(root, commands)
    (root / "etc/edge/camera-secrets").touch()
    commands.ran.clear()
    list(uninstall(root, run=commands))
    assert files_below(root) == set()
    assert not (root / "etc/edge").exists()
    assert not (root / f"{UNITS}edge.service.d").exists()
    assert commands.ran[0][:3] == ["systemctl", "--root=ROOT", "disable"]
    assert list(uninstall(root, run=commands)) == [], "twice is as good as once"


def test_uninstalling_keeps_what_people_made(root: Path, commands: Commands) -> None:
    installed(root, commands)
    drop_in = root / f"{UNITS}edge.service.d/override.conf"
    (root / "var/lib/edge/models").mkdir(parents=True)
    drop_in.parent.mkdir()
    for mine in (drop_in, root / "etc/edge/camera-secrets", root / "var/lib/edge/results.jsonl"):
        mine.write_text("mine")
    told = list(uninstall(root, run=commands))
    assert files_below(root) == {
        f"{UNITS}edge.service.d/override.conf",
        "etc/edge/camera-secrets",
        "var/lib/edge/results.jsonl",
    }
    assert [line for line in told if line.startswith("kept")] == [
        "kept /etc/edge/camera-secrets (--purge removes it)",
        "kept /var/lib/edge (--purge removes it)",
    ]
    list(uninstall(root, purge=True, run=commands))
    assert files_below(root) == {f"{UNITS}edge.service.d/override.conf"}


def test_only_an_environment_is_removed_as_one(root: Path, commands: Commands) -> None:
    other = root / "opt/edge/precious"
    other.parent.mkdir(parents=True)
    other.touch()
    list(uninstall(root, run=commands))
    assert other.exists()


@pytest.mark.parametrize(
    ("python", "jetson", "word"),
    [
        (
            Interpreter("/usr/bin/python3.9", "/usr", (3, 9)),
            False,
            r"Python 3\.9 .* 3\.10 or newer",
        ),
        (Interpreter("/home/me/bin/python", "/home/me", (3, 11)), False, "hidden from the service"),
        (Interpreter("/usr/local/bin/python3", "/usr/local", (3, 11)), True, "JetPack's tensorrt"),
    ],
    ids=["too old", "in a home folder", "not JetPack's"],
)
def test_a_machine_that_cannot_serve_is_refused_before_anything_is_done(
    root: Path, commands: Commands, python: Interpreter, jetson: bool, word: str
) -> None:
    (root / "etc").mkdir(parents=True)
    if jetson:
        (root / "etc/nv_tegra_release").touch()
    before = files_below(root)
    with pytest.raises(UnavailableError, match=word):
        list(install("edge-inspect", root, python=python, run=commands))
    assert (files_below(root), commands.ran) == (before, [])


def test_only_root_installs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(UnavailableError, match="only root"):
        check_machine(Path("/"), SYSTEM_PYTHON)
    with pytest.raises(UnavailableError, match="only root"):
        list(uninstall())


@pytest.mark.skipif(Path("/run/systemd/system").is_dir(), reason="systemd runs this machine")
def test_without_systemd_there_is_nothing_to_install_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(UnavailableError, match="not started by systemd"):
        check_machine(Path("/"), SYSTEM_PYTHON)


@pytest.mark.parametrize(
    ("command", "word"),
    [
        (["no-such-program-here"], r"no-such-program-here: cannot be run \("),
        (["sh", "-c", "echo disk full >&2; exit 3"], r"sh -c .*: failed \(disk full\)"),
    ],
    ids=["missing", "failing"],
)
def test_a_command_that_fails_is_named_with_what_it_said(command: list[str], word: str) -> None:
    with pytest.raises(UnavailableError, match=word):
        run_command(command)


def test_a_real_environment_shows_the_systems_packages(root: Path) -> None:
    release = root / "etc/nv_tegra_release"
    release.parent.mkdir(parents=True)
    release.touch()

    def only_the_environment(command: Sequence[str]) -> None:
        if "venv" in command:
            run_command([*command[:-1], "--without-pip", command[-1]])

    python = Interpreter(sys.executable, "/usr", sys.version_info[:2])
    list(install("edge-inspect", root, python=python, run=only_the_environment))
    assert "include-system-site-packages = true" in (root / "opt/edge/pyvenv.cfg").read_text()
    run_command([str(root / "opt/edge/bin/python"), "-c", "import sys"])
    list(install("edge-inspect", root, python=python, run=Commands(root)))
    assert shutil.which("python", path=root / "opt/edge/bin"), "kept: it is of this Python"
