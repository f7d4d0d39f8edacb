from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.core.config import JsonlConfig
from edge.core.errors import UnavailableError
from edge.core.types import CameraState, Detections, Verdict
from edge.sinks.isolated import Isolated
from edge.sinks.jsonl import Jsonl, RotatingFile
from tests.sinks.parts import LABELS, TestClock, found, frame, status

NOON = 1_790_000_000.0  # 2026-09-21T14:13:20 UTC


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def jsonl(path: Path, clock: TestClock | None = None) -> Jsonl:
    return Jsonl(JsonlConfig(path=path), LABELS, clock=clock or TestClock(), wall=lambda: NOON)


def test_a_frame_is_one_line_that_is_on_disk_before_the_next_one(tmp_path: Path) -> None:
    sink = jsonl(tmp_path / "results.jsonl", TestClock(100.0))
    sink.emit(frame(7, at=99.75), found(0, 9))
    assert lines(tmp_path / "results.jsonl") == [
        {
            "camera": "line-1",
            "index": 7,
            "time": "2026-09-21T14:13:19.750+00:00",
            "age_ms": 250.0,
            "width": 320,
            "height": 180,
            "verdict": None,
            "detections": [
                {"box": [10.0, 40.0, 60.0, 90.0], "score": 0.9, "class_id": 0, "label": "scratch"},
                {"box": [70.0, 40.0, 120.0, 90.0], "score": 0.5, "class_id": 9, "label": "class 9"},
            ],
        }
    ]
    sink.close()


@pytest.mark.parametrize("verdict", [*Verdict, None])
def test_a_frames_verdict_is_a_word_or_null_without_rules(
    tmp_path: Path, verdict: Verdict | None
) -> None:
    sink = jsonl(tmp_path / "results.jsonl")
    sink.emit(frame(at=100.0), replace(found(0), verdict=verdict))
    sink.close()
    (row,) = lines(tmp_path / "results.jsonl")
    assert row["verdict"] == (verdict and verdict.value)


def test_unknown_is_null_and_nothing_found_is_an_empty_list(tmp_path: Path) -> None:
    sink = jsonl(tmp_path / "results.jsonl")
    sink.emit(frame(at=100.0), Detections.none())
    sink.camera_changed(status(CameraState.LOST, "the cable is out — plug it in", at=100.0))
    sink.close()
    inspected, lost = lines(tmp_path / "results.jsonl")
    assert inspected["detections"] == []
    assert lost["detections"] is None
    assert (lost["camera"], lost["state"]) == ("line-1", "lost")
    assert lost["reason"] == "the cable is out — plug it in"


def test_standard_output_gets_the_lines_and_stays_open(
    capfd: pytest.CaptureFixture[str],
) -> None:
    sink = jsonl(Path("-"))
    sink.emit(frame(3, at=100.0), Detections.none())
    sink.close()
    os.write(1, b"still open\n")
    first, second = capfd.readouterr().out.splitlines()
    assert json.loads(first)["index"] == 3
    assert second == "still open"


def test_a_full_file_is_renamed_and_only_so_many_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    file = RotatingFile(path, limit_bytes=20, keep=3)
    for number in range(10):
        file.write(b"line %d ..\n" % number)  # two fit into a file
    file.close()
    texts = {each.name: each.read_text() for each in tmp_path.iterdir()}
    assert texts == {
        "results.jsonl": "line 8 ..\nline 9 ..\n",
        "results.jsonl.1": "line 6 ..\nline 7 ..\n",
        "results.jsonl.2": "line 4 ..\nline 5 ..\n",
        "results.jsonl.3": "line 2 ..\nline 3 ..\n",
    }


def test_half_a_line_from_a_power_cut_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(b'{"index": 1}\n{"ind')
    file = RotatingFile(path, limit_bytes=1000, keep=1)
    file.write(b'{"index": 2}\n')
    file.close()
    file.close()
    assert path.read_bytes().splitlines() == [b'{"index": 1}', b'{"ind', b'{"index": 2}']


@pytest.mark.parametrize(
    "path",
    ["missing/results.jsonl", ".", "file/results.jsonl"],
    ids=["folder missing", "is a folder", "folder is a file"],
)
def test_a_file_that_cannot_be_opened_is_named_with_the_remedy(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError, match=r"sinks\.jsonl\.path") as caught:
        jsonl(tmp_path / path)
    assert str(tmp_path / path) in str(caught.value)


def test_a_failed_rotation_is_tried_again_with_the_next_line(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "results.jsonl"
    path.parent.mkdir()
    file = RotatingFile(path, limit_bytes=10, keep=1)
    file.write(b"first ..\n")
    path.parent.rename(tmp_path / "away")
    with pytest.raises(OSError, match="No such file"):
        file.write(b"lost ...\n")
    (tmp_path / "away").rename(path.parent)
    file.write(b"third ..\n")
    file.close()
    assert path.read_text() == "third ..\n"
    assert path.with_name("results.jsonl.1").read_text() == "first ..\n"


FULL_DISK = """
import logging, resource, sys
from pathlib import Path
from edge.core.config import JsonlConfig
from edge.core.types import Detections
from edge.sinks.isolated import Isolated
from edge.sinks.jsonl import Jsonl
from tests.sinks.parts import frame

logging.basicConfig(format="%(levelname)s %(message)s")
sink = Isolated(Jsonl(JsonlConfig(path=Path(sys.argv[1])), ()), "jsonl")
sink.emit(frame(0), Detections.none())
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (Path(sys.argv[1]).stat().st_size + 50, hard))
for index in range(1, 6):
    sink.emit(frame(index), Detections.none())
assert sink.failing and sink.failures == 5, sink.failures
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
sink.emit(frame(6), Detections.none())
assert not sink.failing and sink.failures == 5, sink.failures
sink.close()
"""


def test_a_full_disk_is_logged_once_counted_and_survived(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    ran = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert [line["index"] for line in lines(path)] == [0, 6]  # whole lines only
    assert ran.stderr.count("ERROR") == 1
    assert "WARNING sink jsonl: works again; 5 results were lost" in ran.stderr


def test_a_device_without_space_raises_what_the_system_says() -> None:
    sink = jsonl(Path("/dev/full"))
    with pytest.raises(OSError, match="No space left"):
        sink.emit(frame(), Detections.none())
    isolated = Isolated(sink, "jsonl")
    isolated.emit(frame(), Detections.none())
    isolated.close()
    assert isolated.failures == 1
