"""What viewers ask for, and that each gets no more than it takes."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import simplejpeg
from websockets.sync.client import ClientConnection

from edge.core.config import WebConfig
from edge.core.types import CameraState, Detections, Frame, Verdict
from edge.sinks.web import cameras, listening
from edge.sinks.web.grade import Grade
from edge.sinks.web.server import LiveView
from tests.sinks.parts import (
    ABOUT,
    DEADLINE_S,
    TestClock,
    found,
    frame,
    running_line,
    status,
    until,
)
from tests.sinks.viewing import closed_with, picture, text, watch

LIVE, LOST = CameraState.LIVE, CameraState.LOST
WIDE = {"width": 1280, "height": 720}


def tell(viewer: ClientConnection, **message: Any) -> None:
    viewer.send(json.dumps(message))


def wish(view: LiveView, viewer: ClientConnection, **wanted: Any) -> None:
    """Watch, and wait until the server knows."""
    before = {each: each.wish for each in view.hub._viewers}
    tell(viewer, type="watch", **wanted)
    until(lambda: any(each.wish is not wish for each, wish in before.items()), "it was heard")


def width_of(jpeg: bytes) -> int:
    return int(simplejpeg.decode_jpeg_header(jpeg)[1])


def emit(view: LiveView, index: int, *names: str) -> None:
    for name in names:
        view.emit(frame(index, camera=name, **WIDE), found(0))


def test_only_the_cameras_that_are_watched_are_encoded_and_sent(view: LiveView) -> None:
    with watch(view) as viewer:
        text(viewer)
        wish(view, viewer, cameras=["b"])
        emit(view, 1, "a", "b")
        assert picture(viewer)[0]["camera"] == "b"
        assert view.hub.encoded == 1


def test_a_hidden_page_gets_states_and_no_pictures(view: LiveView) -> None:
    with watch(view) as viewer:
        text(viewer)
        wish(view, viewer, cameras=[])
        emit(view, 1, "a")
        view.camera_changed(status(LOST, "no cable"))
        assert json.loads(viewer.recv(DEADLINE_S))["state"] == "lost"
        assert view.hub.encoded == 0


def test_each_size_is_encoded_once_for_all_who_watch_it(view: LiveView) -> None:
    with watch(view) as wide, watch(view) as small, watch(view) as tiny, watch(view) as other:
        for viewer in (wide, small, tiny, other):
            text(viewer)
        until(lambda: view.hub.viewers == 4, "four viewers")
        wish(view, small, width=600)
        wish(view, tiny, width=320)
        wish(view, other, width=200)
        emit(view, 1, "a")
        got = [picture(viewer) for viewer in (wide, small, tiny, other)]
        assert [width_of(jpeg) for _, jpeg in got] == [1280, 640, 320, 320]
        assert {header["width"] for header, _ in got} == {1280}  # boxes are in its own pixels
        assert view.hub.encoded == 3


def test_a_wish_while_a_picture_is_encoded_costs_no_picture(view: LiveView) -> None:
    gate, entered = threading.Event(), threading.Event()
    really = view.hub._encode

    def slowly(frame: Frame, detections: Detections, grades: Collection[Grade]) -> Any:
        entered.set()
        gate.wait(DEADLINE_S)
        return really(frame, detections, grades)

    view.hub._encode = slowly
    with watch(view) as viewer:
        text(viewer)
        until(lambda: view.hub.viewers == 1, "one viewer")
        emit(view, 1, "a")
        assert entered.wait(DEADLINE_S)
        wish(view, viewer, width=320)
        gate.set()
        assert width_of(picture(viewer)[1]) == 1280


def test_a_quality_that_is_insisted_on_is_sent_however_slow_the_link(view: LiveView) -> None:
    with watch(view) as viewer:
        text(viewer)
        wish(view, viewer, quality=10)
        emit(view, 1, "a")
        assert width_of(picture(viewer)[1]) == 320


def test_pictures_carry_numbers_and_the_verdict(view: LiveView) -> None:
    with watch(view) as viewer:
        text(viewer)
        until(lambda: view.hub.viewers == 1, "one viewer")
        for index, verdict in enumerate((Verdict.NG, None)):
            none = Detections.none()
            judged = Detections(none.boxes, none.scores, none.class_ids, verdict=verdict)
            view.emit(frame(index), judged)
            header, _ = picture(viewer)
            assert header["seq"] == index
            assert header["verdict"] == (verdict and verdict.value)


def test_who_watches_gets_the_next_picture_only_when_it_has_the_one_before() -> None:
    clock = TestClock()
    with LiveView(WebConfig(port=0), ABOUT, clock=clock) as view, watch(view) as viewer:
        text(viewer)
        wish(view, viewer)
        emit(view, 1, "a")
        seq = picture(viewer)[0]["seq"]
        for index in range(2, 30):
            emit(view, index, "a")
        (served,) = view.hub._viewers
        waiting = served._pictures
        until(
            lambda: "a" in waiting and b'"index": 29,' in waiting["a"].about, "the last one waits"
        )
        tell(viewer, type="taken", seq=seq)
        assert picture(viewer)[0]["index"] == 29  # the newest, and none of those between


def test_a_link_that_takes_long_gets_smaller_pictures() -> None:
    clock = TestClock()
    with LiveView(WebConfig(port=0), ABOUT, clock=clock) as view, watch(view) as viewer:
        text(viewer)
        wish(view, viewer)
        widths = []
        for index in range(4):
            emit(view, index, "a")
            header, jpeg = picture(viewer)
            widths.append(width_of(jpeg))
            clock.time += 1.0
            tell(viewer, type="taken", seq=header["seq"])
            (served,) = view.hub._viewers
            until(lambda: not served._pace._sent_s, "it was heard")  # noqa: B023
    assert widths == [1280, 640, 320, 320]


@pytest.mark.parametrize(
    "message",
    [
        *("", "{", "[]", "1", '{"type": "run", "command": "reboot"}', '{"type": "taken"}'),
        *('{"type": "taken", "seq": -1}', '{"type": "taken", "seq": "0"}'),
        *('{"type": "watch", "camera": "a"}', '{"type": "watch", "quality": 9}'),
        *('{"type": "watch", "width": 0}', json.dumps({"type": "watch", "cameras": ["x"] * 65})),
    ],
)
def test_a_message_that_is_not_understood_ends_the_connection(view: LiveView, message: str) -> None:
    with watch(view) as viewer:
        text(viewer)
        viewer.send(message)
        assert closed_with(viewer) == (1008, "The message is no watch or taken; see /openapi.json")


def test_cameras_are_listed_with_state_size_and_rate(view: LiveView) -> None:
    view.camera_changed(status(LOST, "no cable", camera="b"))
    view.camera_changed(status(LIVE, camera="a"))
    emit(view, 1, "a")
    a, b = httpx.get(view.url + "/api/cameras").json()
    assert (a["name"], a["state"], a["width"], a["height"]) == ("a", "live", 1280, 720)
    assert a["age_ms"] >= 0
    assert b == {
        **{"name": "b", "state": "lost", "reason": "no cable"},
        **{"width": None, "height": None, "fps": 0.0, "age_ms": None},
    }


@pytest.fixture
def line(view: LiveView) -> Iterator[LiveView]:
    view.camera_changed(status(LIVE))
    with running_line(view, found(0, 2)):
        until(lambda: bool(view.hub.sizes()), "a frame")
        yield view


def test_a_single_picture_comes_with_all_that_is_known_of_it(line: LiveView) -> None:
    answer = httpx.get(line.url + "/api/cameras/line-1/picture.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    about = json.loads(answer.headers["x-edge-frame"])
    assert about["camera"] == "line-1"
    assert [row["class_id"] for row in about["detections"]] == [0, 2]
    assert 0 <= about["age_ms"] < DEADLINE_S * 1000
    image = simplejpeg.decode_jpeg(answer.content, colorspace="BGR", strict=True)
    assert np.abs(image[60, 100].astype(int) - (40, 160, 220)).max() < 12
    until(lambda: line.hub.viewers == 0, "it is not watched any more")


@pytest.mark.parametrize(
    ("path", "status", "what"),
    [
        ("nothing/picture.jpg", 404, "There is no camera 'nothing'."),
        ("nothing/stream.mjpeg", 404, "There is no camera 'nothing'."),
        ("line-1/picture.jpg?width=-1", 422, "width: '-1' is no width in pixels."),
        ("line-1/picture.jpg?width=1e3", 422, "width: '1e3' is no width in pixels."),
        ("line-1/stream.mjpeg?width=²", 422, "width: '²' is no width in pixels."),
    ],
)
def test_what_is_not_there_is_refused(line: LiveView, path: str, status: int, what: str) -> None:
    answer = httpx.get(f"{line.url}/api/cameras/{path}")
    assert (answer.status_code, answer.json()["error"]["what"]) == (status, what)


@pytest.mark.parametrize("path", ["picture.jpg", "stream.mjpeg"])
def test_a_camera_that_is_not_live_shows_no_old_picture(line: LiveView, path: str) -> None:
    line.camera_changed(status(LOST, "no cable"))
    answer = httpx.get(f"{line.url}/api/cameras/line-1/{path}")
    assert answer.status_code == 503
    assert answer.json()["error"]["what"] == "no cable"
    assert answer.json()["state"] == "lost"


def test_a_camera_that_stops_while_one_waits_is_refused(
    view: LiveView, monkeypatch: pytest.MonkeyPatch
) -> None:
    view.camera_changed(status(LIVE))
    emit(view, 1, "line-1")
    monkeypatch.setattr(cameras, "STALE_S", 0.1)
    answer = httpx.get(view.url + "/api/cameras/line-1/picture.jpg")
    assert answer.status_code == 503
    assert "no frame was inspected for" in answer.json()["error"]["what"]


def test_a_stream_shows_a_live_camera_and_ends_with_it(line: LiveView) -> None:
    with httpx.stream("GET", line.url + "/api/cameras/line-1/stream.mjpeg?width=100") as stream:
        kind = stream.headers["content-type"]
        assert kind == "multipart/x-mixed-replace; boundary=edge-picture"
        received = b""
        for piece in stream.iter_bytes():
            received += piece
            if received.count(b"--edge-picture\r\n") > 3:
                line.camera_changed(status(LOST, "no cable"))
    head, _, rest = received.partition(b"\r\n\r\n")
    size = int(head.rpartition(b" ")[2])
    assert width_of(rest[:size]) == 320
    assert rest[size:].startswith(b"\r\n--edge-picture\r\n")
    assert received.endswith(b"--edge-picture--\r\n")
    until(lambda: line.hub.viewers == 0, "it is not watched any more")


def test_the_head_of_a_stream_is_no_stream(line: LiveView) -> None:
    answer = httpx.head(line.url + "/api/cameras/line-1/stream.mjpeg")
    assert answer.headers["content-type"].startswith("multipart/x-mixed-replace")
    until(lambda: line.hub.viewers == 0, "nobody watches")


def test_a_stream_without_new_frames_ends(view: LiveView) -> None:
    view.camera_changed(status(LIVE))
    emit(view, 1, "line-1")
    answer = httpx.get(view.url + "/api/cameras/line-1/stream.mjpeg", timeout=DEADLINE_S)
    assert answer.content == b"--edge-picture--\r\n"


def test_a_stream_that_nobody_reads_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "WRITE_TIMEOUT_S", 0.3)
    monkeypatch.setattr(cameras, "WRITE_TIMEOUT_S", 0.3)
    noise = np.random.default_rng(1).integers(0, 255, (720, 1280, 3), np.uint8)
    with LiveView(WebConfig(port=0, quality=95), ABOUT) as view:
        view.camera_changed(status(LIVE))
        view.emit(frame(0), Detections.none())
        with httpx.stream("GET", view.url + "/api/cameras/line-1/stream.mjpeg"):
            until(lambda: view.hub.viewers == 1, "one viewer")

            def push() -> bool:
                fresh = frame(1)
                view.emit(type(fresh)(noise.copy(), 1, fresh.captured_at, "line-1"), found())
                return view.hub.viewers == 0

            until(push, "the silent viewer was dropped")


def test_streams_and_pictures_count_as_viewers() -> None:
    with LiveView(WebConfig(port=0, max_viewers=1), ABOUT) as view, watch(view) as viewer:
        view.camera_changed(status(LIVE))
        view.emit(frame(0), Detections.none())
        text(viewer)
        until(lambda: view.hub.viewers == 1, "one viewer")
        for path in ("picture.jpg", "stream.mjpeg"):
            answer = httpx.get(f"{view.url}/api/cameras/line-1/{path}")
            assert answer.status_code == 503
            assert "1 viewers are watching already" in answer.json()["error"]["what"]
