"""The page in a real browser: what an operator sees, and that it never shows the past as now."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from edge.core.config import WebConfig
from edge.core.service import Conditions, ServiceState
from edge.core.types import CameraState, Detections
from edge.sinks.web.server import LiveView
from tests.page.looking import wait_for_colour
from tests.sinks.parts import ABOUT, found, running_line, status

LIVE, LOST = CameraState.LIVE, CameraState.LOST
SQUARE, SCRATCH, PLAIN = (220, 160, 40), (255, 176, 0), (90, 90, 90)


def expect_unknown(page: Page, title: str) -> None:
    expect(page.locator(".overlay")).to_be_visible()
    expect(page.locator(".what")).to_have_text(title)
    expect(page.locator(".unknown")).to_have_text("Detections unknown")
    expect(page.locator(".badge")).to_have_text(title)
    expect(page.locator(".count")).to_have_text("Unknown")
    expect(page.locator(".legend li")).to_have_count(0)
    assert "blur" in page.locator("canvas").evaluate("it => getComputedStyle(it).filter")


def expect_live(page: Page, count: str) -> None:
    expect(page.locator(".badge")).to_have_text("Live")
    expect(page.locator(".overlay")).to_be_hidden()
    expect(page.locator(".count")).to_have_text(count)
    assert page.locator("canvas").evaluate("it => getComputedStyle(it).filter") == "none"


def test_the_picture_its_boxes_and_the_figures_are_shown(page: Page, view: LiveView) -> None:
    view.camera_changed(status(LIVE))
    with running_line(view, found(0, 0, 2)):
        page.goto(view.url)
        expect_live(page, "3")
        wait_for_colour(page, (145, 75), SQUARE)
        wait_for_colour(page, (30, 40), SCRATCH)  # the upper edge of the first box
        wait_for_colour(page, (300, 170), PLAIN)
        expect(page.locator(".legend li")).to_have_text(["scratch2", "crack1"])
        expect(page.locator("#model")).to_have_text("yolov8n-line")
        expect(page.locator("#engine")).to_have_text("ONNX Runtime CPU, fp32")
        expect(page.locator(".fps")).to_contain_text("fps")
        expect(page.locator(".age")).to_contain_text("ms")
        expect(page.locator(".dropped")).to_have_text("0")
        expect(page.locator("#link")).to_have_text("Connected")


def test_what_is_so_at_the_service_stands_above_the_pictures(page: Page) -> None:
    conditions, engine = Conditions(), ["int8"]
    about = replace(ABOUT, engine=lambda: engine[0])
    with LiveView(WebConfig(port=0), about, conditions=conditions) as view:
        view.camera_changed(status(LIVE))
        with running_line(view, found(0)):
            page.goto(view.url)
            expect_live(page, "1")
            expect(page.locator("#conditions p")).to_have_count(0)
            engine[0] = "fp16"
            conditions.begin(ServiceState.FALLBACK, "INT8 and FP16 disagree")
            expect(page.locator("#conditions")).to_have_text(
                "Running on the fallback modelINT8 and FP16 disagree"
            )
            expect(page.locator("#engine")).to_have_text("fp16")
            conditions.end(ServiceState.FALLBACK)
            expect(page.locator("#conditions p")).to_have_count(0)


def test_boxes_and_labels_are_switched_by_keyboard(page: Page, view: LiveView) -> None:
    view.camera_changed(status(LIVE))
    with running_line(view, found(0)):
        page.goto(view.url)
        edge, label = (35, 90), (12, 36.5)  # lower edge of the box; the label above its corner
        wait_for_colour(page, edge, SCRATCH)
        wait_for_colour(page, label, SCRATCH)
        page.get_by_role("button", name="Labels").press("Enter")
        wait_for_colour(page, label, SCRATCH)  # the score still stands there
        page.get_by_role("button", name="Scores").press("Enter")
        wait_for_colour(page, label, PLAIN)
        wait_for_colour(page, edge, SCRATCH)
        page.get_by_role("button", name="Boxes").press("Space")
        wait_for_colour(page, edge, PLAIN)
        expect(page.get_by_role("button", name="Boxes")).to_have_attribute("aria-pressed", "false")


def test_nothing_found_on_a_live_picture_is_said_in_words(page: Page, view: LiveView) -> None:
    view.camera_changed(status(LIVE))
    with running_line(view, Detections.none()):
        page.goto(view.url)
        expect_live(page, "No detections")


@pytest.mark.parametrize(
    ("state", "title"),
    [
        (LOST, "Camera lost"),
        (CameraState.STALLED, "Camera stalled"),
        (CameraState.FROZEN, "Picture frozen"),
        (CameraState.BLACK, "Picture black"),
        (CameraState.RESIZED, "Picture size changed"),
        (CameraState.CONNECTING, "Connecting to camera"),
        (CameraState.ENDED, "Recording ended"),
    ],
)
def test_a_camera_that_is_not_live_never_looks_live(
    page: Page, view: LiveView, state: CameraState, title: str
) -> None:
    view.camera_changed(status(LIVE))
    page.goto(view.url)
    with running_line(view, found(0)):
        expect_live(page, "1")
    view.camera_changed(status(state, "v4l2:///dev/video0: <b>check</b> the cable"))
    expect_unknown(page, title)
    expect(page.locator(".why")).to_have_text("v4l2:///dev/video0: <b>check</b> the cable")
    view.camera_changed(status(LIVE))
    with running_line(view, found(0, 1)):
        expect_live(page, "2")


def test_who_comes_while_the_camera_is_lost_sees_that_at_once(page: Page, view: LiveView) -> None:
    view.camera_changed(status(LOST, "no cable"))
    page.goto(view.url)
    expect_unknown(page, "Camera lost")


def test_a_picture_that_is_not_followed_by_another_is_called_old(
    page: Page, view: LiveView
) -> None:
    view.camera_changed(status(LIVE))
    page.goto(view.url)
    with running_line(view, found(0)):
        expect_live(page, "1")
    expect_unknown(page, "No new picture")
    expect(page.locator(".age")).to_contain_text("s")
    with running_line(view, found(0)):
        expect_live(page, "1")


def test_a_dead_server_is_seen_and_its_successor_is_found(page: Page) -> None:
    with LiveView(WebConfig(port=0), ABOUT) as view:
        view.camera_changed(status(LIVE))
        page.goto(view.url)
        with running_line(view, found(0)):
            expect_live(page, "1")
    expect_unknown(page, "Connection lost")
    expect(page.locator("#link")).to_have_text("Disconnected")
    port = urlsplit(view.url).port
    assert port is not None
    with LiveView(WebConfig(port=port), ABOUT) as successor:
        successor.camera_changed(status(LIVE))
        with running_line(successor, found(0, 1)):
            expect_live(page, "2")
            expect(page.locator("#link")).to_have_text("Connected")


def test_one_dead_camera_leaves_the_others_live(page: Page, view: LiveView) -> None:
    view.camera_changed(status(LIVE, camera="a"))
    view.camera_changed(status(LOST, "no cable", camera="b"))
    with running_line(view, found(0), camera="a"):
        page.goto(view.url)
        expect(page.locator(".tile")).to_have_count(2)
        expect(page.locator("[data-camera=a] .badge")).to_have_text("Live")
        expect(page.locator("[data-camera=a] .count")).to_have_text("1")
        expect(page.locator("[data-camera=b] .badge")).to_have_text("Camera lost")
        expect(page.locator("[data-camera=b] .count")).to_have_text("Unknown")
        expect(page).to_have_title("⚠ Camera lost: b")


@pytest.mark.parametrize(("width", "height"), [(390, 844), (768, 1024), (1440, 900), (2560, 1440)])
def test_nothing_is_cut_off_at_any_width(
    page: Page, view: LiveView, width: int, height: int
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    for camera, state in {"a": LIVE, "b": LOST, "c": CameraState.RESIZED}.items():
        view.camera_changed(status(state, "a reason that is long enough " * 9, camera=camera))
    with running_line(view, found(0, 1, 2), camera="a"):
        page.goto(view.url)
        expect(page.locator("[data-camera=a] .badge")).to_have_text("Live")
        cut = page.evaluate(
            """() => [...document.querySelectorAll("body, .tile, .panel, .head, .screen, .overlay")]
                .filter((it) => it.scrollWidth > it.clientWidth + 1
                    || (it.matches(".screen, .tile") && it.scrollHeight > it.clientHeight + 1))
                .map((it) => it.className)"""
        )
        assert cut == []
