from __future__ import annotations

import logging

import pytest

from edge.host.logs import MOST, WINDOW_S, Sparingly, logging_sparingly
from tests.sinks.parts import TestClock


class Log:
    """What is written of what is said, at a time that the test moves."""

    def __init__(self) -> None:
        self.clock = TestClock()
        self.lines: list[str] = []
        self._filter = Sparingly(self.clock)

    def say(self, text: str, *args: object, level: int = logging.WARNING) -> None:
        record = logging.LogRecord("edge.camera", level, "", 0, text, args, None)
        if self._filter.filter(record):
            self.lines.append(record.getMessage())


@pytest.fixture
def log() -> Log:
    return Log()


def test_a_camera_that_comes_and_goes_for_a_day_fills_no_journal(log: Log) -> None:
    for _ in range(24 * 3600 // 2):
        log.say("%s: %s", "line-1", "stalled")
        log.clock.time += 2
    assert len(log.lines) == MOST + 24 * 3600 / WINDOW_S - 1
    assert (
        log.lines[-1] == f"line-1: stalled ({WINDOW_S / 2 - 1:.0f} such lines were left out before)"
    )


def test_another_camera_and_another_message_are_heard_all_the_same(log: Log) -> None:
    for _ in range(MOST + 5):
        log.say("%s: %s", "line-1", "stalled")
    log.say("%s: %s", "line-2", "stalled")
    log.say("%s: works again", "line-1")
    log.say("%s: %s", "line-1", "stalled", level=logging.ERROR)
    assert log.lines[MOST:] == ["line-2: stalled", "line-1: works again", "line-1: stalled"]


def test_after_a_quiet_time_all_is_as_at_first(log: Log) -> None:
    for _ in range(2):
        for _ in range(MOST):
            log.say("%s: %s", "line-1", "stalled")
        log.clock.time += WINDOW_S
    assert log.lines == ["line-1: stalled"] * 2 * MOST


def test_ever_new_messages_take_no_memory_for_ever(log: Log) -> None:
    for number in range(5000):
        log.say(f"message {number}")
    assert len(log.lines) == 5000
    assert len(log._filter._kinds) <= 500


def test_a_message_without_figures_and_one_with_a_mapping_are_lines_too(log: Log) -> None:
    log.say("plain")
    log.say("%(what)s", {"what": "mapped"})
    assert log.lines == ["plain", "mapped"]


def test_all_that_a_process_logs_is_spared_until_the_block_ends() -> None:
    handler, root = logging.NullHandler(), logging.getLogger()
    root.addHandler(handler)
    try:
        with logging_sparingly():
            assert len(handler.filters) == 1
        assert not handler.filters
    finally:
        root.removeHandler(handler)
