"""What the page shows while the real service and its cameras fail."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.page.service import running

GOES_AND_COMES = "pattern://?size=320x180&fps=10&lose_at=3&fault_s=2"
STEADY = "pattern://?size=320x180&fps=10&seed=3"


def test_a_killed_camera_and_a_killed_service_are_seen_and_so_is_their_return(
    page: Page, tmp_path: Path
) -> None:
    with running(tmp_path, STEADY, GOES_AND_COMES) as service:
        page.goto(service.url)
        steady, failing = page.locator("[data-camera=cam-1]"), page.locator("[data-camera=cam-2]")
        expect(failing.locator(".why")).to_contain_text("the camera is gone")
        expect(failing.locator(".count")).to_have_text("Unknown")
        expect(failing.locator(".badge")).to_have_text("Live")
        expect(failing.locator(".badge")).to_have_text("Camera lost")
        expect(steady.locator(".badge")).to_have_text("Live")

        service.kill()
        expect(steady.locator(".what")).to_have_text("Connection lost")
        expect(steady.locator(".count")).to_have_text("Unknown")
        expect(page.locator("#link")).to_have_text("Disconnected")
        page.get_by_role("link", name="Health").click()
        expect(page.locator(".notice").first).to_contain_text("The service does not answer.")
        expect(page.locator("#conditions")).to_contain_text("Connection lost")

        service.start()
        expect(page.locator(".state .word")).to_be_visible()
        expect(page.locator("#link")).to_have_text("Connected")
        page.get_by_role("link", name="Live", exact=True).click()
        expect(steady.locator(".badge")).to_have_text("Live")
