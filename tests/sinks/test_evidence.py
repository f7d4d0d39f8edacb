"""Evidence of a breach, on a real disk."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from edge.core.types import Detections
from edge.sinks.evidence import FRAMES, KEEP, Evidence
from tests.sinks.parts import LABELS, found, frame

BREACH = "they disagree"


def cases(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def a_case(folder: Path, budget_mb: float = 100.0) -> Evidence:
    evidence = Evidence(folder, budget_mb, LABELS)
    evidence.saw(frame(7), found(0, 1), Detections.none())
    evidence.keep("fallback", BREACH)
    return evidence


def test_a_case_holds_the_frames_what_both_found_and_why(tmp_path: Path) -> None:
    a_case(tmp_path)
    (case,) = tmp_path.iterdir()
    told = json.loads((case / "case.json").read_text())
    assert (told["kind"], told["reason"]) == ("fallback", BREACH)
    (row,) = told["frames"]
    assert (row["camera"], row["index"], row["fallback"]) == ("line-1", 7, [])
    assert [box["label"] for box in row["engine"]] == ["scratch", "dent"]
    assert (case / row["file"]).read_bytes().startswith(b"\xff\xd8")


def test_only_the_newest_frames_are_remembered_and_each_belongs_to_one_case(tmp_path: Path) -> None:
    evidence = Evidence(tmp_path, 100.0, LABELS)
    for index in range(FRAMES + 5):
        evidence.saw(frame(index), found(0), Detections.none())
    evidence.keep("fallback", BREACH)
    evidence.keep("rolled back", "nothing was seen since")
    (case,) = tmp_path.iterdir()
    rows = json.loads((case / "case.json").read_text())["frames"]
    assert [row["index"] for row in rows] == list(range(5, FRAMES + 5))


def test_the_oldest_case_goes_but_never_the_newest_nor_one_that_is_marked(tmp_path: Path) -> None:
    a_case(tmp_path)
    (tmp_path / "000001-fallback" / KEEP).touch()
    for _ in range(4):
        a_case(tmp_path, budget_mb=0.001)
    assert cases(tmp_path) == ["000001-fallback", "000005-fallback"]


def test_a_later_run_counts_what_is_there_and_removes_what_is_unfinished(tmp_path: Path) -> None:
    before = a_case(tmp_path).report()
    (tmp_path / ".part-000002-fallback").mkdir()
    assert Evidence(tmp_path, 100.0, LABELS).report() == before
    assert cases(tmp_path) == ["000001-fallback"]


def test_a_disk_that_refuses_is_told_once_and_loses_no_frame(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "evidence"
    folder.write_text("a file is in the way")
    evidence = a_case(folder)
    with caplog.at_level(logging.WARNING):
        evidence.keep("fallback", BREACH)
        assert evidence.report().failing
        folder.unlink()
        evidence.keep("fallback", BREACH)
    assert cases(folder) == ["000001-fallback"]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
