from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import edge.engine
from edge.core.errors import MissingLibraryError, UnavailableError
from edge.engine.tensorrt_api import describe, load_tensorrt, version_numbers

SURFACES = Path(__file__).parent / "trt_api"
"""The public names of each TensorRT, read off the vendor's own bindings: {class: [members]}."""
VERSIONS = sorted(path.stem for path in SURFACES.glob("*.json"))
SOURCES = sorted(Path(edge.engine.__path__[0]).glob("*.py"))

OBJECTS = {
    "builder": "Builder",
    "config": "IBuilderConfig",
    "network": "INetworkDefinition",
    "parser": "OnnxParser",
    "problem": "ParserError",
    "profile": "IOptimizationProfile",
    "inspector": "EngineInspector",
    "engine": "ICudaEngine",
    "_runtime": "Runtime",
    "_engine": "ICudaEngine",
    "_context": "IExecutionContext",
    "context": "IExecutionContext",
    "flag": "BuilderFlag",
    "source": "TacticSource",
    "base": "ILogger",
}
"""What the variables of these names hold, in the files about TensorRT."""
FEATURES = {
    "weakly_typed": {("BuilderFlag", "FP16"), ("BuilderFlag", "INT8")},
    "has_calibrators": {
        ("IBuilderConfig", "int8_calibrator"),
        ("IBuilderConfig", "set_calibration_profile"),
        ("IInt8EntropyCalibrator2", ""),
        ("IInt8MinMaxCalibrator", ""),
    },
}
"""Names that are only used where a version offers the feature."""
ASKED_FOR = {
    ("NetworkDefinitionCreationFlag", "EXPLICIT_BATCH"),
    ("NetworkDefinitionCreationFlag", "STRONGLY_TYPED"),
    ("TacticSource", "CUBLAS"),
}
"""Names whose presence is asked for where they are used."""


def surface(version: str) -> ModuleType:
    """A module that has exactly the names of this TensorRT."""
    module: Any = ModuleType("tensorrt_rtx" if version.startswith("rtx") else "tensorrt")
    module.__version__ = version.removeprefix("rtx-")
    for name, members in json.loads((SURFACES / f"{version}.json").read_text()).items():
        setattr(module, name, type(name, (), {m: n for n, m in enumerate(members or ())}))
    return module


def names_used() -> set[tuple[str, str]]:
    """Every (class, member) of TensorRT in the source, and (class, "") for the class itself."""
    sources = [path for path in SOURCES if path.stem.startswith(("tensorrt", "calibrator"))]
    found: set[tuple[str, str]] = set()
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                found.update(_used(node))
            elif isinstance(node, ast.Constant) and str(node.value).startswith("IInt8"):
                found.add((str(node.value), ""))
    return found


def _used(node: ast.Attribute) -> Iterator[tuple[str, str]]:
    holder = node.value
    if isinstance(holder, ast.Attribute) and _is_module(holder.value):
        yield holder.attr, node.attr
    if _is_module(holder) and not node.attr.startswith("__"):
        yield node.attr, ""
    name = holder.id if isinstance(holder, ast.Name) else getattr(holder, "attr", "")
    if name in OBJECTS and not (name == "_engine" and isinstance(holder, ast.Name)):
        kind = OBJECTS[name]
        yield ("NetworkDefinitionCreationFlag" if _creates(node) else kind), node.attr


def _is_module(node: ast.expr) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr == "module") or (
        isinstance(node, ast.Name) and node.id == "module"
    )


def _creates(node: ast.Attribute) -> bool:
    return node.attr in ("EXPLICIT_BATCH", "STRONGLY_TYPED")


def _exists(module: ModuleType, kind: str, member: str) -> bool:
    return hasattr(module, kind) and (not member or hasattr(getattr(module, kind), member))


