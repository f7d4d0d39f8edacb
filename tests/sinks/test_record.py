"""Recent detections: bounded, found again, whole after a power cut, never in the loop's way."""

from __future__ import annotations

import csv
import io
import json
import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg

from edge.core.config import RecordConfig
from edge.core.errors import UnavailableError
from edge.core.ports import Sink
from edge.core.types import CameraState, Detections, Frame, Verdict
from edge.sinks.record import Entry, Record, Wanted, coco_lines, csv_lines
from edge.sinks.record.sink import THUMBNAIL_PX
from tests.host.disks import ext4, why_no_disk
from tests.sinks.parts import LABELS, TestClock, found, frame, status, until

NOON = 1_790_000_000.0  # 2026-09-21T14:13:20 UTC

needs_disk = pytest.mark.skipif(bool(why_no_disk()), reason=why_no_disk() or "can be made here")


def a_record(folder: Path, clock: TestClock | None = None, **settings: Any) -> Record:
    config = RecordConfig(**{"least_free_mb": 0.0, **settings})
    return Record(config, folder, LABELS, clock=clock or TestClock(), wall=lambda: NOON)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with closing(a_record(tmp_path / "recent")) as record:
        yield record
        record.close()


def offer(record: Record, index: int, detections: Detections, **changes: Any) -> None:
    """A frame a long time after the one before, once the thread has finished with that one."""
    before = record.report()
    record.emit(frame(index, at=100.0 + 1000 * index, **changes), detections)
    done = before.kept + before.failures + 1
    until(lambda: record.report().kept + record.report().failures == done, f"{index} was kept")


def ids(entries: list[Entry]) -> list[int]:
    return [entry.id for entry in entries]


# What is kept


def test_a_recorded_frame_comes_back_with_its_boxes_picture_and_thumbnail(tmp_path: Path) -> None:
    clock = TestClock(100.25)
    with closing(a_record(tmp_path, clock)) as record:
        judged = replace(found(0, 2), verdict=Verdict.NG)
        record.emit(frame(7, at=100.0, width=480, height=270), judged)
        until(lambda: record.report().kept == 1, "kept")
        (entry,) = record.page(Wanted())
        assert entry == record.entry(1)
        assert (entry.id, entry.camera, entry.frame) == (1, "line-1", 7)
        assert (entry.at, entry.age_ms, entry.verdict) == (NOON - 0.25, 250.0, Verdict.NG)
        assert (entry.width, entry.height) == (480, 270)
        assert [box["label"] for box in entry.boxes] == ["scratch", "crack"]
        assert entry.boxes[0]["box"] == [10.0, 40.0, 60.0, 90.0]
        picture, thumbnail = record.picture(1), record.thumbnail(1)
        assert picture
        assert thumbnail
        assert simplejpeg.decode_jpeg_header(picture)[:2] == (270, 480)
        assert simplejpeg.decode_jpeg_header(thumbnail)[:2] == (135, THUMBNAIL_PX)
        assert entry.size == len(picture) + len(thumbnail)


@pytest.mark.parametrize(
    ("detections", "pace_s"),
    [
        (found(0), 1.0),
        (replace(Detections.none(), verdict=Verdict.NG), 1.0),
        (Detections.none(), 60.0),
        (replace(Detections.none(), verdict=Verdict.OK), 60.0),
    ],
    ids=["found", "ng", "empty", "ok"],
)
def test_each_kind_of_frame_is_kept_at_its_own_pace_for_each_camera(
    record: Record, detections: Detections, pace_s: float
) -> None:
    record.emit(frame(0, at=0.0), detections)
    until(lambda: record.report().kept == 1, "the first")
    record.emit(frame(1, at=pace_s - 0.01), detections)
    record.emit(frame(0, at=0.0, camera="line-2"), detections)
    until(lambda: record.report().kept == 2, "the other camera's")
    record.emit(frame(2, at=pace_s), detections)
    until(lambda: record.report().kept == 3, "the next in time")
    assert {(entry.camera, entry.frame) for entry in record.page(Wanted())} == {
        ("line-1", 0),
        ("line-2", 0),
        ("line-1", 2),
    }


