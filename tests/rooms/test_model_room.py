"""Bundles, their reports, the way back, and a recalibration from the page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.app.memory import StoredMemory
from edge.engine import publish
from edge.host.state import StateStore
from tests.rooms.house import REPORT, WHO, House, a_bundle, a_config, a_house
from tests.sinks.parts import until


def memory(house: House) -> StoredMemory:
    return StoredMemory(StateStore(house.folder / "state" / "state.db"))


def statuses(house: House) -> list[str]:
    return [bundle["status"] for bundle in house.get("/api/models").json()["bundles"]]


def test_bundles_are_listed_with_their_scores_and_what_they_are_now(house: House) -> None:
    listed = house.get("/api/models").json()
    by_id = {bundle["id"]: bundle for bundle in listed["bundles"]}
    assert {listed["current"], listed["previous"]} == set(by_id)
    newest = by_id[listed["current"]]
    assert newest["status"] == "current"
    assert by_id[listed["previous"]]["status"] == "previous"
    assert (listed["candidate"], listed["refused"]) == (None, False)
    assert (newest["map"], newest["map50"]) == (0.9, 0.95)
    assert (newest["agreement"], newest["agreement_85"]) == (0.99, 0.97)
    assert newest["made_at"].endswith("Z")
    assert (newest["precision"], newest["report"], newest["reason"]) == ("int8", True, "")


def test_a_bundle_that_has_yet_to_prove_itself_is_a_candidate(house: House) -> None:
    assert house.opened.rooms
    models: object = house.opened.rooms.models
    models._on_trial = lambda bundle: True  # type: ignore[attr-defined]
    listed = house.get("/api/models").json()
    assert listed["candidate"] == listed["current"]
    assert set(statuses(house)) == {"candidate", "previous"}


def test_a_bundle_that_failed_is_rejected_and_says_why(house: House) -> None:
    listed = house.get("/api/models").json()
    memory(house).reject(listed["previous"], "its canaries differ")
    after = {bundle["id"]: bundle for bundle in house.get("/api/models").json()["bundles"]}
    assert after[listed["current"]]["status"] == "current"
    assert after[listed["previous"]]["status"] == "rejected"
    assert after[listed["previous"]]["reason"] == "its canaries differ"


def test_a_report_is_served_where_it_cannot_act(house: House) -> None:
    current = house.get("/api/models").json()["current"]
    answer = house.get(f"/api/models/{current}/report")
    assert answer.text == REPORT
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox;")
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"


def test_a_report_that_was_changed_is_not_served(house: House) -> None:
    current = house.get("/api/models").json()["current"]
    page = house.folder / "models" / "builds" / current / "report.html"
    page.write_text("<script>alert(1)</script>")
    answer = house.get(f"/api/models/{current}/report")
    assert answer.status_code == 422
    assert "changed" in answer.json()["error"]["what"]


def test_a_bundle_that_was_changed_says_so_and_the_others_are_listed(house: House) -> None:
    current = house.get("/api/models").json()["current"]
    manifest = house.folder / "models" / "builds" / current / "manifest.json"
    manifest.write_text(manifest.read_text().replace("colours", "colors"))
    by_id = {bundle["id"]: bundle for bundle in house.get("/api/models").json()["bundles"]}
    assert len(by_id) == 2
    assert by_id[current]["map"] is None
    assert house.get(f"/api/models/{current}/report").status_code == 422


@pytest.mark.parametrize("bundle", ["..", "..%2f..%2fkey", "builds", "nothing", "%00", "refused"])
def test_nothing_but_bundles_has_a_report(house: House, bundle: str) -> None:
    assert house.get(f"/api/models/{bundle}/report").status_code == 404


def test_the_report_of_a_refused_build_is_there_too(house: House) -> None:
    refused = house.folder / "models" / "refused"
    refused.mkdir()
    (refused / "report.html").write_text("too many false boxes")
    assert house.get("/api/models").json()["refused"] is True
    assert house.get("/api/models/refused/report").text == "too many false boxes"


def test_a_rollback_goes_back_and_is_written_down_with_who_and_why(house: House) -> None:
    before = house.get("/api/models").json()
    answer = house.change("POST", "/api/models/rollback", WHO)
    assert answer.json() == {"from": before["current"], "to": before["previous"]}
    assert publish.in_use(house.folder / "models") == before["previous"]
    act = house.get("/api/history").json()[0]
    assert (act["who"], act["why"]) == ("Ann", "a new product")
    assert act["what"] == f"roll back from {before['current']} to {before['previous']}"


def test_a_rollback_to_what_failed_before_or_to_nothing_is_refused(house: House) -> None:
    previous = house.get("/api/models").json()["previous"]
    memory(house).reject(previous, "it answered nonsense")
    answer = house.change("POST", "/api/models/rollback", WHO)
    assert answer.status_code == 409
    assert "it answered nonsense" in answer.json()["error"]["what"]
    (house.folder / "models" / "previous").unlink()
    answer = house.change("POST", "/api/models/rollback", WHO)
    assert answer.status_code == 409
    assert "no earlier bundle" in answer.json()["error"]["what"]
    assert house.get("/api/history").json() == [
        event for event in house.get("/api/history").json() if event["who"] is None
    ]


def test_an_act_that_cannot_be_written_down_is_not_done(tmp_path: Path) -> None:
    for number in (1, 2):
        a_bundle(tmp_path, number)
    with a_house(tmp_path) as house:
        current = publish.in_use(tmp_path / "models")
        _break(house)
        answer = house.change("POST", "/api/models/rollback", WHO)
        assert answer.status_code == 503
        assert "not done" in answer.json()["error"]["what"]
        assert publish.in_use(tmp_path / "models") == current


def _break(house: House) -> None:
    """As a disk that refused does: the file is opened anew, and cannot be."""
    assert house.opened.rooms
    book: object = house.opened.rooms.book
    book._ledger._database._disconnect()  # type: ignore[attr-defined]
    database = house.folder / "state" / "rooms.db"
    database.unlink()
    database.mkdir()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/models/rollback"),
        ("POST", "/api/recalibration"),
        ("DELETE", "/api/recalibration"),
    ],
)
@pytest.mark.parametrize(
    ("body", "field"),
    [({"who": "Ann"}, "why"), ({"why": "because"}, "who"), ({**WHO, "path": "/etc"}, "path")],
)
def test_every_act_asks_who_and_why(
    house: House, method: str, path: str, body: dict[str, str], field: str
) -> None:
    answer = house.change(method, path, body)
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == field


# Recalibration


def with_child(house: House, child: str) -> None:
    """Another program in the place of the real one."""
    assert house.opened.rooms
    recalibration: object = house.opened.rooms.recalibration
    recalibration._child = child  # type: ignore[attr-defined]


def ended(house: House) -> dict[str, object]:
    def state() -> dict[str, object]:
        told: dict[str, object] = house.get("/api/recalibration").json()
        return told

    until(lambda: state()["state"] not in ("running", "idle"), "it ended")
    return state()


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[House]:
    """A house that may recalibrate; its images are missing."""
    for number in (1, 2):
        a_bundle(tmp_path, number)
    section = {"model": tmp_path / "m.onnx", "images": tmp_path / "images"}
    config = a_config(tmp_path, recalibrate=section)
    with a_house(tmp_path, config) as house:
        yield house


def test_without_a_word_on_what_to_build_from_there_is_none(house: House) -> None:
    answer = house.change("POST", "/api/recalibration", WHO)
    assert answer.status_code == 409
    assert "recalibrate" in answer.json()["error"]["what"]
    assert house.get("/api/recalibration").json()["state"] == "idle"


def test_a_recalibration_tells_its_steps_and_its_verdict(ready: House) -> None:
    with_child(ready, "tests.rooms.fake_recalibration")
    answer = ready.change("POST", "/api/recalibration", WHO)
    assert answer.status_code == 202
    assert answer.json()["state"] == "running"
    told = ended(ready)
    assert told["state"] == "passed"
    assert (told["from"], told["to"], told["reason"]) == ("a", "b", "within the gate")
    assert told["lines"] == ["scoring", "int8 minmax: passed: within the gate"]
    assert told["step"] == "scoring, 2 of 3"
    whats = [event["what"] for event in ready.get("/api/history").json()]
    assert whats[:2] == ["the recalibration passed: within the gate", "start a recalibration"]


def test_cameras_passwords_are_not_handed_to_the_process(ready: House) -> None:
    with_child(ready, "tests.rooms.fake_recalibration")
    ready.change("POST", "/api/recalibration", WHO)
    ended(ready)
    given = (ready.folder / "images").with_name("given.json").read_text()
    assert "recalibrate" in given
    assert "CANARY" not in given


def test_one_at_a_time_and_abort_ends_it(ready: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_TEST_HANG", "1")
    with_child(ready, "tests.rooms.fake_recalibration")
    ready.change("POST", "/api/recalibration", WHO)
    until(lambda: bool(ready.get("/api/recalibration").json()["lines"]), "it speaks")
    again = ready.change("POST", "/api/recalibration", WHO)
    assert again.status_code == 409
    aborted = ready.change("DELETE", "/api/recalibration", WHO)
    assert aborted.json()["state"] == "failed"
    assert aborted.json()["reason"] == "it was aborted"
    assert ready.change("DELETE", "/api/recalibration", WHO).status_code == 409


def test_a_recalibration_elsewhere_is_seen_and_is_the_only_one(ready: House) -> None:
    with publish.exclusive(ready.folder / "models", publish.RECALIBRATION):
        assert ready.get("/api/recalibration").json()["state"] == "running"
        assert ready.change("POST", "/api/recalibration", WHO).status_code == 409
        assert ready.change("DELETE", "/api/recalibration", WHO).status_code == 409


def test_the_real_process_says_why_it_fails_and_nothing_is_published(ready: House) -> None:
    current = publish.in_use(ready.folder / "models")
    ready.change("POST", "/api/recalibration", WHO)
    told = ended(ready)
    assert told["state"] == "failed"
    assert "m.onnx" in str(told["reason"])
    assert publish.in_use(ready.folder / "models") == current


def test_a_service_that_ends_takes_its_recalibration_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_TEST_HANG", "1")
    a_bundle(tmp_path, 1)
    section = {"model": tmp_path / "m.onnx", "images": tmp_path / "images"}
    with a_house(tmp_path, a_config(tmp_path, recalibrate=section)) as house:
        with_child(house, "tests.rooms.fake_recalibration")
        house.change("POST", "/api/recalibration", WHO)
        until(lambda: (tmp_path / "pid").exists(), "it runs")
        pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
