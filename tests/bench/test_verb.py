from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edge import app
from edge.cli.verbs import cli

ROWS = [
    {
        "name": "PyTorch fp32, best.pt",
        "reason": "PyTorch is not installed",
        "end_to_end_fps": None,
        "spread": None,
        "engine_only_fps": None,
        "memory_mb": None,
        "faster": None,
        "memory": None,
    },
    {
        "name": "ONNX Runtime fp32",
        "reason": "",
        "end_to_end_fps": 20.0,
        "spread": 0.02,
        "engine_only_fps": 21.0,
        "memory_mb": 400.0,
        "faster": None,
        "memory": None,
    },
    {
        "name": "ONNX Runtime int8",
        "reason": "",
        "end_to_end_fps": 30.0,
        "spread": 0.01,
        "engine_only_fps": 31.0,
        "memory_mb": 200.0,
        "faster": 1.5,
        "memory": 0.5,
    },
]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["bench", *arguments])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the verb asked for; it is told ``ROWS``."""
    calls: list[Any] = []

    def table(models: Any, source: str, seconds: float, progress: Any) -> dict[str, Any]:
        calls.append((models, source, seconds))
        return {"rows": ROWS}

    monkeypatch.setattr(app, "bench_table", table)
    return calls


def test_the_table_shows_what_each_form_brings_and_what_did_not_run(asked: list[Any]) -> None:
    shown = run("--table", "best.pt", "--table", "models/current", "--seconds", "9").output
    assert asked == [((Path("best.pt"), Path("models/current")), "pattern://?size=1280x720", 9.0)]
    assert "x 1.50" in shown
    assert "x 0.50" in shown
    assert "not measured: PyTorch fp32, best.pt: PyTorch is not installed" in shown


def test_the_table_as_json_is_whole(asked: list[Any]) -> None:
    assert json.loads(run("--table", "m.onnx", "--json", "-").output) == {"rows": ROWS}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--table", "m.onnx", "--against", "n.onnx"],
        ["--table", "m.onnx", "--viewers", "3"],
        ["--against", "m.onnx", "--viewers", "3"],
    ],
    ids=["table and comparison", "table and viewers", "comparison and viewers"],
)
def test_only_one_thing_is_measured_at_a_time(arguments: list[str], asked: list[Any]) -> None:
    result = run(*arguments)
    assert result.exit_code != 0
    assert "one at a time" in result.output
    assert asked == []
