"""What pip is asked for: small, and never what JetPack brings itself."""

from __future__ import annotations

import importlib.metadata

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

JETPACK_6 = {"platform_release": "5.15.148-tegra", "python_version": "3.10"}
JETPACK_7 = {"platform_release": "6.8.12-tegra", "python_version": "3.12"}
DEBIAN = {"platform_release": "6.1.0-13-amd64", "python_version": "3.11"}
NOBODY_ASKED = {"torch", "torchvision", "ultralytics", "ultralytics-opencv-headless", "tensorrt"}


def asked_for(machine: dict[str, str], extra: str = "") -> dict[str, SpecifierSet]:
    """Every package that pip would install there, with all that is asked of its version."""
    asked: dict[str, SpecifierSet] = {}
    for requirement in map(Requirement, importlib.metadata.requires("edge-inspect") or ()):
        marker = requirement.marker
        if marker is None or marker.evaluate({**machine, "extra": extra}):
            name = canonicalize_name(requirement.name)
            asked[name] = asked.get(name, SpecifierSet()) & requirement.specifier
    return asked


@pytest.mark.parametrize("machine", [JETPACK_6, JETPACK_7], ids=["JetPack 6", "JetPack 7"])
@pytest.mark.parametrize("extra", ["", "export", "test"])
def test_on_a_jetson_pip_brings_neither_opencv_nor_tensorrt(
    machine: dict[str, str], extra: str
) -> None:
    names = asked_for(machine, extra)
    assert not [name for name in names if "opencv" in name or "tensorrt" in name]


def test_jetpack_6_keeps_the_numpy_its_libraries_were_built_with() -> None:
    assert "2.0.0" not in asked_for(JETPACK_6)["numpy"]
    assert "2.2.0" in asked_for(JETPACK_7)["numpy"]


def test_elsewhere_opencv_comes_headless_and_without_a_window_library() -> None:
    assert "opencv-python-headless" in asked_for(DEBIAN)
    assert "opencv-python" not in asked_for(DEBIAN)


@pytest.mark.parametrize("extra", ["", "test"])
def test_neither_running_nor_testing_pulls_in_pytorch_or_tensorrt(extra: str) -> None:
    assert not NOBODY_ASKED & asked_for(DEBIAN, extra).keys()