def test_an_ng_frame_is_kept_though_a_frame_with_boxes_was_just_kept(record: Record) -> None:
    record.emit(frame(0, at=0.0), found(0))
    record.emit(frame(1, at=0.01), replace(found(0), verdict=Verdict.NG))
    until(lambda: record.report().kept == 2, "both")


def test_a_frame_in_other_pixels_is_converted_in_the_thread(record: Record) -> None:
    nv12 = Frame(
        np.full((90, 80), 128, np.uint8),
        0,
        0.0,
        "line-1",
        "nv12",
        lambda image: np.zeros((60, 80, 3), np.uint8),
    )
    record.emit(nv12, found(0))
    until(lambda: record.report().kept == 1, "kept")
    assert not nv12._bgr


# The budget


def test_the_oldest_goes_first_when_there_are_too_many(tmp_path: Path) -> None:
    with closing(a_record(tmp_path, images=10)) as record:
        for index in range(14):
            offer(record, index, found(0))
        assert ids(record.page(Wanted())) == list(range(14, 4, -1))
        assert (record.report().entries, record.report().evicted) == (10, 4)
        assert (record.picture(4), record.thumbnail(4), record.entry(4)) == (None, None, None)
    names = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert names == {f"{number:08d}.jpg" for number in range(5, 15)}


def test_the_budget_holds_in_bytes_too(tmp_path: Path) -> None:
    with closing(a_record(tmp_path, megabytes=0.02)) as record:
        for index in range(30):
            offer(record, index, found(0))
            assert record.report().megabytes <= 0.02
        pictures = sum(each.stat().st_size for each in (tmp_path / "pictures").iterdir())
        assert 5_000 < pictures <= 20_000


def test_numbers_go_on_after_a_restart_and_are_never_used_twice(tmp_path: Path) -> None:
    with closing(a_record(tmp_path, images=10)) as record:
        for index in range(11):
            offer(record, index, found(0))
    with closing(a_record(tmp_path, images=10)) as record:
        offer(record, 0, found(1))
        assert ids(record.page(Wanted()))[:2] == [12, 11]
        assert record.report().entries == 10


# Finding


@pytest.fixture
def shift(record: Record) -> Record:
    """Six frames: ids 1 to 6."""
    one, two = {"camera": "line-1"}, {"camera": "line-2"}
    offer(record, 0, replace(found(0), verdict=Verdict.NG), **one)
    offer(record, 1, replace(found(1, 0), verdict=Verdict.OK), **one)
    offer(record, 2, replace(found(), verdict=Verdict.UNKNOWN), **one)
    offer(record, 3, found(2), **two)
    offer(record, 4, found(2, 1), **two)
    offer(record, 5, found(), **two)
    return record


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), [6, 5, 4, 3, 2, 1]),
        (Wanted(camera="line-2"), [6, 5, 4]),
        (Wanted(label="scratch"), [2, 1]),
        (Wanted(label="dent", min_score=0.8), [2]),
        (Wanted(min_score=0.89), [5, 4, 2, 1]),
        (Wanted(verdict=Verdict.NG), [1]),
        (Wanted(verdict=Verdict.UNKNOWN, camera="line-2"), []),
        (Wanted(label="'; DROP TABLE entries; --"), []),
        (Wanted(since=NOON - 2500), [3, 2, 1]),
        (Wanted(until=NOON - 2500), [6, 5, 4]),
        (Wanted(since=NOON - 1500, until=NOON - 500), [2]),
    ],
    ids=[
        "all",
        "camera",
        "class",
        "class and score",
        "score",
        "verdict",
        "verdict and camera",
        "no class at all",
        "since",
        "until",
        "between",
    ],
)
def test_what_is_wanted_is_found_newest_first(
    tmp_path: Path, wanted: Wanted, expected: list[int]
) -> None:
    clock, now = TestClock(100.0), NOON
    config = RecordConfig(least_free_mb=0.0)
    seen: list[tuple[str, Detections]] = [
        ("line-1", replace(found(0), verdict=Verdict.NG)),
        ("line-1", replace(found(1, 0), verdict=Verdict.OK)),
        ("line-1", replace(found(), verdict=Verdict.UNKNOWN)),
        ("line-2", found(2)),
        ("line-2", found(2, 1)),
        ("line-2", found()),
    ]
    ages = (0, 1000, 2000, 3000, 4000, 5000)
    with closing(Record(config, tmp_path, LABELS, clock=clock, wall=lambda: now)) as record:
        for index, (age_s, (camera, detections)) in enumerate(zip(ages, seen, strict=True)):
            record.emit(frame(index, camera=camera, at=100.0 - age_s), detections)
            until(lambda index=index: record.report().kept == index + 1, "kept")  # type: ignore[misc]
            record._kept_at.clear()
        assert ids(record.page(wanted)) == expected


