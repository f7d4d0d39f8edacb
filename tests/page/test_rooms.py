"""Every room and every act, in a browser, at the real service on the rendered line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.conftest import OpenPage
from tests.page.looking import PHONE, WIDE, barriers, cut_off, heard, sent_by
from tests.page.service import Service, running
from tests.sinks.parts import until

ROOMS = ["live", "recent", "health", "models", "line"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service"), "pattern://?size=320x180&fps=10") as service:
        yield service


def room(page: Page, service: Service, name: str) -> Locator:
    page.goto(f"{service.url}/#/{name}")
    main = page.locator(f"main[data-room={name}]")
    expect(main).to_be_visible()
    return main


def act(page: Page, button: str, why: str, who: str = "Li Wei") -> None:
    """Do what the open window asks about."""
    window = page.get_by_role("dialog")
    window.get_by_label("Who").fill(who)
    window.get_by_label("Why").fill(why)
    window.get_by_role("button", name=button, exact=True).click()
    expect(window).to_have_count(0)


def test_detections_are_filtered_opened_and_exported(page: Page, service: Service) -> None:
    main = room(page, service, "recent")
    first = main.locator(".thumbnail").first
    expect(first).to_contain_text("scratch 2")
    first.locator("img").evaluate("async (it) => { it.loading = 'eager'; await it.decode(); }")
    main.get_by_label("Class").select_option("crack")
    expect(main.locator(".empty")).to_have_text("Nothing was recorded that fits.")
    expect(main.get_by_role("link", name="Export CSV")).to_have_attribute(
        "href", re.compile(r"label=crack")
    )
    main.get_by_role("button", name="Clear filters").click()
    main.get_by_role("button", name="Table").click()
    row = main.locator("tbody tr").first
    expect(row).to_contain_text("90 %")
    row.get_by_role("link").click()
    window = page.get_by_role("dialog")
    expect(window.locator("canvas")).to_have_attribute("aria-label", "scratch, scratch")
    page.wait_for_function("() => document.querySelector('dialog canvas').width > 300")
    page.keyboard.press("Escape")
    expect(window).to_have_count(0)
    for link, start in (("Export CSV", "id,"), ("Export COCO", "{")):
        with page.expect_download() as download:
            main.get_by_role("link", name=link).click()
        assert download.value.path().read_text("utf-8").lower().startswith(start)
    main.get_by_role("button", name="Pictures").click()


def test_health_is_told_in_plain_words_with_plots(page: Page, service: Service) -> None:
    main = room(page, service, "health")
    expect(main.locator(".state .word")).to_have_text("Running")
    expect(main.locator(".state")).to_contain_text("Every camera is inspected.")
    expect(main.get_by_role("region", name="Cameras")).to_contain_text("cam-1")
    expect(main.get_by_role("region", name="Model")).to_contain_text("ONNX Runtime")
    expect(main.get_by_role("region", name="This machine")).to_contain_text("Disk free")
    plot = main.get_by_role("figure", name=re.compile("Inspected, fps"))
    expect(plot).to_have_attribute("aria-label", re.compile(r"fps: \d"))
    expect(plot.locator("canvas")).to_be_visible()
    expect(main.get_by_role("region", name="What changed and when")).to_contain_text("running")


def test_pictures_that_nobody_asks_for_are_not_missed(page: Page, service: Service) -> None:
    said = sent_by(page)
    room(page, service, "live")
    expect(page.locator(".badge")).to_have_text("Live")
    page.get_by_role("link", name="Health").click()
    until(lambda: heard(page, said, "watch")[-1]["cameras"] == [], "no pictures are asked for")
    page.wait_for_timeout(service.get("/api/session")["stale_ms"] + 1000)
    expect(page.locator("#conditions p")).to_have_count(0)
    assert page.title() == "Health · Edge"
    page.get_by_role("link", name="Live", exact=True).click()
    expect(page.locator(".badge")).to_have_text("Live")


def test_a_report_is_read_in_a_frame_that_can_do_nothing(page: Page, service: Service) -> None:
    main = room(page, service, "models")
    expect(main.locator("tbody tr")).to_have_count(2)
    row = main.locator("tbody tr", has_text=service.bundles[1])
    row.get_by_role("link", name="Report").click()
    report = page.frame_locator("iframe.report")
    expect(report.locator("h1")).to_have_text("Finds 2")
    expect(report.locator("body")).not_to_contain_text("acted")


def test_collected_frames_are_kept_and_discarded(page: Page, service: Service) -> None:
    main = room(page, service, "models")
    wall = main.get_by_role("region", name="Collected frames")
    boxes = wall.get_by_role("checkbox")
    until(lambda: service.get("/api/collected")["images"] > 3, "frames are collected")
    page.reload()
    boxes.nth(0).check()
    boxes.nth(1).check()
    wall.get_by_role("button", name="Keep", exact=True).click()
    act(page, "Keep", "good examples of the belt")
    expect(page.locator(".news")).to_have_text("2 frames changed.")
    until(lambda: kept(service) == 2, "two are kept")
    before = service.get("/api/collected")["items"][-1]["name"]
    boxes.last.check()
    wall.get_by_role("button", name="Discard", exact=True).click()
    act(page, "Discard", "a hand in the picture")
    expect(page.locator(".news")).to_have_text("1 frame changed.")
    assert before is not None
    wall.get_by_role("button", name=re.compile("Look at")).first.click()
    expect(page.get_by_role("dialog").get_by_role("img")).to_be_visible()


def kept(service: Service) -> int:
    items = service.get("/api/collected?limit=200")["items"]
    return sum(bool(each["kept"]) for each in items)


def test_an_act_needs_who_and_why(page: Page, service: Service) -> None:
    main = room(page, service, "models")
    main.get_by_role("button", name="Recalibrate").click()
    window = page.get_by_role("dialog")
    window.get_by_role("button", name="Recalibrate").click()
    expect(window.get_by_role("alert")).to_contain_text("Who and why are needed")
    window.get_by_role("button", name="Cancel").click()
    expect(window).to_have_count(0)
    assert service.get("/api/recalibration")["state"] == "idle"


def test_a_recalibration_is_started_watched_and_aborted(page: Page, service: Service) -> None:
    main = room(page, service, "models")
    card = main.get_by_role("region", name="Recalibration", exact=True)
    card.get_by_role("button", name="Recalibrate").click()
    act(page, "Recalibrate", "new lamp over station 4")
    expect(card.locator(".mark")).to_have_text("Running")
    card.get_by_role("button", name="Abort").click()
    act(page, "Abort", "wrong lamp")
    expect(card.locator(".mark")).to_have_text("Not passed")
    expect(card.locator(".progress")).to_contain_text("it was aborted")
    history = [(each["who"], each["why"]) for each in service.get("/api/history?limit=50")]
    assert ("Li Wei", "new lamp over station 4") in history
    assert ("Li Wei", "wrong lamp") in history


def test_the_bundle_before_comes_back(page: Page, service: Service) -> None:
    main = room(page, service, "models")
    main.get_by_role("button", name="Roll back").click()
    expect(page.get_by_role("dialog")).to_contain_text(service.bundles[0])
    act(page, "Roll back", "false alarms since the new one")
    expect(page.locator(".news")).to_contain_text("The bundle before is published again")
    expect(main.locator("tbody tr", has_text=service.bundles[0])).not_to_contain_text("Before")
    room(page, service, "live")
    expect(page.locator(".count")).to_have_text("3")  # the older bundle finds three


def corners(page: Page, region: str) -> list[float]:
    fields = page.get_by_role("group", name=f"Points, % of the picture: {region}")
    expect(fields.get_by_role("spinbutton")).to_have_count(6)  # of a triangle
    return [float(each.input_value()) for each in fields.get_by_role("spinbutton").all()]


def test_a_region_is_drawn_bent_and_gives_every_frame_a_verdict(
    page: Page, service: Service
) -> None:
    main = room(page, service, "line")
    expect(main).to_contain_text("No rules yet")
    picture = main.locator(".region-drawing")
    box = picture.bounding_box()
    assert box is not None

    def at(x: float, y: float) -> tuple[float, float]:
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    main.get_by_role("button", name="Add region").click()
    for corner in ((0.5, 0.1), (0.95, 0.1), (0.95, 0.9)):
        page.mouse.click(*at(*corner))
    page.keyboard.press("Enter")
    assert corners(page, "Region 1") == pytest.approx([50, 10, 95, 10, 95, 90], abs=0.5)
    main.get_by_role("button", name="Region 1, point 1", exact=True).press("ArrowLeft")
    assert corners(page, "Region 1")[0] == pytest.approx(49.5, abs=0.5)
    page.mouse.move(*at(0.95, 0.9))
    page.mouse.down()
    page.mouse.move(*at(0.8, 0.8), steps=4)
    page.mouse.up()
    assert corners(page, "Region 1")[4:] == pytest.approx([80, 80], abs=0.5)
    main.get_by_label("NG: scratch").check()
    main.get_by_label("Score at least: scratch").fill("0.5")
    main.get_by_label("Name: Region 1").fill("Right half")
    main.get_by_role("button", name="Save", exact=True).click()
    act(page, "Save", "only the right half is ours")
    expect(page.locator(".news")).to_have_text("Version 1 decides now.")
    expect(main.locator(".version-line")).to_contain_text("Li Wei: only the right half is ours")
    room(page, service, "live")
    expect(page.locator(".verdict .word")).to_have_text("OK")  # the scratches lie in the left half

    main = room(page, service, "line")
    main.get_by_role("button", name="Points, % of the picture: Right half").click()
    main.get_by_label("Right half, point 1, x").fill("0")
    main.get_by_label("Right half, point 1, y").fill("99")
    page.keyboard.press("Tab")
    main.get_by_label("Right half, point 2, x").fill("2")
    page.keyboard.press("Tab")
    main.get_by_role("button", name="Save", exact=True).click()
    act(page, "Save", "the whole belt is ours")
    expect(page.locator(".news")).to_have_text("Version 2 decides now.")
    room(page, service, "live")
    expect(page.locator(".verdict .word")).to_have_text("NG")


def test_a_region_that_crosses_itself_cannot_be_saved(page: Page, service: Service) -> None:
    main = room(page, service, "line")
    before = service.get("/api/line/cam-1")["version"]
    main.get_by_role("button", name="Add region").click()
    box = main.locator(".region-drawing").bounding_box()
    assert box is not None
    for x, y in ((0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9)):
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    main.get_by_role("button", name="Close region").click()
    expect(main.get_by_role("alert")).to_contain_text("The edges of this region cross.")
    expect(main.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    main.get_by_role("button", name=re.compile("Remove region")).last.click()
    expect(main.get_by_role("alert")).to_have_count(0)
    assert service.get("/api/line/cam-1")["version"] == before


def test_who_was_quicker_is_shown_and_nothing_is_lost(
    open_page: OpenPage, service: Service
) -> None:
    slow, quick = open_page(), open_page()
    for page in (slow, quick):
        room(page, service, "line")
        page.get_by_label("UNKNOWN when the frame is older than, ms").wait_for()
    for page, age in ((slow, "700"), (quick, "800")):
        page.get_by_label("UNKNOWN when the frame is older than, ms").fill(age)
        page.keyboard.press("Tab")
    quick.get_by_role("button", name="Save", exact=True).click()
    act(quick, "Save", "slower camera", who="Zhang")
    slow.get_by_role("button", name="Save", exact=True).click()
    act(slow, "Save", "quicker camera")
    expect(slow.locator(".conflict")).to_contain_text("Zhang saved version")
    expect(slow.locator(".conflict")).to_contain_text("slower camera")
    assert service.get("/api/line/cam-1")["rules"]["max_age_ms"] == 800
    slow.get_by_role("button", name=re.compile("Keep mine")).click()
    slow.get_by_role("button", name="Save", exact=True).click()
    act(slow, "Save", "quicker camera after all")
    expect(slow.locator(".news")).to_contain_text("decides now")
    assert service.get("/api/line/cam-1")["rules"]["max_age_ms"] == 700
    slow.get_by_text("Versions", exact=True).click()
    expect(slow.locator("details tbody tr").nth(1)).to_contain_text("slower camera")


def test_counts_are_of_frames_and_say_so(page: Page, service: Service) -> None:
    counts = room(page, service, "line").get_by_role("region", name="Frames by hour")
    expect(counts).to_contain_text("not parts")
    expect(counts.locator("tbody tr").first).to_contain_text("cam-1")
    expect(counts.locator("tbody tr").first).to_contain_text("scratch")


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
@pytest.mark.parametrize("size", [PHONE, WIDE], ids=["phone", "desktop"])
def test_everybody_can_use_every_room(
    open_page: OpenPage, service: Service, locale: str, size: dict[str, int]
) -> None:
    page = open_page(locale=locale, viewport=size, color_scheme="light" if size is WIDE else "dark")
    found = {}
    for name in ROOMS:
        room(page, service, name).locator("h1, h2").first.wait_for(state="attached")
        page.wait_for_load_state("networkidle") if name == "models" else None
        found[name] = [*barriers(page), *cut_off(page)]
    assert {name: what for name, what in found.items() if what} == {}, json.dumps(found, indent=1)


def test_every_room_speaks_chinese(open_page: OpenPage, service: Service) -> None:
    page = open_page(locale="zh-CN", viewport=WIDE)
    for name, title in zip(ROOMS, ["实时", "最近", "健康", "模型", "产线"], strict=True):
        main = room(page, service, name)
        expect(main.locator("h1")).to_have_text(title)
        expect(page.locator(".rooms [aria-current]")).to_have_text(title)
        expect(main.locator(".loading")).to_have_count(0)
        headings = main.locator("h2, th[scope=col], legend, .hint").all_inner_texts()
        names = r"(cam-1|mAP50|mAP50-95|NG|OK|)"
        english = [text for text in headings if not re.search(r"[一-鿿]", text)]
        assert [text for text in english if not re.fullmatch(names, text.strip())] == []
