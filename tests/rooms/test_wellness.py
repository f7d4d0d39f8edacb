"""Health and history, asked for over HTTP."""

from __future__ import annotations

from pathlib import Path

from edge.app.rooms.book import Book
from edge.core.service import ServiceState
from edge.core.types import CameraState
from edge.host.state import StateStore
from tests.rooms.house import WHO, House, a_config, a_house, fill, say_live
from tests.sinks.parts import found, frame, status, until


def book_of(house: House) -> Book:
    assert house.opened.rooms
    book = house.opened.rooms.book
    assert isinstance(book, Book)
    return book


def test_health_says_what_is_so_and_why(house: House) -> None:
    fill(house, 2)
    house.show(found(0), camera="line-2", after_s=0.1)
    house.conditions.begin(ServiceState.FALLBACK, "the engines disagree")
    house.conditions.warn("disk", "the disk is nearly full")
    for sink in house.sinks:
        sink.camera_changed(status(CameraState.LOST, "no cable", "line-2", house.clock.time))
    health = house.get("/api/health").json()
    assert health["state"] == "fallback"
    assert health["reasons"] == [
        {"state": "fallback", "reason": "the engines disagree"},
        {"state": "warning", "reason": "the disk is nearly full"},
        {"state": "lost", "reason": "no cable"},
    ]
    assert (health["engine"], health["bundle"]) == ("fake", "bundle-1")
    assert health["frame_age_ms"]["p50"] is not None
    assert health["host"]["memory_total_mb"] > 0
    assert health["host"]["disk_free_mb"] > 0
    assert health["record"]["entries"] >= 2
    assert health["uptime_s"] > 0


def test_the_detectors_time_for_a_frame_is_told(house: House) -> None:
    model = house.opened.model
    model.submit(frame())
    assert model.free == 0
    house.clock.time += 0.02
    model.collect()
    assert abs(house.get("/api/health").json()["latency_ms"]["p50"] - 20) < 0.3


def test_a_disk_without_room_is_told_with_what_was_recorded(tmp_path: Path) -> None:
    record = {"least_free_mb": 1_000_000.0}
    with a_house(tmp_path, a_config(tmp_path, sinks={"record": record, "collect": {}})) as house:
        house.show(found(0))
        assert house.opened.rooms
        recording = house.opened.rooms.record
        assert recording
        until(lambda: recording.report().failures == 1, "refused")
        told = house.get("/api/health").json()["record"]
    assert (told["entries"], told["failures"]) == (0, 1)
    assert "sinks.record.least_free_mb" in told["failing"]


def test_points_are_made_beside_the_loop(house: House) -> None:
    house.show(found(0, 1))
    book_of(house).step()
    series = house.get("/api/series", minutes=5).json()
    assert sum(series["detections"]) == 2
    assert {len(values) for values in series.values()} == {len(series["at"])}
    assert set(series) >= {"at", "fps", "frame_age_p50_ms", "latency_p50_ms", "temperature_c"}


def test_the_history_tells_states_bundles_and_acts_together(house: House) -> None:
    say_live(house)
    for sink in house.sinks:
        sink.camera_changed(status(CameraState.LOST, "no cable"))
    book_of(house).step()
    StateStore(house.folder / "state" / "state.db").record("swap", "b2 is in service")
    house.change("POST", "/api/models/rollback", WHO)
    history = house.get("/api/history").json()
    assert history[0]["what"].startswith("roll back")
    assert (history[0]["who"], history[0]["why"]) == ("Ann", "a new product")
    whats = [event["what"] for event in history]
    assert "line-1 is lost: no cable" in whats
    assert "line-2 is live" in whats
    assert "swap: b2 is in service" in whats
    assert any(what.startswith("the service is") for what in whats)
    assert all(event["at"].endswith("Z") for event in history)
    assert len(house.get("/api/history", limit=2).json()) == 2


def test_a_state_is_told_when_it_changes_and_not_again(house: House) -> None:
    for _ in range(3):
        book_of(house).step()
    told = [event["what"] for event in house.get("/api/history").json()]
    assert len([what for what in told if what.startswith("the service is")]) == 1
