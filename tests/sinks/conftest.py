from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from edge.core.config import WebConfig
from edge.sinks.web.server import LiveView
from tests.sinks.parts import ABOUT

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(autouse=True)
def _leaves_no_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    if "browser" in request.fixturenames:  # it lives longer than one test
        request.getfixturevalue("browser")
    before = set(threading.enumerate())
    yield
    left = [thread.name for thread in set(threading.enumerate()) - before]
    assert not left, f"threads left behind: {left}"


@pytest.fixture
def view() -> Iterator[LiveView]:
    with LiveView(WebConfig(port=0), ABOUT) as view:
        yield view


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"needs Chromium at {CHROMIUM} (Debian and Ubuntu: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-quic",
            ],
        )
        yield browser
        browser.close()
