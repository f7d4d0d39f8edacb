"""The shape of the house, checked by machine."""

from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import edge

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for path in (ROOT / "edge").rglob("*.py") if "node_modules" not in path.parts)
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(edge.__path__, "edge.")
    if not module.name.endswith("__main__")
)
OPTIONAL = ("tensorrt", "pycuda", "gi", "ultralytics", "torch")


def test_imports_go_down_only_and_each_vendor_library_has_its_room() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_module_imports_without_gpu_gstreamer_or_ultralytics() -> None:
    code = (
        "import importlib, sys\n"
        f"sys.modules.update(dict.fromkeys({OPTIONAL!r}))\n"
        f"for name in {MODULES!r}: importlib.import_module(name)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_exceeds_300_lines_and_no_function_50(source: Path) -> None:
    text = source.read_text()
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1 if ast.get_docstring(node) and len(node.body) > 1 else 0]
            assert (node.end_lineno or 0) - first.lineno < 50, f"{node.name} is too long"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is_for(source: Path) -> None:
    assert ast.get_docstring(ast.parse(source.read_text())), f"{source} has no docstring"
