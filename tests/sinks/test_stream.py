from __future__ import annotations

import gc
import json
import threading
from collections.abc import Collection
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import simplejpeg
from websockets.exceptions import ConnectionClosed

from edge.core.config import WebConfig
from edge.core.pool import FramePool
from edge.core.service import Conditions, ServiceState
from edge.core.types import CameraState, Detections, Frame
from edge.sinks.web import listening, watching
from edge.sinks.web.grade import Grade
from edge.sinks.web.picture import encode
from edge.sinks.web.server import LiveView
from tests.sinks.parts import ABOUT, DEADLINE_S, found, frame, running_line, status, until
from tests.sinks.viewing import connected_but_silent, picture, text, watch

NOISE = np.random.default_rng(1).integers(0, 255, (720, 1280, 3), np.uint8)
"""A picture of which a few fill every buffer on the way to a viewer."""
LIVE, LOST = CameraState.LIVE, CameraState.LOST


def test_a_viewer_is_greeted_with_the_model_and_every_camera(view: LiveView) -> None:
    view.camera_changed(status(LIVE))
    view.camera_changed(status(LOST, "no cable", camera="line-2"))
    with watch(view) as viewer:
        assert text(viewer) == {
            "type": "hello",
            "labels": ["scratch", "dent", "crack"],
            "model": "yolov8n-line",
            "engine": "ONNX Runtime CPU, fp32",
            "version": "1.2.3",
            "stale_ms": 2000.0,
            "conditions": [],
            "cameras": [
                {"camera": "line-1", "state": "live", "reason": ""},
                {"camera": "line-2", "state": "lost", "reason": "no cable"},
            ],
        }


def test_a_change_at_the_service_reaches_viewers_even_while_no_picture_comes() -> None:
    conditions, engine = Conditions(), ["int8"]
    about = replace(ABOUT, engine=lambda: engine[0])
    with LiveView(WebConfig(port=0), about, conditions=conditions) as view, watch(view) as viewer:
        assert text(viewer)["engine"] == "int8"
        engine[0] = "fp16"
        conditions.begin(ServiceState.FALLBACK, "they disagree")
        assert text(viewer) == {
            "type": "service",
            "engine": "fp16",
            "conditions": [{"state": "fallback", "reason": "they disagree"}],
        }


def test_a_picture_carries_its_boxes_its_age_and_the_figures(view: LiveView) -> None:
    with watch(view) as viewer, running_line(view, found(0, 2)):
        header, jpeg = picture(viewer)
    assert (header["type"], header["camera"]) == ("frame", "line-1")
    assert (header["width"], header["height"]) == (320, 180)
    assert [row["class_id"] for row in header["detections"]] == [0, 2]
    assert header["detections"][0] == {"box": [10, 40, 60, 90], "score": 0.9, "class_id": 0}
    assert 0 <= header["age_ms"] < DEADLINE_S * 1000
    assert header["stats"].keys() == {"fps", "dropped", "latency_ms"}
    image = simplejpeg.decode_jpeg(jpeg, colorspace="BGR", strict=True)
    assert np.abs(image[60, 100].astype(int) - (40, 160, 220)).max() < 12  # not red for blue


def test_a_picture_is_encoded_once_for_all_viewers_and_never_for_none(view: LiveView) -> None:
    for index in range(20):
        view.emit(frame(index), Detections.none())
    with watch(view) as one, watch(view) as two, watch(view) as three:
        viewers = (one, two, three)
        until(lambda: view.hub.viewers == 3, "three viewers")
        assert view.hub.encoded == 0
        for index in range(20, 25):
            view.emit(frame(index), Detections.none())
            assert [picture(each)[0]["index"] for each in viewers] == [index] * 3
        assert view.hub.encoded == 5
    until(lambda: view.hub.viewers == 0, "all gone")
    view.emit(frame(25), Detections.none())
    assert view.hub.encoded == 5


def test_a_changed_state_reaches_every_viewer_at_once(view: LiveView) -> None:
    with watch(view) as one, watch(view) as two:
        assert text(one)["type"] == text(two)["type"] == "hello"
        until(lambda: view.hub.viewers == 2, "two viewers")
        view.camera_changed(status(LOST, "no cable"))
        told = {"type": "status", "camera": "line-1", "state": "lost", "reason": "no cable"}
        assert text(one) == text(two) == told


def test_a_viewer_that_never_reads_costs_neither_memory_nor_the_others(view: LiveView) -> None:
    with watch(view) as reader, connected_but_silent(view):
        until(lambda: view.hub.viewers == 2, "two viewers")
        for index in range(60):
            view.emit(Frame(NOISE.copy(), index, 0.0, "line-1"), Detections.none())
            while picture(reader)[0]["index"] < index:  # the reader misses none
                pass
        (one,) = encode(Frame(NOISE, 0, 0.0), Detections.none(), None, 80, [Grade.FULL])
        size = len(one.jpeg)
        buffers = [
            connection.transport.get_write_buffer_size()
            for connection in view._server.server_state.connections
        ]
        assert 60 * size > 10_000_000
        assert max(buffers) < 2 * size
    assert view.summary.report().frames == 60


def test_a_slow_viewer_misses_frames_and_then_sees_the_newest(view: LiveView) -> None:
    with watch(view) as reader, watch(view, max_queue=1) as slow:
        until(lambda: view.hub.viewers == 2, "two viewers")
        for index in range(60):
            view.emit(Frame(NOISE.copy(), index, 0.0, "line-1"), Detections.none())
            while picture(reader)[0]["index"] < index:
                pass
        seen = [picture(slow)[0]["index"]]
        while seen[-1] < 59:
            seen.append(picture(slow)[0]["index"])
    assert seen == sorted(set(seen))
    assert len(seen) < 60


