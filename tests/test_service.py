"""The service as a process of its own: what its service manager is told."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.app.memory import StoredMemory
from edge.engine.bundle import write_bundle
from edge.engine.publish import publish
from edge.host.state import Moment, StateStore, this_moment
from tests.engine.bundles import fields
from tests.engine.models import colour_model, constant_model, saved

LOST = "rtsp://127.0.0.1:9/nothing"  # the discard port: nobody listens
RENDERED = "pattern://?size=64x64&fps=50"
FOLLOWING = """
cameras: [{name: c0, uri: 'pattern://?size=64x64&realtime=false'}]
model: models/current
watch: {every_s: 0.1, trial_boxes: 100, trial_frames: 5, least_boxes: 40}
sinks: {web: null, jsonl: {path: results.jsonl}}
"""


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """Stands where systemd's notification socket is."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(40)
        yield listening


@contextmanager
def service(folder: Path, *cameras: str, config: str = "") -> Iterator[subprocess.Popen[str]]:
    saved(colour_model(), folder / "colours.onnx")
    rows = "".join(f"  - {{name: c{n}, uri: '{uri}'}}\n" for n, uri in enumerate(cameras))
    plain = f"cameras:\n{rows}model: colours.onnx\nsinks: {{web: null}}\n"
    file = folder / "edge.yaml"
    file.write_text(config or plain)
    with subprocess.Popen(
        [sys.executable, "-m", "edge", "run", "-c", str(file)],
        env={
            **os.environ,
            "NOTIFY_SOCKET": str(folder / "notify"),
            "WATCHDOG_USEC": "20000000",
            "EDGE_KEY_FILE": str(folder / "key"),
            "STATE_DIRECTORY": str(folder / "state"),
        },
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def hear(manager: socket.socket, wanted: str, count: int = 1) -> list[str]:
    """Everything that is said until ``wanted`` came so often."""
    heard: list[str] = []
    while sum(wanted in each for each in heard) < count:
        heard.append(manager.recv(4096).decode())
    return heard


def test_a_running_line_is_ready_alive_and_says_when_it_stops(
    tmp_path: Path, manager: socket.socket
) -> None:
    with service(tmp_path, RENDERED) as process:
        heard = hear(manager, "WATCHDOG=1", 2)
        assert heard[0] == "EXTEND_TIMEOUT_USEC=600000000"  # a long start is none that hangs
        assert "READY=1" in heard[1]
        assert "STATUS=running" in heard
        process.send_signal(signal.SIGTERM)
        hear(manager, "STOPPING=1")
        assert process.wait(20) == 0


def test_a_line_whose_cameras_are_all_lost_is_blind_and_stays_alive(
    tmp_path: Path, manager: socket.socket
) -> None:
    with service(tmp_path, LOST):
        assert "READY=1" in hear(manager, "STATUS=blind")[1]
        hear(manager, "WATCHDOG=1", 3)  # the engine answers, and the camera is tried again


def test_a_line_with_one_lost_camera_of_two_is_degraded_and_says_which(
    tmp_path: Path, manager: socket.socket
) -> None:
    with service(tmp_path, LOST, RENDERED):
        hear(manager, "STATUS=degraded: rtsp://127.0.0.1:9/nothing")


def head(boxes: int) -> NDArray[np.float32]:
    """An answer with so many boxes, apart from each other, out of ten anchors; -1: nonsense."""
    answer = np.zeros((1, 7, 10), np.float32)
    for anchor in range(10):
        answer[0, :4, anchor] = (6 * anchor + 4, 32, 4, 40)
        answer[0, 4, anchor] = 0.9 if anchor < boxes else 0.0
    return answer if boxes >= 0 else answer * np.float32(np.nan)


class Builds:
    """A folder of bundles; each engine finds so many boxes, its fallback ten."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.models = folder / "models"

    def publish(self, boxes: int) -> str:
        names = {"names": "{0: 'red', 1: 'green', 2: 'blue'}"}
        files = {
            "engine.onnx": saved(constant_model(head(boxes), metadata=names), self._folder / "e"),
            "fallback.onnx": saved(constant_model(head(10), metadata=names), self._folder / "f"),
        }
        size = {"width": 64, "height": 64}
        made = fields(engine="engine.onnx", fallback="fallback.onnx", input_size=size)
        bundle = write_bundle(self.models, files, made, key=self._folder / "key")
        publish(self.models, bundle)
        return bundle.name

    @property
    def current(self) -> str:
        return (self.models / "current").resolve().name


def test_bundles_are_taken_proven_and_taken_back_while_the_line_runs_and_no_frame_is_lost(
    tmp_path: Path, manager: socket.socket
) -> None:
    builds = Builds(tmp_path)
    first = builds.publish(10)
    with service(tmp_path, config=FOLLOWING) as process:
        hear(manager, "STATUS=running")
        second = builds.publish(10)
        wait_for(tmp_path, "confirmed", second)
        collapsed = builds.publish(0)
        wait_for(tmp_path, "rolled back", collapsed)
        assert builds.current == second
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    rows = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    indexes = [row["index"] for row in rows if "index" in row]
    assert indexes == list(range(indexes[0], indexes[-1] + 1))  # none lost, none twice
    assert {len(row["detections"]) for row in rows if row["detections"] is not None} == {0, 10}
    assert first != second


def test_an_engine_that_answers_nan_costs_no_frame_its_inspection(
    tmp_path: Path, manager: socket.socket
) -> None:
    builds = Builds(tmp_path)
    first = builds.publish(10)
    with service(tmp_path, config=FOLLOWING) as process:
        hear(manager, "STATUS=running")
        broken = builds.publish(-1)
        wait_for(tmp_path, "rolled back", broken)
        assert builds.current == first
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    rows = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    inspected = [row for row in rows if "index" in row]
    indexes = [row["index"] for row in inspected]
    assert indexes == list(range(indexes[0], indexes[-1] + 1))
    assert {len(row["detections"]) for row in inspected} == {10}


def wait_for(folder: Path, kind: str, bundle: str) -> None:
    """Until the service has written this down."""
    deadline = time.monotonic() + 60
    store = StateStore(folder / "state" / "state.db")
    while not any(event.kind == kind and bundle in event.text for event in store.history()):
        assert time.monotonic() < deadline, [event.text for event in store.history()]
        time.sleep(0.1)
    store.close()


def test_after_a_crash_loop_the_last_good_bundle_runs_on_its_fallback_and_says_why(
    tmp_path: Path, manager: socket.socket
) -> None:
    builds = Builds(tmp_path)
    good = builds.publish(10)
    now = this_moment()
    moments = (Moment(now.boot, now.at_s - number) for number in itertools.count())
    store = StateStore(tmp_path / "state" / "state.db", now=lambda: next(moments))
    StoredMemory(store).confirm(good)
    for _ in range(5):
        store.begin_run()  # and never ended
    store.close()
    builds.publish(0)  # what it crashed with
    with service(tmp_path, config=FOLLOWING) as process:
        told = hear(manager, "STATUS=fallback")[-1]
        assert "safe mode" in told
        hear(manager, "WATCHDOG=1", 3)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    rows = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert {len(row["detections"]) for row in rows if row["detections"] is not None} == {10}
