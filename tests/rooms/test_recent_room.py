"""Recent detections, asked for over HTTP."""

from __future__ import annotations

import csv
import io

import pytest
import simplejpeg

from edge.core.types import Detections
from tests.rooms.house import House, a_config, a_house, fill
from tests.sinks.parts import found


def test_a_detection_is_listed_and_opens_its_picture(house: House) -> None:
    house.show(found(0, 2), age_s=0.25)
    (item,) = house.recorded(1)
    assert item["camera"] == "line-1"
    assert item["age_ms"] == 250.0
    assert item["at"].endswith("Z")
    assert item["verdict"] is None  # nobody has set rules
    assert [box["label"] for box in item["boxes"]] == ["scratch", "crack"]
    assert house.get(f"/api/detections/{item['id']}").json() == item
    picture = house.get(f"/api/detections/{item['id']}/picture.jpg")
    assert picture.headers["content-type"] == "image/jpeg"
    assert simplejpeg.decode_jpeg_header(picture.content)[:2] == (item["height"], item["width"])
    thumbnail = house.get(f"/api/detections/{item['id']}/thumbnail.jpg")
    assert simplejpeg.decode_jpeg_header(thumbnail.content)[1] == 240


def test_pages_follow_each_other(house: House) -> None:
    fill(house, 5)
    seen, before = [], None
    for _ in range(3):
        page = house.get(
            "/api/detections", limit=2, **({"before": before} if before else {})
        ).json()
        seen += [item["id"] for item in page["items"]]
        before = page["next"]
    assert seen == [5, 4, 3, 2, 1]
    assert before is None


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({"label": "dent"}, 1),
        ({"min_score": 0.6}, 3),
        ({"camera": "line-2"}, 0),
        ({"since": "2020-01-01T00:00:00Z"}, 3),
        ({"until": "2020-01-01T00:00:00"}, 0),
        ({"verdict": "ng"}, 0),
    ],
)
def test_filters_are_heard_by_list_and_exports(
    house: House, wanted: dict[str, str], count: int
) -> None:
    fill(house, 3)
    assert len(house.get("/api/detections", **wanted).json()["items"]) == count
    lines = house.get("/api/export/detections.csv", **wanted)
    assert "attachment" in lines.headers["content-disposition"]
    assert len({row["id"] for row in csv.DictReader(io.StringIO(lines.text))}) == count
    assert len(house.get("/api/export/coco.json", **wanted).json()["images"]) == count


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/detections?min_score=2", "min_score"),
        ("/api/detections?min_score=nan", "min_score"),
        ("/api/detections?limit=0", "limit"),
        ("/api/detections?limit=201", "limit"),
        ("/api/detections?before=-1", "before"),
        ("/api/detections?since=yesterday", "since"),
        ("/api/detections?verdict=good", "verdict"),
        ("/api/detections?colour=red", "colour"),
        ("/api/export/coco.json?limit=3", "limit"),
        ("/api/series?minutes=100000", "minutes"),
        ("/api/counts?hours=x", "hours"),
        ("/api/history?limit=-3", "limit"),
    ],
)
def test_a_parameter_that_cannot_be_meant_is_named(house: House, path: str, field: str) -> None:
    answer = house.get(path)
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == field


@pytest.mark.parametrize(
    "path",
    [
        "/api/detections/99",
        "/api/detections/99/picture.jpg",
        "/api/detections/99/thumbnail.jpg",
        "/api/detections/99999999999999999999",
        "/api/detections/-1",
        "/api/detections/one",
        "/api/detections/..%2f..%2fkey/picture.jpg",
    ],
)
def test_what_is_not_there_is_not_found(house: House, path: str) -> None:
    answer = house.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["what"]


def test_where_nothing_is_recorded_the_reason_is_told(house: House) -> None:
    folder = house.folder / "other"
    config = a_config(house.folder, sinks={"record": None, "collect": {}})
    with a_house(folder, config) as other:
        other.show(Detections.none())
        answer = other.get("/api/detections")
    assert answer.status_code == 503
    assert "sinks.record" in answer.json()["error"]["remedy"]


def test_a_second_service_does_not_write_among_the_firsts_pictures(house: House) -> None:
    with a_house(house.folder) as second:
        assert second.get("/api/detections").status_code == 503
        house.show(found(0))
        house.recorded(1)
