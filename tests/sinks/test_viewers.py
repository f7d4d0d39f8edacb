from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from edge.core.errors import UnavailableError
from edge.core.types import Frame
from edge.sinks.web.grade import Grade
from edge.sinks.web.server import LiveView
from edge.sinks.web.viewers import ViewerLoad
from tests.sinks.parts import found, running_line, until


def test_twenty_viewers_one_of_which_never_reads_all_get_pictures(view: LiveView) -> None:
    with running_line(view, found(0, 1)) as emitted, ViewerLoad(view.url, 20, 1) as load:
        until(lambda: view.hub.viewers == 20, "twenty viewers")
        until(lambda: view.hub.encoded >= 10, "ten pictures")
        received = load.stop()
    assert (received.viewers, received.never_reading, received.lost) == (19, 1, 0)
    assert len(received.frames) == 19
    assert min(received.frames) >= 1
    assert max(received.frames) <= view.hub.encoded <= emitted()
    until(lambda: view.hub.viewers == 0, "all gone")


def test_a_viewer_with_a_slow_link_gets_fewer_and_smaller_pictures(view: LiveView) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (180, 320, 3), np.uint8)
    with ViewerLoad(view.url, 2, slow=1) as load:
        until(lambda: view.hub.viewers == 2, "two viewers")
        grades: set[Grade | None] = set()
        while Grade.QUARTER not in grades:
            view.emit(Frame(noise.copy(), 0, time.monotonic(), "line-1"), found())
            grades |= {viewer.grade_for("line-1") for viewer in tuple(view.hub._viewers)}
            time.sleep(0.02)
        received = load.stop()
    quick, slow = received.frames
    assert received.slow == 1
    assert slow < quick


def test_the_count_is_written_on_sigterm_too(view: LiveView) -> None:
    command = [sys.executable, "-m", "edge.sinks.web.viewers", view.url, "--viewers", "2"]
    with (
        running_line(view, found(0)),
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as load,
    ):
        assert load.stdout is not None
        assert load.stdout.readline() == b"watching\n"
        until(lambda: view.hub.encoded >= 3, "three pictures")
        load.send_signal(signal.SIGTERM)
        assert len(json.loads(load.stdout.readline())["frames"]) == 2


def test_viewers_without_a_page_say_so(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UnavailableError, match="could not connect"):
        ViewerLoad("http://127.0.0.1:9", 2, 1).start()
