"""Who may look and act: the login form, and what each role is offered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from edge.core.config import WebConfig
from edge.core.types import CameraState
from edge.sinks.web.server import LiveView
from tests.page.looking import barriers
from tests.page.service import Service
from tests.sinks.parts import ABOUT, found, running_line, status
from tests.sinks.web_access.people import PASSWORD, three_people


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[LiveView]:
    """A live view that knows vera, otto and emma."""
    three_people(tmp_path)
    with LiveView(WebConfig(port=0, folder=tmp_path), ABOUT) as view:
        view.camera_changed(status(CameraState.LIVE))
        yield view


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_nothing_is_shown_before_somebody_signs_in(page: Page, guarded: LiveView) -> None:
    with running_line(guarded, found(0)):
        page.goto(guarded.url)
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        expect(page.locator("canvas")).to_have_count(0)
        assert barriers(page) == []
        log_in(page, "vera", "wrong")
        expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")
        expect(page.get_by_label("Password")).to_have_value("")
        log_in(page, "vera")
        expect(page.locator(".badge")).to_have_text("Live")
        page.reload()
        expect(page.locator(".badge")).to_have_text("Live")


def test_who_signs_out_sees_nothing_more(page: Page, guarded: LiveView) -> None:
    with running_line(guarded, found(0)):
        page.goto(guarded.url)
        log_in(page, "otto")
        expect(page.locator(".badge")).to_have_text("Live")
        page.get_by_role("button", name="Settings").click()
        expect(page.locator(".account")).to_contain_text("otto, operator")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        expect(page.locator("canvas")).to_have_count(0)


def test_a_session_that_ends_elsewhere_ends_here(page: Page, guarded: LiveView) -> None:
    with running_line(guarded, found(0)):
        page.goto(guarded.url)
        log_in(page, "emma")
        expect(page.locator(".badge")).to_have_text("Live")
        other = page.context.new_page()
        other.goto(guarded.url)
        other.get_by_role("button", name="Settings").click()
        other.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_viewer_sees_every_room_and_may_act_in_none(page: Page, tmp_path: Path) -> None:
    service = Service(tmp_path, "pattern://?size=320x180&fps=10")
    three_people(tmp_path / "state")
    try:
        service.start()
        page.goto(service.url)
        log_in(page, "vera")
        page.get_by_role("link", name="Models").click()
        for name in ("Recalibrate", "Roll back"):
            expect(page.get_by_role("button", name=name)).to_be_disabled()
        expect(page.locator("main")).to_contain_text("Needs the role engineer")
        page.get_by_role("link", name="Line").click()
        expect(page.get_by_label("NG: scratch")).to_be_disabled()
        expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
        page.get_by_role("button", name="Settings").click()
        page.get_by_role("button", name="Sign out").click()
        log_in(page, "emma")
        page.get_by_label("NG: scratch").check()
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("dialog").get_by_label("Who")).to_have_value("emma")
    finally:
        service.kill()
