from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.host import state
from edge.host.state import Moment, StateStore, this_moment
from tests.host.disks import Disk, ext4, why_no_disk

needs_disk = pytest.mark.skipif(bool(why_no_disk()), reason=why_no_disk() or "can be made here")


class Time:
    """The machine's clocks, set by hand."""

    def __init__(self) -> None:
        self.moment = Moment("boot-1", 100.0)
        self.wall_s = 1_800_000_000.0

    def __call__(self) -> Moment:
        return self.moment


@pytest.fixture
def now() -> Time:
    return Time()


def opened(path: Path, now: Time) -> StateStore:
    return StateStore(path, now=now, wall=lambda: now.wall_s)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "edge.db"


@pytest.fixture
def store(path: Path, now: Time) -> Iterator[StateStore]:
    with closing(opened(path, now)) as fresh:
        yield fresh


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with ext4(tmp_path) as mounted:
        yield mounted


def test_a_new_state_is_empty(store: StateStore) -> None:
    assert (store.runs(), store.history(), store.rejection("b")) == ((), (), None)
    assert not store.failing


def test_everything_is_there_after_a_restart(store: StateStore, path: Path, now: Time) -> None:
    run = store.begin_run()
    now.moment = Moment("boot-1", 160.0)
    store.see_run(run)
    store.reject("b-7", "failed its trial: F1@0.50 0.71")
    store.record("swap", "b-6 -> b-7")
    store.record("rollback", "b-7 -> b-6")
    store.close()
    with closing(opened(path, now)) as again:
        (saved,) = again.runs()
        assert (saved.boot, saved.began_s, saved.seen_s, saved.clean) == ("boot-1", 100, 160, False)
        assert saved.began_utc == "2027-01-15T08:00:00+00:00"
        rejection = again.rejection("b-7")
        assert rejection
        assert rejection.reason == "failed its trial: F1@0.50 0.71"
        assert [event.text for event in again.history()] == ["b-7 -> b-6", "b-6 -> b-7"]
        again.end_run(run)
        assert again.runs()[0].clean
        again.allow("b-7")
        assert again.rejection("b-7") is None
        again.forget_runs()
        assert again.runs() == ()


def test_another_process_sees_what_is_saved(store: StateStore, path: Path, now: Time) -> None:
    with closing(opened(path, now)) as command_line:
        command_line.reject("b-7", "an operator rolled it back")
        assert store.rejection("b-7") == command_line.rejection("b-7")


def test_the_state_is_bounded(
    store: StateStore, now: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bound in ("KEPT_RUNS", "KEPT_REJECTIONS", "KEPT_EVENTS"):
        monkeypatch.setattr(state, bound, 3)
    for i in range(5):
        now.moment = Moment("boot-1", float(i))
        store.begin_run()
        store.reject(f"b-{i}", "")
        store.record("n", str(i))
    assert [run.began_s for run in store.runs()] == [2, 3, 4]
    assert [event.text for event in store.history()] == ["4", "3", "2"]
    assert [store.rejection(f"b-{i}") is None for i in range(5)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert [event.text for event in store.history(1)] == ["4"]


def test_what_happens_often_pushes_out_nothing_that_happens_seldom(
    store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "KEPT_OF_A_KIND", 3)
    store.record("bundle confirmed", "b-1")
    for i in range(20):
        store.record("drift", str(i))
    assert [event.text for event in store.history(state.KEPT_EVENTS)] == ["19", "18", "17", "b-1"]


def test_time_goes_on_and_the_boot_has_a_name() -> None:
    first, second = this_moment(), this_moment()
    assert first.boot == second.boot
    assert first.boot
    assert 0 < first.at_s <= second.at_s
    assert this_moment(Path("/nonexistent")).boot == "unknown"


def damage_text(path: Path) -> None:
    path.write_text("not a database, but long enough to look at: " + "x" * 5000)


def damage_pages(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)


def damage_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:4096])