@pytest.mark.parametrize("module", [watching, listening], ids=["by the server", "by the kernel"])
def test_a_viewer_that_takes_nothing_for_long_is_disconnected(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType
) -> None:
    monkeypatch.setattr(module, "WRITE_TIMEOUT_S", 0.3)
    with LiveView(WebConfig(port=0, quality=95), ABOUT) as view, connected_but_silent(view):
        until(lambda: view.hub.viewers == 1, "one viewer")

        def push() -> bool:
            view.emit(Frame(NOISE.copy(), 0, 0.0), Detections.none())
            return view.hub.viewers == 0

        until(push, "the silent viewer was dropped")


def test_closing_does_not_wait_for_a_viewer_that_never_reads() -> None:
    view = LiveView(WebConfig(port=0), ABOUT)
    view.start()
    with connected_but_silent(view):
        until(lambda: view.hub.viewers == 1, "one viewer")

        def stuck() -> bool:
            view.emit(Frame(NOISE.copy(), 0, 0.0), Detections.none())
            connections = tuple(view._server.server_state.connections)
            return any(each.transport.get_write_buffer_size() for each in connections)

        until(stuck, "its buffer is full")
        view.close()
        view.close()
        gc.collect()  # a connection that was left open would complain now
    view.emit(frame(), Detections.none())  # late, and harmless
    view.camera_changed(status(LOST))


def test_a_picture_of_a_lost_camera_is_not_sent_any_more(view: LiveView) -> None:
    gate, entered = threading.Event(), threading.Event()
    really = view.hub._encode

    def slowly(frame: Frame, detections: Detections, grades: Collection[Grade]) -> Any:
        entered.set()
        gate.wait(DEADLINE_S)
        return really(frame, detections, grades)

    view.hub._encode = slowly
    with watch(view) as viewer:
        assert text(viewer)["type"] == "hello"
        until(lambda: view.hub.viewers == 1, "one viewer")
        view.emit(frame(1), Detections.none())
        assert entered.wait(DEADLINE_S)
        view.emit(frame(2), Detections.none())
        view.camera_changed(status(LOST))
        gate.set()
        until(lambda: view.hub.encoded == 1, "the first was encoded")
        view.camera_changed(status(LIVE))
        view.emit(frame(3), Detections.none())
        assert picture(viewer)[0]["index"] == 3


def test_a_picture_that_cannot_be_encoded_is_logged_once_and_the_next_ones_come(
    view: LiveView, caplog: pytest.LogCaptureFixture
) -> None:
    really, failures = view.hub._encode, 0

    def fragile(frame: Frame, detections: Detections, grades: Collection[Grade]) -> Any:
        nonlocal failures
        if frame.index < 3:
            failures += 1
            raise ValueError("no such picture")
        return really(frame, detections, grades)

    view.hub._encode = fragile
    with watch(view) as viewer:
        until(lambda: view.hub.viewers == 1, "one viewer")
        for index in range(3):
            view.emit(frame(index), Detections.none())
            until(lambda: failures > index, "tried")  # noqa: B023
        view.emit(frame(3), Detections.none())
        assert picture(viewer)[0]["index"] == 3
    assert [entry.levelname for entry in caplog.records] == ["ERROR", "WARNING"]


def test_with_nobody_watching_no_slot_of_the_pool_stays_leased(view: LiveView) -> None:
    pool = FramePool(320 * 180 * 3, slots=4)

    def emit(index: int) -> None:
        image = pool.array((180, 320, 3))
        assert image is not None, "the view holds more than two slots"
        image[:] = 90
        view.emit(Frame(image, index, 0.0), Detections.none())

    emit(0)
    assert pool.free == 4
    with watch(view) as viewer:
        until(lambda: view.hub.viewers == 1, "one viewer")
        for index in range(1, 200):
            emit(index)
        while picture(viewer)[0]["index"] < 199:
            pass
        until(lambda: pool.free == 4, "all slots are back")


def test_a_wide_picture_is_scaled_down_and_its_boxes_are_not() -> None:
    wide = np.full((500, 4000, 3), 90, np.uint8)
    every = list(encode(Frame(wide, 0, 10.0), found(0), None, 80, list(Grade)))
    shapes = [simplejpeg.decode_jpeg(each.jpeg).shape for each in every]
    assert shapes == [(160, 1280, 3), (80, 640, 3), (40, 320, 3)]
    message = every[0].message(now=10.25, seq=7)
    header = json.loads(message[4 : 4 + int.from_bytes(message[:4], "big")])
    assert (header["width"], header["height"]) == (4000, 500)
    assert header["detections"][0]["box"] == [10, 40, 60, 90]
    assert (header["age_ms"], header["stats"], header["seq"]) == (250.0, None, 7)


def test_more_viewers_than_allowed_are_told_so() -> None:
    with LiveView(WebConfig(port=0, max_viewers=1), ABOUT) as view, watch(view) as first:
        assert text(first)["type"] == "hello"
        until(lambda: view.hub.viewers == 1, "one viewer")
        with watch(view) as second, pytest.raises(ConnectionClosed) as caught:
            second.recv(DEADLINE_S)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1013
        assert "1 viewers are watching already" in caught.value.rcvd.reason
