"""What is written in the book of the line, and what a disk does to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.core.errors import UnavailableError
from edge.core.hour import Hour
from edge.host import ledger as ledger_module
from edge.host.ledger import Happening, Ledger, RulesVersion
from tests.host.disks import ext4, why_no_disk

NOON = 1_790_000_000.0
needs_disk = pytest.mark.skipif(bool(why_no_disk()), reason=why_no_disk() or "can be made here")


def a_ledger(folder: Path) -> Ledger:
    return Ledger(folder / "rooms.db", wall=lambda: NOON)


def a_version(number: int, camera: str = "line-1") -> RulesVersion:
    return RulesVersion(camera, number, "{}", NOON, "Ann", "new part")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(a_ledger(tmp_path)) as ledger:
        yield ledger


def test_acts_and_changes_are_told_newest_first_and_survive(tmp_path: Path) -> None:
    with closing(a_ledger(tmp_path)) as ledger:
        ledger.note("line-1: lost")
        ledger.act("roll back", "Ann", "too many false alarms")
    with closing(a_ledger(tmp_path)) as ledger:
        assert ledger.history(10) == [
            Happening(NOON, "roll back", "Ann", "too many false alarms"),
            Happening(NOON, "line-1: lost"),
        ]
        assert len(ledger.history(1)) == 1


def test_a_camera_that_flaps_does_not_drive_out_what_people_did(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "KEPT_CHANGES", 5)
    monkeypatch.setattr(ledger_module, "KEPT_ACTS", 3)
    for number in range(5):
        ledger.act(f"act {number}", "Ann", "because")
    for number in range(50):
        ledger.note(f"change {number}")
    told = [each.what for each in ledger.history(100)]
    assert told == [f"change {n}" for n in (49, 48, 47, 46, 45)] + ["act 4", "act 3", "act 2"]


def test_rules_are_versioned_for_each_camera_and_told_in_the_history(ledger: Ledger) -> None:
    for version in (a_version(1), a_version(2), a_version(1, "line-2")):
        ledger.set_rules(version)
    assert ledger.rules() == {"line-1": a_version(2), "line-2": a_version(1, "line-2")}
    assert ledger.versions("line-1") == [a_version(2), a_version(1)]
    assert ledger.versions("nobody") == []
    assert ledger.history(1)[0].what == "rules of line-2, version 1"


def test_old_versions_go(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "KEPT_VERSIONS", 3)
    for number in range(1, 8):
        ledger.set_rules(a_version(number))
    assert [each.version for each in ledger.versions("line-1")] == [7, 6, 5]


def test_figures_of_one_hour_add_up_and_old_hours_go(ledger: Ledger) -> None:
    hour = 1_790_000_000 // 3600 * 3600
    part = Hour(hour, "line-1", 10, 1, 5, 2, 4, 0.5, {"dent": 2})
    ledger.count([part, Hour(hour, "line-2", frames=1)])
    ledger.count([part, Hour(hour + 3600, "line-1", detections={"dent": 1, "crack": 3})])
    ledger.count([])
    assert ledger.hours(hour) == [
        Hour(hour, "line-1", 20, 2, 10, 4, 8, 1.0, {"dent": 4}),
        Hour(hour, "line-2", frames=1),
        Hour(hour + 3600, "line-1", detections={"crack": 3, "dent": 1}),
    ]
    assert len(ledger.hours(hour + 1)) == 1
    ledger.count([Hour(hour + 3600 * (ledger_module.KEPT_HOURS + 1), "line-1")])
    assert [each.hour - hour for each in ledger.hours(0)] == [
        3600,
        3600 * (ledger_module.KEPT_HOURS + 1),
    ]


def test_an_act_that_cannot_be_written_down_is_refused_and_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with closing(Ledger(tmp_path / "state" / "rooms.db")) as ledger:
        with pytest.raises(UnavailableError, match="not done"):
            ledger.act("roll back", "Ann", "because")
        with pytest.raises(UnavailableError, match="not done"):
            ledger.set_rules(a_version(1))
        ledger.note("line-1: lost")  # what happens is told all the same
        assert [each.what for each in ledger.history(10)] == ["line-1: lost"]
        assert ledger.rules() == {}
        (tmp_path / "state").unlink()
        ledger.act("roll back", "Ann", "because")
        assert [each.what for each in ledger.history(10)] == ["roll back", "line-1: lost"]


@needs_disk
def test_an_act_that_was_acknowledged_survives_a_real_power_cut(tmp_path: Path) -> None:
    with ext4(tmp_path) as disk:
        ledger = Ledger(disk.folder / "rooms.db")
        for number in range(5):
            ledger.act(f"act {number}", "Ann", "because")
        ledger.set_rules(a_version(1))
        disk.cut_power()
        with pytest.raises(UnavailableError):
            ledger.act("too late", "Ann", "because")
        ledger.close()
        disk.restore()
        with closing(Ledger(disk.folder / "rooms.db")) as ledger:
            acts = [each.what for each in ledger.history(10)]
            assert acts == ["rules of line-1, version 1", *(f"act {n}" for n in (4, 3, 2, 1, 0))]
            assert ledger.rules() == {"line-1": a_version(1)}
