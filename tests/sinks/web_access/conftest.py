from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.core.config import WebConfig
from edge.sinks.web.access import passwords
from edge.sinks.web.server import LiveView
from tests.sinks.parts import ABOUT
from tests.sinks.web_access.people import QUICK, three_people
from tests.sinks.web_access.rooms import ROOMS


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_HASHER", QUICK)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    three_people(tmp_path)
    return tmp_path


@pytest.fixture
def view(state: Path) -> Iterator[LiveView]:
    """A page with users and without TLS, on loopback."""
    with LiveView(WebConfig(port=0, folder=state), ABOUT, rooms=ROOMS) as view:
        yield view