def test_the_source_is_read_well_enough_to_find_what_it_uses() -> None:
    used = names_used()
    assert {
        ("Builder", "build_serialized_network"),
        ("IBuilderConfig", "set_timing_cache"),
        ("BuilderFlag", "INT8"),
        ("MemoryPoolType", "WORKSPACE"),
        ("IExecutionContext", "execute_async_v3"),
        ("IExecutionContext", "set_tensor_address"),
        ("IExecutionContext", "set_input_shape"),
        ("IBuilderConfig", "set_preview_feature"),
        ("ICudaEngine", "get_tensor_profile_shape"),
        ("ParserError", "node"),
        ("ILogger", "INTERNAL_ERROR"),
        ("IInt8EntropyCalibrator2", ""),
    } <= used
    assert len(used) > 50


@pytest.mark.parametrize("version", VERSIONS)
def test_every_name_used_exists_in_this_version_or_is_guarded(version: str) -> None:
    module = surface(version)
    trt = describe(module)
    off = set(ASKED_FOR)
    for feature, names in FEATURES.items():
        if not getattr(trt, feature):
            off |= names
    missing = {name for name in names_used() - off if not _exists(module, *name)}
    assert not missing


def test_every_guard_is_needed_by_some_version() -> None:
    surfaces = [surface(version) for version in VERSIONS]
    for kind, member in set.union(ASKED_FOR, *FEATURES.values()):
        assert not all(_exists(module, kind, member) for module in surfaces), (kind, member)


@pytest.mark.parametrize(
    ("version", "weak", "calibrators", "name", "flag"),
    [
        ("8.6.0", True, True, "TensorRT 8.6.0", "EXPLICIT_BATCH"),
        ("10.3.0", True, True, "TensorRT 10.3.0", "EXPLICIT_BATCH"),
        ("10.16.1.11", True, True, "TensorRT 10.16.1.11", "EXPLICIT_BATCH"),
        ("11.4.0.106", False, False, "TensorRT 11.4.0.106", "STRONGLY_TYPED"),
        ("rtx-1.4.0.76", False, False, "TensorRT-RTX 1.4.0.76", "STRONGLY_TYPED"),
    ],
)
def test_a_version_is_known_by_what_it_offers(
    version: str, weak: bool, calibrators: bool, name: str, flag: str
) -> None:
    module = surface(version)
    trt = describe(module)
    assert (trt.weakly_typed, trt.has_calibrators, trt.name) == (weak, calibrators, name)
    assert trt.network_flags() == 1 << getattr(module.NetworkDefinitionCreationFlag, flag)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("8.6.0", (8, 6, 0)),
        ("10.16.2.10+cuda13", (10, 16, 2, 10)),
        ("8.5.3.1", (8, 5, 3, 1)),
        ("11.0rc1", (11, 0)),
        ("dev", ()),
    ],
)
def test_versions_are_numbers_and_not_text(text: str, numbers: tuple[int, ...]) -> None:
    assert version_numbers(text) == numbers


def test_without_tensorrt_the_remedy_is_jetpack_and_never_pip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("tensorrt", "tensorrt_rtx"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingLibraryError, match=r"apt-get install python3-libnvinfer \(never"):
        load_tensorrt()


def test_a_gpu_without_fast_int8_is_asked_and_not_assumed() -> None:
    trt = describe(surface("8.6.0"))

    class Builder:
        platform_has_fast_int8 = False
        platform_has_fast_fp16 = True

    trt.refuse_unsupported(Builder(), int8=False, fp16=True)
    with pytest.raises(UnavailableError, match="no fast INT8"):
        trt.refuse_unsupported(Builder(), int8=True, fp16=True)


def test_a_library_that_cannot_start_says_why() -> None:
    module: Any = surface("8.6.0")

    class Builder:
        def __init__(self, logger: Any) -> None:
            logger.log(module.ILogger.WARNING, "CUDA initialization failure with error: 35")
            raise TypeError("pybind11::init(): factory function returned nullptr")

    module.ILogger = type(  # its real constructor takes the object that TensorRT calls back
        "ILogger",
        (),
        {"INTERNAL_ERROR": 0, "ERROR": 1, "WARNING": 2, "__init__": lambda self: None},
    )
    module.Builder = Builder
    trt = describe(module)
    with pytest.raises(UnavailableError, match="CUDA initialization failure with error: 35"):
        trt.start("Builder", trt.log())
