"""The rules of a line: edited, applied to the next frame, remembered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.app.rooms.line import Line
from edge.core.service import ServiceState
from edge.core.types import CameraState, Detections
from edge.host.ledger import Ledger, RulesVersion
from tests.rooms.house import RULES, WHO, House, a_house, say_live
from tests.sinks.parts import LABELS, found, frame, status

INSIDE = found(0)  # a scratch whose centre is in the left half
BOW_TIE = [[0.1, 0.1], [0.9, 0.9], [0.9, 0.1], [0.1, 0.9]]


def put(house: House, rules: Any = RULES, version: int = 0, camera: str = "line-1") -> Any:
    return house.change("PUT", f"/api/line/{camera}", {"version": version, "rules": rules, **WHO})


def verdicts(house: House, count: int) -> list[str | None]:
    """Of the recorded frames, oldest first."""
    return [item["verdict"] for item in reversed(house.recorded(count))]


def test_without_rules_no_frame_has_a_verdict(house: House) -> None:
    house.show(INSIDE)
    assert verdicts(house, 1) == [None]
    line = house.get("/api/line").json()["cameras"]
    assert [each["camera"] for each in line] == ["line-1", "line-2"]
    assert (line[0]["version"], line[0]["rules"]) == (0, None)


def test_rules_hold_from_the_next_frame_on_and_for_their_camera_only(house: House) -> None:
    house.show(INSIDE)
    changed = put(house)
    assert changed.status_code == 200
    assert changed.json()["version"] == 1
    house.show(INSIDE)
    house.show(found(1))
    house.show(INSIDE, age_s=3.0)
    house.show(INSIDE, camera="line-2")
    assert verdicts(house, 5) == [None, "ng", "ok", "unknown", None]
    assert put(house, None, version=1).json()["version"] == 2
    house.show(INSIDE)
    assert verdicts(house, 6)[-1] is None


def test_rules_survive_a_restart_and_every_version_is_kept(tmp_path: Path) -> None:
    with a_house(tmp_path) as house:
        put(house)
        put(house, RULES | {"classes": {"dent": {"min_score": 0.5}}}, version=1)
    with a_house(tmp_path) as again:
        read = again.get("/api/line/line-1").json()
        assert (read["version"], read["who"], read["why"]) == (2, "Ann", "a new product")
        assert read["rules"]["classes"]["dent"]["min_score"] == 0.5
        again.show(found(1))
        assert verdicts(again, 1) == ["ng"]
        assert [each["version"] for each in again.get("/api/line/line-1/versions").json()] == [2, 1]


def test_who_edits_an_old_version_gets_the_newest_and_changes_nothing(house: House) -> None:
    put(house)
    late = put(house, {"classes": {}}, version=0)
    assert late.status_code == 409
    assert late.json()["current"]["version"] == 1
    assert (
        late.json()["current"]["rules"]["classes"]
        == house.get("/api/line/line-1").json()["rules"]["classes"]
    )
    assert "somebody else" in late.json()["error"]["what"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"version": 0, "rules": {"regions": [{"name": "a", "polygon": BOW_TIE}]}}, "polygon"),
        ({"version": 0, "rules": {"regions": [{"name": "a", "polygon": [[0, 0]]}]}}, "polygon"),
        ({"version": 0, "rules": {"classes": {"dent": {"min_score": 3}}}}, "min_score"),
        ({"version": 0, "rules": {"klasses": {}}}, "klasses"),
        ({"version": "0", "rules": {}}, "version"),
        ({"version": 0, "rules": {"max_age_ms": "soon"}}, "max_age_ms"),
        ({"rules": {}}, "version"),
        ({"version": 0}, "rules"),
        ({"version": 0, "rules": {}, "why": "x"}, "why"),
        ({"version": 0, "rules": {}, "who": "\u0007"}, "who"),
        ({"version": 0, "rules": {}, "who": None}, "who"),
        ({"version": 0, "rules": {}, "command": "reboot"}, "command"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_field(
    house: House, body: dict[str, Any], field: str
) -> None:
    answer = house.change("PUT", "/api/line/line-1", WHO | body)
    assert answer.status_code == 422
    assert answer.json()["error"]["field"].split(".")[-1] == field
    assert house.get("/api/line/line-1").json()["version"] == 0


def test_a_lone_half_of_a_character_is_refused(house: House) -> None:
    answer = house.change("PUT", "/api/line/line-1", {"why": "\ud800 because"})
    assert answer.status_code == 422


def test_a_class_that_the_model_does_not_find_is_refused_by_name(house: House) -> None:
    answer = put(house, {"classes": {"rust": {}}})
    assert answer.status_code == 422
    assert "does not find 'rust'; it finds scratch, dent, crack" in answer.json()["error"]["what"]


@pytest.mark.parametrize("path", ["/api/line/nobody", "/api/line/nobody/versions"])
def test_a_camera_that_does_not_exist_is_not_found(house: House, path: str) -> None:
    assert house.get(path).status_code == 404
    assert put(house, camera="nobody").status_code == 404


def test_a_service_that_trusts_no_model_judges_nothing(house: House) -> None:
    put(house)
    house.conditions.begin(ServiceState.FAULTED, "its canaries differ")
    house.show(INSIDE)
    house.conditions.end(ServiceState.FAULTED)
    house.show(INSIDE)
    assert verdicts(house, 2) == ["unknown", "ng"]


def test_frames_and_detections_are_counted_by_the_hour(house: House) -> None:
    say_live(house)
    put(house)
    for detections in (INSIDE, found(1, 2), Detections.none()):
        house.show(detections)
    next(house.indexes)  # a frame that nobody inspected
    house.show(INSIDE, age_s=2.0)
    for sink in house.sinks:
        sink.camera_changed(status(CameraState.LOST, "no cable", at=house.clock.time))
    house.clock.time += 30
    (row,) = (row for row in house.get("/api/counts").json() if row["camera"] == "line-1")
    assert row.pop("hour").endswith(":00:00.000Z")
    assert row == {
        "camera": "line-1",
        "frames": 4,
        "dropped": 1,
        "ok": 2,
        "ng": 1,
        "unknown": 2,
        "blind_s": 30.0,
        "detections": {"crack": 1, "dent": 1, "scratch": 2},
    }


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "rooms.db")
    yield ledger
    ledger.close()


@pytest.mark.parametrize(
    "stored",
    ['{"classes": {"rust": {}}}', '{"colour": "of another version"}', "not even JSON"],
    ids=["a class of another model", "a rule of another version", "damaged"],
)
def test_rules_that_cannot_be_applied_make_every_frame_unknown(ledger: Ledger, stored: str) -> None:
    ledger.set_rules(RulesVersion("line-1", 1, stored, 0.0, "Ann", "because"))
    line = Line(ledger, ["line-1"], LABELS)
    judged = line.judged(frame(), Detections.none(), 0.0)
    assert judged.verdict is not None
    assert judged.verdict.value == "unknown"
    assert line.camera("line-1")["unknown_labels"]
