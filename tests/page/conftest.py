from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from edge.core.config import WebConfig
from edge.sinks.web.server import LiveView
from tests.sinks.parts import ABOUT, DEADLINE_S

CHROMIUM = Path("/usr/bin/chromium")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)
DESKTOP = {"width": 1280, "height": 800}

OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"needs Chromium at {CHROMIUM} (Debian and Ubuntu: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens tabs of browsers of their own; no script may fail and no policy be broken in any."""
    expect.set_options(timeout=DEADLINE_S * 1000)
    complaints: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if "Security Policy" in message.text:
            complaints.append(message.text)

    with ExitStack() as stack:

        def opened(script: str = "", **options: Any) -> Page:
            context = browser.new_context(**{"viewport": DESKTOP, "locale": "en-GB"} | options)
            stack.callback(context.close)
            context.set_default_timeout(DEADLINE_S * 1000)
            if script:
                context.add_init_script(script)
            page = context.new_page()
            page.on("console", on_console)
            page.on("pageerror", lambda error: complaints.append(error.message))
            return page

        yield opened
    assert complaints == []


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    return open_page(device_scale_factor=2)


@pytest.fixture
def view() -> Iterator[LiveView]:
    with LiveView(WebConfig(port=0), ABOUT) as view:
        yield view
