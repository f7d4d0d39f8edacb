from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from edge.core.build import BuildReport, Precision, Rung, Score
from edge.core.errors import UnavailableError
from edge.report.build_json import plain, summary, write_json
from tests.report.builds import BAD, agreement, build, rung

LADDER = (
    rung("int8 entropy", BAD, passed=False),
    rung("int8 minmax"),
    Rung("int8 mse", Precision.INT8, None, False, "could not be made: disk full"),
)


def test_the_whole_report_survives_the_way_through_a_file(tmp_path: Path) -> None:
    report = build(*LADDER, published="int8 minmax")
    write_json(report, tmp_path / "report.json")
    read = json.loads((tmp_path / "report.json").read_text())
    assert read == plain(report)
    assert list(read) == [field.name for field in dataclasses.fields(BuildReport)]
    assert read["precision"] == "int8"
    assert read["ladder"][1]["score"]["agreement"]["interval_85"] == {"low": 0.976, "high": 0.992}
    assert read["ladder"][1]["score"]["agreement"]["per_class"][0]["label"] == "scratch"
    assert read["left_out"] == {"dark.jpg": "black: mean brightness 2.1"}
    assert read["sensitivity"][0] == ["model.22", 11.5]


def test_the_summary_holds_exactly_what_the_command_promises() -> None:
    report = build(*LADDER, published="int8 minmax")
    printed = json.loads(json.dumps(summary(report, Path("models/builds/7"))))
    assert list(printed) == ["bundle", "precision", "runtime", "reference", "ladder", "seconds"]
    assert printed["bundle"] == "models/builds/7"
    assert printed["precision"] == "int8"
    assert printed["runtime"] == "onnxruntime"
    assert printed["reference"] == {"map": 0.602, "map50": 0.934}
    assert printed["seconds"] == 141.2
    keys = ["candidate", "map", "map50", "agreement", "passed", "reason", "engine"]
    assert [list(step) for step in printed["ladder"]] == [keys] * 3
    assert printed["ladder"][1]["map"] == 0.6
    assert printed["ladder"][1]["agreement"]["f1_85"] == 0.984
    assert "per_class" not in printed["ladder"][1]["agreement"]
    assert [step["passed"] for step in printed["ladder"]] == [False, True, False]


def test_what_was_not_published_and_not_scored_is_null() -> None:
    printed = summary(build(LADDER[2]))
    assert (printed["bundle"], printed["precision"]) == (None, None)
    assert printed["ladder"][0] == {
        "candidate": "int8 mse",
        "map": None,
        "map50": None,
        "agreement": None,
        "passed": False,
        "reason": "could not be made: disk full",
        "engine": None,
    }


def test_odd_numbers_and_names_make_no_odd_json(tmp_path: Path) -> None:
    score = Score(float("nan"), float("inf"), agreement(None, None))
    size = np.float32(3.5)
    odd = rung("int8 minmax", score=score, size_mb=size)
    report = build(odd, left_out={"\udcff\x00.jpg": "</script>"})
    write_json(report, tmp_path / "report.json")
    read = json.loads((tmp_path / "report.json").read_bytes(), parse_constant=pytest.fail)
    assert read["ladder"][0]["score"]["map"] is None
    assert read["ladder"][0]["size_mb"] == 3.5
    assert read["left_out"] == {"\udcff\x00.jpg": "</script>"}


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"no/report\.json: cannot be written"):
        write_json(build(), tmp_path / "no" / "report.json")