def damage_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize("damage", [damage_text, damage_pages, damage_half, damage_version])
def test_a_damaged_state_is_kept_for_people_and_begun_anew(
    store: StateStore, path: Path, now: Time, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    for i in range(20):
        store.record("n", f"event {i} " + "x" * 1000)
    store.close()
    for number in (1, 2):
        damage(path)  # type: ignore[operator]
        with closing(opened(path, now)) as fresh:
            assert fresh.history() == ()
            assert not fresh.failing
            fresh.reject("b-1", "worse")
            assert fresh.rejection("b-1")
        assert path.with_name(f"edge.db.bad-{number}").exists()
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "edge.db.bad-1, and begun anew" in caplog.text


def test_damaged_files_do_not_pile_up(store: StateStore, path: Path, now: Time) -> None:
    store.close()
    for _ in range(12):
        damage_text(path)
        opened(path, now).close()
    assert len(list(path.parent.glob("*.bad-?"))) == 9


def test_damage_while_running_loses_nothing(store: StateStore, path: Path, now: Time) -> None:
    store.record("before", "damage")
    damage_text(path)
    store.reject("b-1", "worse")
    assert not store.failing
    store.close()
    with closing(opened(path, now)) as again:
        assert again.rejection("b-1")
        assert again.history()[0].text == "damage"


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [damage_text, damage_half, remove])
def test_damage_that_is_seen_while_reading_loses_nothing_either(
    store: StateStore, path: Path, now: Time, damage: object
) -> None:
    for i in range(20):
        store.record("n", f"event {i} " + "x" * 1000)
    store.reject("b-1", "worse")
    damage(path)  # type: ignore[operator]
    assert store.rejection("b-1")
    store.record("n", "after")
    assert store.rejection("b-1")
    assert len(store.history(100)) == 21
    store.close()
    if damage is not remove:  # a file that is only unlinked is never missed by who holds it open
        with closing(opened(path, now)) as again:
            assert again.rejection("b-1")
            assert len(again.history(100)) == 21


@needs_disk
def test_a_full_disk_is_survived_and_made_up_for(
    disk: Disk, now: Time, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(opened(disk.folder / "edge.db", now)) as store:
        run = store.begin_run()
        store.record("n", "before")
        with disk.full():
            for i in range(50):  # more than the file has room for
                store.record("n", f"{i} " + "x" * 1000)
            store.reject("b-1", "worse")
            store.end_run(run)
            assert store.failing
            assert store.rejection("b-1")
            assert store.history(1)[0].text.startswith("49")
        assert store.failures > 1
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        store.record("n", "after")
        assert not store.failing
        assert "saved again" in caplog.messages[-1]
    with closing(opened(disk.folder / "edge.db", now)) as again:
        assert len(again.history(1000)) == 52
        assert again.rejection("b-1")
        assert again.runs()[0].clean


@needs_disk
def test_with_a_broken_disk_all_that_was_known_still_is(disk: Disk, now: Time) -> None:
    with closing(opened(disk.folder / "edge.db", now)) as store:
        store.reject("b-1", "worse")
        disk.cut_power()  # from here on it answers EIO
        store.reject("b-2", "in memory")
        assert store.failing
        assert store.rejection("b-1")
        assert store.rejection("b-2")


@needs_disk
@pytest.mark.parametrize("before", [False, True], ids=["no file yet", "a file from before"])
def test_a_read_only_state_holds_for_this_life(disk: Disk, now: Time, before: bool) -> None:
    if before:
        with closing(opened(disk.folder / "edge.db", now)) as store:
            store.reject("b-0", "worse")
    disk.read_only(True)
    with closing(opened(disk.folder / "edge.db", now)) as store:
        store.begin_run()
        store.reject("b-1", "worse")
        assert store.rejection("b-1")
        assert bool(store.rejection("b-0")) == before
        assert len(store.runs()) == 1
        assert store.failing
        disk.read_only(False)
        store.record("n", "writable again")
        assert not store.failing
    with closing(opened(disk.folder / "edge.db", now)) as again:
        assert again.rejection("b-1")


ACKNOWLEDGING = """
import sys
from pathlib import Path
from edge.host.state import StateStore

store = StateStore(Path(sys.argv[1]))
for i in range(1_000_000):
    store.reject(f"b-{i}", "worse")
    print(i, flush=True)
"""
"""Prints a number once the write of that number was acknowledged."""


@needs_disk
@pytest.mark.parametrize("acknowledged", [0, 1, 17])
def test_a_power_cut_loses_nothing_that_was_acknowledged(
    disk: Disk, now: Time, acknowledged: int
) -> None:
    path = disk.folder / "edge.db"
    command = [sys.executable, "-c", ACKNOWLEDGING, str(path)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=root
    ) as service:
        assert service.stdout
        for line in service.stdout:
            if int(line) >= acknowledged:
                break
        disk.cut_power()
        service.kill()
    disk.restore()
    with closing(opened(path, now)) as store:
        assert all(store.rejection(f"b-{i}") for i in range(acknowledged + 1))
        assert not list(path.parent.glob("*.bad-*"))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: what root makes is another user's")
def test_what_root_makes_stays_writable_for_the_service(tmp_path: Path, now: Time) -> None:
    os.chown(tmp_path, 4711, 4711)
    with closing(opened(tmp_path / "edge.db", now)):
        owners = {file.stat().st_uid for file in tmp_path.iterdir()}
        assert owners == {4711}