def test_pages_go_on_where_the_last_one_ended(shift: Record) -> None:
    first = shift.page(Wanted(camera="line-1"), None, 2)
    assert ids(first) == [3, 2]
    assert ids(shift.page(Wanted(camera="line-1"), first[-1].id, 2)) == [1]
    assert [len(page) for page in shift.pages(Wanted())] == [6]


# Export


def test_csv_has_a_line_a_box_and_one_for_a_frame_without(shift: Record) -> None:
    rows = list(csv.DictReader(io.StringIO("".join(csv_lines(shift.pages(Wanted()))))))
    assert [row["id"] for row in rows] == ["6", "5", "5", "4", "3", "2", "2", "1"]
    assert rows[0]["label"] == rows[0]["score"] == ""
    last = rows[-1]
    assert (last["camera"], last["verdict"], last["label"]) == ("line-1", "ng", "scratch")
    assert last["at"] == "2026-09-21T14:13:20.000Z"
    assert [float(last[key]) for key in ("x1", "y1", "x2", "y2")] == [10, 40, 60, 90]
    assert rows[1]["verdict"] == ""


def test_a_label_is_never_a_formula_of_a_spreadsheet() -> None:
    box = {"box": [0, 0, 1, 1], "score": 0.5, "label": '=cmd|"calc"'}
    entry = Entry(1, "c", 0, NOON, 1.0, None, 2, 2, (box,), 9)
    (row,) = csv.DictReader(io.StringIO("".join(csv_lines([[entry]]))))
    assert row["label"] == '\'=cmd|"calc"'


def test_coco_names_images_boxes_and_categories_that_belong_together(shift: Record) -> None:
    document = json.loads("".join(coco_lines(shift.pages(Wanted()), LABELS[:2])))
    assert [image["id"] for image in document["images"]] == [6, 5, 4, 3, 2, 1]
    names = {one["id"]: one["name"] for one in document["categories"]}
    assert names == {1: "scratch", 2: "dent", 3: "crack"}
    found_in: dict[int, list[str]] = {}
    for annotation in document["annotations"]:
        found_in.setdefault(annotation["image_id"], []).append(names[annotation["category_id"]])
    assert found_in == {5: ["crack", "dent"], 4: ["crack"], 2: ["dent", "scratch"], 1: ["scratch"]}
    assert len({annotation["id"] for annotation in document["annotations"]}) == 6
    assert document["annotations"][-1]["bbox"] == [10.0, 40.0, 50.0, 50.0]
    assert document["annotations"][-1]["area"] == 2500.0


@pytest.mark.parametrize("pages", [[], [[]]], ids=["no page", "an empty page"])
def test_nothing_is_a_valid_document_too(pages: list[list[Entry]]) -> None:
    document = json.loads("".join(coco_lines(pages, LABELS)))
    assert document["images"] == document["annotations"] == []
    assert len(list(csv.reader(io.StringIO("".join(csv_lines(pages)))))) == 1


# What goes wrong


def test_what_a_power_cut_left_over_is_swept(tmp_path: Path) -> None:
    with closing(a_record(tmp_path)) as record:
        offer(record, 0, found(0))
    orphan = tmp_path / "pictures" / "00000007.jpg"
    orphan.write_bytes(b"half a pict")
    odd = tmp_path / "pictures" / "notes.txt"
    odd.write_text("somebody's")
    with closing(a_record(tmp_path)) as record:
        offer(record, 1, found(0))
        assert ids(record.page(Wanted())) == [2, 1]
    assert not orphan.exists()
    assert odd.exists()


