"""The live room in a real browser: verdicts, tools, languages, and networks as they are."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from playwright.sync_api import Page, expect

from edge.core.types import CameraState, Detections, Verdict
from edge.sinks.web.server import LiveView
from tests.page.conftest import OpenPage
from tests.page.looking import (
    PHONE,
    WIDE,
    barriers,
    choose,
    cut_off,
    heard,
    sent_by,
    wait_for_colour,
)
from tests.page.slow_link import SlowLink
from tests.sinks.parts import found, running_line, status, until

LIVE, LOST = CameraState.LIVE, CameraState.LOST
SCRATCH, PLAIN = (255, 176, 0), (90, 90, 90)
UPPER_EDGE = (30, 40)
NO_WEBSOCKET = """window.WebSocket = class {
  constructor() { setTimeout(() => this.onclose({ reason: "" }), 10); }
  send() {}
  close() {}
};"""

REMEMBER_PAINTED = """window.painted = { index: -1 };
addEventListener("edge-painted", ({ detail }) => { window.painted = detail; });"""
SHOWN = "() => [window.painted.index, document.querySelector('.tile').dataset.state]"
FOCUSED = "() => document.activeElement.ariaLabel ?? document.activeElement.innerText"
FONT_PX = "it => parseFloat(getComputedStyle(it).fontSize)"


def judged(verdict: Verdict | None, *class_ids: int) -> Detections:
    return replace(found(*class_ids), verdict=verdict)


@pytest.mark.parametrize(
    ("verdict", "word", "colour"),
    [
        (Verdict.OK, "OK", "rgb(53, 199, 117)"),
        (Verdict.NG, "NG", "rgb(255, 93, 85)"),
        (Verdict.UNKNOWN, "UNKNOWN", "rgb(245, 166, 35)"),
    ],
)
def test_a_verdict_is_a_big_word_in_its_colour(
    open_page: OpenPage, view: LiveView, verdict: Verdict, word: str, colour: str
) -> None:
    page = open_page(color_scheme="dark", viewport=WIDE)
    view.camera_changed(status(LIVE))
    with running_line(view, judged(verdict, 0)):
        page.goto(view.url)
        plate = page.locator(".verdict")
        expect(plate.locator(".word")).to_have_text(word)
        expect(plate).to_have_css("background-color", colour)
        # Two metres away 1 % of the distance is read with ease: 20 mm, 70 px on a 24 inch screen.
        height = float(plate.locator(".word").evaluate(FONT_PX))
        assert height >= (52 if verdict is Verdict.UNKNOWN else 70)


def test_without_rules_no_verdict_is_shown_and_never_ok(page: Page, view: LiveView) -> None:
    view.camera_changed(status(LIVE))
    with running_line(view, judged(None, 0)):
        page.goto(view.url)
        expect(page.locator(".count")).to_have_text("1")
        expect(page.locator(".verdict")).to_have_count(0)


def test_the_verdict_of_a_camera_that_is_lost_is_unknown_and_the_last_ng_is_remembered(
    page: Page, view: LiveView
) -> None:
    view.camera_changed(status(LIVE))
    page.goto(view.url)
    with running_line(view, judged(Verdict.NG, 0)):
        expect(page.locator(".verdict .word")).to_have_text("NG")
    view.camera_changed(status(LOST, "no cable"))
    expect(page.locator(".verdict .word")).to_have_text("UNKNOWN")
    expect(page.locator(".verdict .before")).to_have_text(re.compile(r"Last NG \d+ s ago"))


def test_a_held_picture_stays_is_called_held_and_the_figures_go_on(
    page: Page, view: LiveView
) -> None:
    view.camera_changed(status(LIVE))
    page.goto(view.url)
    with running_line(view, found(0)):
        wait_for_colour(page, UPPER_EDGE, SCRATCH)
        page.get_by_role("button", name="Hold picture").click()
        expect(page.locator(".held")).to_contain_text(re.compile(r"Held picture, \d+ s old"))
    with running_line(view, Detections.none()):
        expect(page.locator(".count")).to_have_text("No detections")
        wait_for_colour(page, UPPER_EDGE, SCRATCH)  # the box of the held picture
        page.get_by_role("button", name="Back to live").first.click()
        wait_for_colour(page, UPPER_EDGE, PLAIN)
        expect(page.locator(".held")).to_have_count(0)


def test_a_held_picture_does_not_hide_that_the_camera_is_lost(page: Page, view: LiveView) -> None:
    view.camera_changed(status(LIVE))
    page.goto(view.url)
    with running_line(view, found(0)):
        expect(page.locator(".count")).to_have_text("1")
        page.get_by_role("button", name="Hold picture").click()
    view.camera_changed(status(LOST, "no cable"))
    expect(page.locator(".what")).to_have_text("Camera lost")
    expect(page.locator(".count")).to_have_text("Unknown")


def test_zoom_by_keyboard_wheel_and_buttons(page: Page, view: LiveView) -> None:
    view.camera_changed(status(LIVE))
    with running_line(view, found(0)):
        page.goto(view.url)
        wait_for_colour(page, (145, 75), (220, 160, 40))
        page.get_by_role("button", name="Zoom in").focus()
        for _ in range(4):
            page.keyboard.press("+")
        expect(page.locator(".zoom")).to_contain_text("Zoom 3.8")
        for _ in range(10):
            page.keyboard.press("ArrowRight")
        wait_for_colour(page, (160, 90), PLAIN)  # the right half: nothing but grey
        page.keyboard.press("0")
        expect(page.locator(".zoom")).to_have_count(0)
        box = page.locator("canvas").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * 0.5)
        page.mouse.wheel(0, -600)
        expect(page.locator(".zoom")).to_be_visible()
        page.get_by_role("button", name="Whole picture").click()
        expect(page.locator(".zoom")).to_have_count(0)


def test_an_image_is_saved_as_it_is_shown(page: Page, view: LiveView, tmp_path: Path) -> None:
    view.camera_changed(status(LIVE))
    with running_line(view, found(0)):
        page.goto(view.url)
        wait_for_colour(page, UPPER_EDGE, SCRATCH)
        with page.expect_download() as download:
            page.get_by_role("button", name="Save image").click()
    assert re.fullmatch(r"line-1-\d{4}-\d\d-\d\dT[\d-]+Z\.jpg", download.value.suggested_filename)
    download.value.save_as(tmp_path / "saved.jpg")
    with PillowImage.open(tmp_path / "saved.jpg") as image:
        assert image.size == (320, 180)
        pixel = np.array(image.getpixel(UPPER_EDGE))
    assert np.abs(pixel - SCRATCH).max() < 60


def test_the_page_speaks_chinese_and_stays_so(page: Page, view: LiveView) -> None:
    view.camera_changed(status(LIVE, camera="a"))
    view.camera_changed(status(LOST, "42", camera="b"))
    with running_line(view, judged(Verdict.OK, 0), camera="a"):
        page.goto(view.url)
        expect(page.locator("[data-camera=b] .badge")).to_have_text("Camera lost")
        choose(page, "简体中文")
        page.reload()
        expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        expect(page.locator("[data-camera=b] .what")).to_have_text("相机丢失")
        expect(page.locator("[data-camera=a] .badge")).to_have_text("实时")
        text = page.locator("main").inner_text()
        known = r"OK|NG|ms|scratch|a|b|1|[\d.,]+"
        english = [word for word in re.findall(r"[A-Za-z]+", text) if not re.fullmatch(known, word)]
        assert english == []


def test_a_chinese_browser_is_greeted_in_chinese(open_page: OpenPage, view: LiveView) -> None:
    page = open_page(locale="zh-CN")
    page.goto(view.url)
    expect(page.locator("#link")).to_have_text("已连接")


def test_light_and_dark_follow_the_device_until_somebody_chooses(
    open_page: OpenPage, view: LiveView
) -> None:
    page = open_page(color_scheme="light")
    page.goto(view.url)
    ground = page.locator("html")
    expect(ground).to_have_css("background-color", "rgb(237, 240, 243)")
    choose(page, "Dark")
    expect(ground).to_have_css("background-color", "rgb(12, 16, 21)")
    page.emulate_media(color_scheme="dark")
    choose(page, "Light")
    expect(ground).to_have_css("background-color", "rgb(237, 240, 243)")


def test_one_camera_is_looked_at_alone_and_only_its_pictures_are_asked_for(
    page: Page, view: LiveView
) -> None:
    said = sent_by(page)
    wishes = partial(heard, page, said, "watch")
    for camera in ("a", "b"):
        view.camera_changed(status(LIVE, camera=camera))
    with running_line(view, found(0), camera="a"), running_line(view, found(1), camera="b"):
        page.goto(view.url)
        expect(page.locator(".tile")).to_have_count(2)
        page.get_by_role("link", name="b", exact=True).click()
        expect(page.locator(".tile")).to_have_count(1)
        expect(page.locator("[data-camera=b] .count")).to_have_text("1")
        until(lambda: wishes()[-1]["cameras"] == ["b"], "only b is asked for")
        page.get_by_role("link", name="All cameras").click()
        expect(page.locator("[data-camera=a] .count")).to_have_text("1")
        until(lambda: bool(heard(page, said, "taken")), "pictures are acknowledged")
        until(lambda: wishes()[-1]["cameras"] is None, "all are asked for")
    assert wishes()[-1]["width"] in (640, 960, 1280)


def test_where_websockets_are_blocked_pictures_come_one_by_one_and_are_as_honest(
    open_page: OpenPage, view: LiveView
) -> None:
    page = open_page(NO_WEBSOCKET, device_scale_factor=2)
    view.camera_changed(status(LIVE))
    with running_line(view, judged(Verdict.NG, 0)):
        page.goto(view.url)
        expect(page.locator("#link")).to_have_text("Connected, slow")
        expect(page.locator(".badge")).to_have_text("Live")
        wait_for_colour(page, UPPER_EDGE, SCRATCH)
        expect(page.locator(".verdict .word")).to_have_text("NG")
        expect(page.locator(".age")).to_contain_text("ms")
    expect(page.locator(".what")).to_have_text("No new picture")
    view.camera_changed(status(LOST, "no cable"))
    expect(page.locator(".what")).to_have_text("Camera lost")
    expect(page.locator(".why")).to_have_text("no cable")


def test_a_network_that_stops_without_a_word_is_seen_and_so_is_its_return(
    page: Page, view: LiveView
) -> None:
    view.camera_changed(status(LIVE))
    with SlowLink(view.url, 1e7) as link, running_line(view, found(0)):
        page.goto(link.url)
        expect(page.locator(".badge")).to_have_text("Live")
        link.bytes_per_s = 0
        expect(page.locator(".what")).to_have_text("No new picture")
        expect(page.locator(".count")).to_have_text("Unknown")
        link.bytes_per_s = 1e7
        expect(page.locator(".badge")).to_have_text("Live")


def test_on_a_slow_network_the_picture_is_new_or_called_old(
    open_page: OpenPage, view: LiveView
) -> None:
    page = open_page(REMEMBER_PAINTED)
    view.camera_changed(status(LIVE))
    with SlowLink(view.url, 1e7) as link, running_line(view, found(0)) as emitted:
        page.goto(link.url)
        expect(page.locator(".badge")).to_have_text("Live")
        link.bytes_per_s = 12_000
        for _ in range(4):
            seen = int(page.evaluate("() => window.painted.index"))
            page.wait_for_function("(seen) => window.painted.index > seen", arg=seen)
            shown = page.evaluate(SHOWN)
            assert (emitted() - shown[0]) / 30 < 3 or shown[1] == "late"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, WIDE], ids=["phone", "desktop"])
def test_everybody_can_use_the_live_room(
    open_page: OpenPage, view: LiveView, scheme: str, size: dict[str, int]
) -> None:
    page = open_page(color_scheme=scheme, viewport=size)
    for camera, state in {"a": LIVE, "b": LOST}.items():
        view.camera_changed(status(state, "no cable", camera=camera))
    with running_line(view, judged(Verdict.NG, 0, 1, 2), camera="a"):
        page.goto(view.url)
        expect(page.locator("[data-camera=a] .verdict")).to_be_visible()
        page.get_by_role("button", name="Settings").click()
        assert barriers(page) == []
        assert cut_off(page) == []


def test_the_keyboard_reaches_everything(page: Page, view: LiveView) -> None:
    view.camera_changed(status(LIVE))
    with running_line(view, found(0)):
        page.goto(view.url)
        expect(page.locator(".badge")).to_have_text("Live")
        reached = []
        for _ in range(14):
            page.keyboard.press("Tab")
            reached.append(page.evaluate(FOCUSED))
    wanted = ["Skip to the content", "Boxes", "Labels", "Scores", "Settings", "Hold picture"]
    wanted += ["Zoom in", "Save image", "Full screen"]
    assert [name for name in wanted if name not in reached] == []
