"""SIGHUP and a real service: another configuration, a wrong one, one that cannot be opened."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.app.readings import CONFIGURATION
from edge.app.reloading import Reload
from edge.core.config import CameraConfig, EdgeConfig
from edge.core.errors import ConfigError, UnavailableError
from edge.core.service import Conditions
from edge.host.notify import Notifier
from edge.host.state import StateStore
from tests.test_service import hear, manager, service

__all__ = ["manager"]

CONFIG = """
cameras: [{name: NAME, uri: 'pattern://?size=64x64&fps=20'}]
model: colours.onnx
sinks: {web: null, jsonl: {path: results.jsonl}}
"""


def results(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 40
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_another_configuration_comes_into_force_in_the_same_process_and_the_gap_is_unknown(
    tmp_path: Path, manager: socket.socket
) -> None:
    with service(tmp_path, config=CONFIG.replace("NAME", "first")) as process:
        hear(manager, "STATUS=running")
        (tmp_path / "edge.yaml").write_text(CONFIG.replace("NAME", "second"))
        process.send_signal(signal.SIGHUP)
        told = hear(manager, "RELOADING=1")[-1]
        assert "MONOTONIC_USEC=" in told
        assert not [each for each in hear(manager, "READY=1") if "STOPPING" in each]
        until(
            lambda: any(row["camera"] == "second" and "index" in row for row in results(tmp_path))
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    rows = results(tmp_path)
    last = [row for row in rows if row["camera"] == "first"][-1]
    assert last["detections"] is None, "not inspected any more, and not without defects"
    assert "configuration is read again" in last["reason"]
    second = [row for row in rows if row["camera"] == "second"]
    assert second[0]["detections"] is None


def test_a_configuration_with_an_error_is_refused_and_the_line_goes_on(
    tmp_path: Path, manager: socket.socket
) -> None:
    with service(tmp_path, config=CONFIG.replace("NAME", "first")) as process:
        hear(manager, "STATUS=running")
        (tmp_path / "edge.yaml").write_text("cameras: [{name: second, url: 'pattern://'}]")
        process.send_signal(signal.SIGHUP)
        told = hear(manager, "READY=1")[-1]
        assert "refused, the one before stays in force" in told
        assert "did you mean 'uri'" in told
        inspected = len(results(tmp_path))
        until(lambda: len(results(tmp_path)) > inspected + 5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    indexes = [row["index"] for row in results(tmp_path) if "index" in row]
    assert indexes == sorted(set(indexes)), "the camera was never opened again"


def test_what_cannot_be_opened_is_left_for_the_configuration_before_and_is_no_crash(
    tmp_path: Path, manager: socket.socket
) -> None:
    with service(tmp_path, config=CONFIG.replace("NAME", "first")) as process:
        hear(manager, "STATUS=running")
        other = CONFIG.replace("NAME", "second").replace("results.jsonl", "missing/results.jsonl")
        (tmp_path / "edge.yaml").write_text(other)
        process.send_signal(signal.SIGHUP)
        hear(manager, "RELOADING=1")
        hear(manager, "READY=1")
        until(lambda: "index" in results(tmp_path)[-1])
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert {row["camera"] for row in results(tmp_path)} == {"first"}
    store = StateStore(tmp_path / "state" / "state.db")
    assert all(run.clean for run in store.runs())
    store.close()


def config(name: str) -> EdgeConfig:
    return EdgeConfig(cameras=[CameraConfig(name=name, uri="pattern://")])


class File:
    """A configuration that people edit."""

    def __init__(self) -> None:
        self.content: EdgeConfig | ConfigError = config("first")
        self.ended = threading.Event()
        self.reload = Reload(config("first"), self.read, Notifier(None))
        self.conditions = Conditions()

    def read(self) -> EdgeConfig:
        if isinstance(self.content, ConfigError):
            raise self.content
        return self.content

    def edit(self, content: EdgeConfig | ConfigError) -> None:
        self.content = content
        self.reload._reload()


@pytest.fixture
def file() -> File:
    return File()


def test_the_error_is_told_until_a_configuration_is_accepted_in_every_run(file: File) -> None:
    with file.reload.running(file.ended.set, file.conditions):
        file.edit(ConfigError("edge.yaml:3:5: unknown key 'uri_'"))
        assert "3:5" in file.conditions.warnings()[CONFIGURATION]
    again = Conditions()
    with file.reload.running(file.ended.set, again):
        assert "3:5" in again.warnings()[CONFIGURATION]
        file.edit(config("first"))
        assert not again.warnings()
    assert not file.ended.is_set()


def test_the_same_configuration_again_interrupts_nothing(file: File) -> None:
    with file.reload.running(file.ended.set, file.conditions):
        file.edit(config("first"))
        assert not file.ended.is_set()
        assert not file.reload.pending


def test_one_that_comes_while_another_is_being_opened_is_not_forgotten(file: File) -> None:
    file.edit(config("second"))
    assert not file.ended.is_set()
    with file.reload.running(file.ended.set, file.conditions):
        assert file.ended.is_set()
    assert file.reload.pending
    file.reload.begin()
    assert file.reload.config == config("second")


def test_there_is_a_way_back_until_everything_is_open(file: File) -> None:
    file.edit(config("second"))
    file.reload.begin()
    assert file.reload.may_go_back()
    assert file.reload.go_back(UnavailableError("the port is taken"))
    assert file.reload.config == config("first")
    file.edit(config("third"))
    file.reload.begin()
    file.reload.opened()
    assert not file.reload.go_back(UnavailableError("the camera burns"))
