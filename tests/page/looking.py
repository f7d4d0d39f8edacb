"""What a person checks on the page, for the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.page.test_sources import SOURCES

AXE = SOURCES / "node_modules" / "axe-core" / "axe.min.js"

PHONE = {"width": 390, "height": 844}
WIDE = {"width": 1920, "height": 1080}

# The colour of the picture's pixel (x, y) of 320 x 180, wherever the page shows it whole.
PIXEL = """([x, y]) => {
  const canvas = document.querySelector("canvas");
  const scale = Math.min(canvas.width / 320, canvas.height / 180);
  const left = (canvas.width - 320 * scale) / 2, top = (canvas.height - 180 * scale) / 2;
  const pen = canvas.getContext("2d");
  return [...pen.getImageData(left + x * scale, top + y * scale, 1, 1).data].slice(0, 3);
}"""

CUT_OFF = """() => document.documentElement.scrollWidth > document.documentElement.clientWidth
  ? [...document.querySelectorAll("main *")]
      .filter((it) => it.getBoundingClientRect().right > document.documentElement.clientWidth + 1
        && !it.closest(".scroll, .strip, dialog"))
      .map((it) => `${it.tagName}.${it.getAttribute("class")}`)
  : []"""


def wait_for_colour(page: Page, at: tuple[float, float], colour: tuple[int, int, int]) -> None:
    page.locator("canvas").first.wait_for()
    page.wait_for_function(
        f"([at, want]) => ({PIXEL})(at).every((value, i) => Math.abs(value - want[i]) < 25)",
        arg=[at, colour],
    )


def choose(page: Page, choice: str) -> None:
    """Click one of the settings."""
    page.locator(".settings button").first.click()
    page.get_by_label(choice, exact=True).check()
    page.keyboard.press("Escape")


def cut_off(page: Page) -> list[str]:
    """Everything that reaches beyond the screen's right edge."""
    return list(page.evaluate(CUT_OFF))


def barriers(page: Page) -> list[dict[str, Any]]:
    """What keeps people with disabilities from using the page, as axe finds it."""
    if not AXE.exists():
        pytest.skip("needs axe-core, one of the page's tools: make page")
    if not page.evaluate("'axe' in window"):
        page.evaluate(Path(AXE).read_text("utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        {"rule": each["id"], "where": [node["target"] for node in each["nodes"]][:5]}
        for each in found["violations"]
    ]


def heard(page: Page, said: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The messages of one kind so far; Playwright passes events on only while it is asked."""
    page.wait_for_timeout(20)
    return [each for each in said if each["type"] == kind]


def sent_by(page: Page) -> list[dict[str, Any]]:
    """What the page says over its WebSockets from now on, as it comes."""
    said: list[dict[str, Any]] = []
    page.on(
        "websocket",
        lambda link: link.on("framesent", lambda text: said.append(json.loads(text))),
    )
    return said
