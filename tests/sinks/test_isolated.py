from __future__ import annotations

import logging

import pytest

from edge.core.types import CameraState, CameraStatus, Detections, Frame
from edge.sinks.isolated import Isolated
from tests.sinks.parts import frame, status


class FragileSink:
    def __init__(self) -> None:
        self.broken = False
        self.calls: list[str] = []

    def emit(self, frame: Frame, detections: Detections) -> None:
        self._call("emit")

    def camera_changed(self, status: CameraStatus) -> None:
        self._call("camera_changed")

    def close(self) -> None:
        self._call("close")

    def _call(self, name: str) -> None:
        if self.broken:
            raise OSError("no space left")
        self.calls.append(name)


def test_a_working_sink_gets_everything() -> None:
    inner = FragileSink()
    sink = Isolated(inner, "fragile")
    sink.camera_changed(status(CameraState.LIVE))
    sink.emit(frame(), Detections.none())
    sink.close()
    assert inner.calls == ["camera_changed", "emit", "close"]
    assert sink.failures == 0


def test_a_failure_is_logged_when_it_starts_and_when_it_ends_and_counted_in_between(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inner = FragileSink()
    sink = Isolated(inner, "fragile")
    for broken in (False, True, True, True, False, False, True):
        inner.broken = broken
        sink.emit(frame(), Detections.none())
        assert sink.failing is broken
    assert sink.failures == 4
    assert [(entry.levelno, entry.exc_info is not None) for entry in caplog.records] == [
        (logging.ERROR, True),
        (logging.WARNING, False),
        (logging.ERROR, True),
    ]
    assert "3 results were lost" in caplog.messages[1]


def test_a_sink_that_cannot_close_does_not_stop_the_others_from_closing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inner = FragileSink()
    inner.broken = True
    Isolated(inner, "fragile").close()
    assert "fragile: failed to close" in caplog.text
