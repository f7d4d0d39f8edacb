from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from edge.core.config import WebConfig
from edge.sinks.web.server import LiveView
from tests.sinks.parts import ABOUT


@pytest.fixture(autouse=True)
def _leaves_no_thread() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [thread.name for thread in set(threading.enumerate()) - before]
    assert not left, f"threads left behind: {left}"


@pytest.fixture
def view() -> Iterator[LiveView]:
    with LiveView(WebConfig(port=0), ABOUT) as view:
        yield view
