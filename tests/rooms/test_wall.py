"""The wall of collected frames."""

from __future__ import annotations

import dataclasses

import httpx
import pytest
import simplejpeg

from edge.core.config import WebConfig
from edge.sinks.web.rooms import routes
from edge.sinks.web.server import LiveView
from tests.rooms.house import WHO, House, fill
from tests.sinks.parts import ABOUT


def test_collected_frames_are_shown_kept_and_discarded(house: House) -> None:
    fill(house, 3)
    wall = house.get("/api/collected").json()
    assert (wall["images"], wall["collecting"], wall["next"]) == (3, True, None)
    newest, _, oldest = wall["items"]
    assert newest["number"] > oldest["number"]
    assert (newest["camera"], newest["why"], newest["kept"]) == ("line-1", "disagreement", None)
    assert newest["at"].endswith("Z")
    path = f"/api/collected/{oldest['name']}"
    assert house.change("PATCH", path, {**WHO, "kept": True}).json()["kept"] is True
    assert [item["kept"] for item in house.get("/api/collected").json()["items"]] == [
        None,
        None,
        True,
    ]
    assert house.change("PATCH", path, {**WHO, "kept": None}).json()["kept"] is None
    assert house.change("PATCH", path, {**WHO, "kept": False}).json()["kept"] is False
    assert house.get("/api/collected").json()["images"] == 2
    assert house.get(f"{path}/picture.jpg").status_code == 404
    assert house.change("PATCH", path, {**WHO, "kept": True}).status_code == 404
    acts = [event["what"].split()[0] for event in house.get("/api/history").json()]
    assert acts[:3] == ["discard", "let", "keep"]


def test_the_wall_is_paged(house: House) -> None:
    fill(house, 3)
    first = house.get("/api/collected", limit=2).json()
    rest = house.get("/api/collected", limit=2, before=first["next"]).json()
    names = [item["name"] for item in first["items"] + rest["items"]]
    assert len(set(names)) == 3
    assert rest["next"] is None


@pytest.mark.parametrize(("width", "expected"), [(None, 160), (64, 64), (1000, 160)])
def test_a_picture_is_as_wide_as_asked_for_and_never_enlarged(
    house: House, width: int | None, expected: int
) -> None:
    fill(house, 1)
    name = house.get("/api/collected").json()["items"][0]["name"]
    asked = {"width": width} if width else {}
    picture = house.get(f"/api/collected/{name}/picture.jpg", **asked)
    assert simplejpeg.decode_jpeg_header(picture.content)[1] == expected


def test_a_damaged_picture_says_so(house: House) -> None:
    fill(house, 1)
    name = house.get("/api/collected").json()["items"][0]["name"]
    (house.folder / "collected" / name).write_bytes(b"\xff\xd8 and no more")
    answer = house.get(f"/api/collected/{name}/picture.jpg", width=64)
    assert answer.status_code == 503
    assert "damaged" in answer.json()["error"]["what"]


@pytest.mark.parametrize(
    "name",
    [
        "..%2f..%2fkey",
        "golden.jpg",
        "00000000-20260921T141320Z-routine-line-1.jpg",
        "%2fetc%2fpasswd",
    ],
)
def test_only_what_was_collected_can_be_seen(house: House, name: str) -> None:
    fill(house, 1)
    (house.folder / "collected" / "golden.jpg").write_bytes(b"somebody's own")
    assert house.get(f"/api/collected/{name}/picture.jpg").status_code == 404
    assert house.change("PATCH", f"/api/collected/{name}", {**WHO, "kept": False}).status_code in (
        404,
        405,
    )
    assert (house.folder / "collected" / "golden.jpg").exists()


def test_a_word_that_is_none_is_refused(house: House) -> None:
    fill(house, 1)
    name = house.get("/api/collected").json()["items"][0]["name"]
    for body, field in (({"kept": "yes"}, "kept"), ({}, "kept"), ({"kept": 1}, "kept")):
        answer = house.change("PATCH", f"/api/collected/{name}", WHO | body)
        assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)


def test_where_nothing_is_collected_the_wall_is_empty_and_says_so(house: House) -> None:
    assert house.opened.rooms
    bare = dataclasses.replace(house.opened.rooms, collect=None)
    with LiveView(WebConfig(port=0), ABOUT, rooms=routes(bare)) as view:
        wall = httpx.get(f"{view.url}/api/collected").json()
    assert (wall["items"], wall["collecting"]) == ([], False)