def test_a_picture_that_somebody_removed_is_none_and_its_row_stays(shift: Record) -> None:
    shift._shelf.picture(3).unlink()
    assert shift.picture(3) is None
    assert shift.entry(3)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"no database" * 500),
        lambda path: _set_version(path, 99),
    ],
    ids=["damaged", "of another version"],
)
def test_rows_that_cannot_be_read_are_moved_aside_and_begun_anew(
    tmp_path: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    with closing(a_record(tmp_path)) as record:
        offer(record, 0, found(0))
    spoil(tmp_path / "index.db")
    with closing(a_record(tmp_path)) as record:
        offer(record, 1, found(1))
        assert [entry.frame for entry in record.page(Wanted())] == [1]
    assert (tmp_path / "index.db.bad").exists()
    assert "moved aside and begun anew" in caplog.text


def _set_version(path: Path, version: int) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {version}")


def test_a_folder_that_cannot_be_made_is_told_once_and_the_line_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    with closing(a_record(tmp_path / "file" / "recent")) as record:
        for index in range(3):
            offer(record, index, found(0))
        assert record.report().failures == 3
        assert record.report().failing
        with pytest.raises(UnavailableError, match="cannot be used"):
            record.page(Wanted())
        (tmp_path / "file").unlink()
        offer(record, 3, found(0))
        assert ids(record.page(Wanted())) == [1]
        assert not record.report().failing
    told = [each for each in caplog.records if each.name == "edge.sinks.record.sink"]
    assert [each.levelno for each in told] == [logging.ERROR, logging.WARNING]


def test_the_last_of_the_disk_is_left_to_others(tmp_path: Path) -> None:
    with closing(a_record(tmp_path, least_free_mb=1_000_000.0)) as record:
        offer(record, 0, found(0))
        assert "sinks.record.least_free_mb" in record.report().failing
        assert record.report().entries == 0


def test_frames_that_the_disk_is_too_slow_for_are_dropped_and_counted(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    until(lambda: record._shelf._next is not None, "it has begun")
    with record._shelf.index._lock:  # a disk that does not answer
        for index in range(8):
            record.emit(frame(index, at=1000.0 * index), found(0))
        assert record.report().dropped >= 4
    dropped = record.report().dropped
    until(lambda: record.report().kept + dropped == 8, "the others are written")


def test_a_fault_of_ours_is_raised_at_the_next_frame(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record._shelf, "put", lambda *_: 1 / 0)
    record.emit(frame(0, at=0.0), found(0))
    until(lambda: record._error is not None, "the thread ended")
    with pytest.raises(UnavailableError, match="ZeroDivisionError"):
        record.emit(frame(1, at=1000.0), found(0))


def test_a_change_of_a_camera_records_nothing(record: Record) -> None:
    sink: Sink = record
    sink.camera_changed(status(CameraState.LOST))
    assert record.report().entries == 0


@needs_disk
def test_a_real_power_cut_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    with ext4(tmp_path) as disk:
        folder = disk.folder / "recent"
        record = a_record(folder)
        for index in range(5):
            offer(record, index, found(0))
        disk.cut_power()
        offer(record, 5, found(0))
        assert record.report().failures == 1
        record.close()
        disk.restore()
        with closing(a_record(folder)) as record:
            until(lambda: record.report().entries == 5, "found again")
            assert ids(record.page(Wanted())) == [5, 4, 3, 2, 1]
            for number in range(1, 6):
                picture = record.picture(number)
                assert picture
                simplejpeg.decode_jpeg(picture, strict=True)
            assert record.picture(6) is None


@needs_disk
def test_a_real_full_and_a_read_only_disk_are_survived(tmp_path: Path) -> None:
    with ext4(tmp_path) as disk, closing(a_record(disk.folder / "recent")) as record:
        offer(record, 0, found(0))
        with disk.full():
            offer(record, 1, found(0))
        with record._shelf.index._lock:
            record._shelf.index._disconnect()  # a file open for writing would keep it writable
        disk.read_only(True)
        offer(record, 2, found(0))
        assert ids(record.page(Wanted())) == [1]  # what is there can still be looked at
        with record._shelf.index._lock:
            record._shelf.index._disconnect()
        disk.read_only(False)
        offer(record, 3, found(0))
        assert (record.report().failures, record.report().kept) == (2, 2)
        assert len(record.page(Wanted())) == 2
