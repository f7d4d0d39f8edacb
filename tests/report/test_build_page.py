"""The page: everything is on it, nothing gets in by a name, and a browser shows it as meant."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

from edge.core.build import BuildReport, ClassAgreement, EngineFacts, Precision, Rung, Score
from edge.core.errors import UnavailableError
from edge.core.types import Image
from edge.report import plots
from edge.report.build_page import page, write_page
from edge.report.extras import (
    Curve,
    Disagreement,
    PageExtras,
    ScorePairs,
    TensorHistogram,
    Thumbnail,
)
from edge.report.tables import badges, what_it_is
from edge.report.verdict import verdict
from tests.report.builds import BAD, ROLES, agreement, build, extras, found, grey, rung
from tests.report.test_markup import HOSTILE, Reader

CHROMIUM = Path("/usr/bin/chromium")
MOST_BYTES = 3_000_000

LADDER = (
    rung("int8 entropy", BAD, passed=False),
    Rung("int8 mse", Precision.INT8, None, False, "could not be made: disk full"),
    rung("int8 minmax"),
)
PUBLISHED = build(*LADDER, published="int8 minmax")


def noise(width: int, height: int) -> Image:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(PUBLISHED, id="published"),
        pytest.param(build(*LADDER[:2]), id="everything failed"),
        pytest.param(build(), id="nothing tried"),
    ],
)
def test_the_verdict_and_every_candidate_with_its_reason_are_on_the_page(
    report: BuildReport,
) -> None:
    read = Reader(page(report, PageExtras())).text
    said = verdict(report)
    for words in (said.badge, said.headline, *said.why):
        assert words in read
    for step in report.ladder:
        assert step.candidate in read
        assert step.reason in read
    for words in (*report.warnings, "dark.jpg", "black: mean brightness 2.1", "2 min 21 s"):
        assert words in read


def test_the_numbers_are_on_the_page() -> None:
    read = Reader(page(PUBLISHED, extras())).text
    for number in ("0.991", "0.984", "0.987 to 0.995", "0.602", "0.93", "72.4", "3.3", "412"):
        assert number in read
    assert "\N{MINUS SIGN}0.2" in read  # mAP, points
    assert "\N{MINUS SIGN}0.013" in read  # score shift
    assert "95 %: 0.987 to 0.995at least 0.975" in read
    assert "int8 minmax, area 0.500" in read
    assert "1 missed, 1 extra, 1 agreed" in read


def test_a_candidate_without_any_box_is_no_evidence_not_zero() -> None:
    empty = rung("int8 minmax", score=Score(None, None, agreement(None, None)), passed=False)
    read = Reader(page(build(empty), PageExtras())).text
    assert "no evidence" in read
    assert "0.000" not in read


@pytest.mark.parametrize(
    ("step", "words"),
    [
        pytest.param(LADDER[2], "Published", id="published"),
        pytest.param(rung("int8 percentile"), "Passed", id="passed, another was better"),
        pytest.param(LADDER[0], "Failed", id="failed"),
        pytest.param(LADDER[1], "Not made", id="not made"),
        pytest.param(rung("int8 a", passed=False, unproven=True), "Unproven", id="unproven"),
        pytest.param(
            rung("int8 a", BAD, passed=False, unproven=True), "Failed Unproven", id="both"
        ),
    ],
)
def test_every_candidate_has_its_badge(step: Rung, words: str) -> None:
    assert Reader(badges(PUBLISHED, step)).text == words


@pytest.mark.parametrize(
    ("step", "words"),
    [
        pytest.param(rung("int8 minmax"), "INT8", id="a graph"),
        pytest.param(
            rung("int8 minmax on TRT", engine=EngineFacts(155, 68, 0, 49.7)),
            "INT8 engine, 68 of 155 layers run INT8, built in 49.7 s",
            id="its engine",
        ),
        pytest.param(
            rung("fp16 on TRT", engine=EngineFacts(180, 0, 0, 75.0)),
            "FP16 engine, built in 1 min 15 s",
            id="nothing quantised",
        ),
        pytest.param(
            rung("int8 trt-minmax on TRT", engine=EngineFacts(137, 70, 105, 9.0)),
            "INT8 engine, 70 of 137 layers run INT8, built in 9.0 s, "
            "calibrated by TensorRT with 105 images",
            id="calibrated by TensorRT",
        ),
    ],
)
def test_an_engine_says_what_came_out(step: Rung, words: str) -> None:
    assert what_it_is(step) == words


def test_the_fallback_is_marked() -> None:
    engine, fallback = rung("int8 on TRT"), rung("fp16 on TRT")
    report = build(engine, fallback, published="int8 on TRT", fallback="fp16 on TRT")
    assert Reader(badges(report, fallback)).text == "Passed Fallback"


def test_a_missing_part_leaves_no_empty_section() -> None:
    full, bare = page(PUBLISHED, extras()), page(PUBLISHED, PageExtras())
    assert 'id="pictures"' in full
    assert 'id="pictures"' not in bare
    assert 'id="curves"' not in bare
    assert set(re.findall(r'href="#([a-z]+)"', bare)) <= set(re.findall(r'id="([a-z]+)"', bare))


def hostile() -> tuple[BuildReport, PageExtras]:
    score = LADDER[2].score
    assert score is not None
    one = ClassAgreement(HOSTILE, 9, 0.9, 0.9)
    score = dataclasses.replace(score, agreement=agreement(0.99, 0.98, per_class=(one,)))
    bad = dataclasses.replace(LADDER[2], candidate=HOSTILE, reason=HOSTILE, score=score)
    report = build(
        bad,
        published=HOSTILE,
        model={HOSTILE: HOSTILE, "name": HOSTILE},
        labels=(HOSTILE, HOSTILE),
        machine={HOSTILE: HOSTILE, "runtime": HOSTILE},
        asked={HOSTILE: HOSTILE},
        left_out={HOSTILE: HOSTILE},
        warnings=(HOSTILE,),
        created=HOSTILE,
        sensitivity=((HOSTILE, 3.0), ("b", 4.0)),
    )
    shown = extras(HOSTILE)
    return report, dataclasses.replace(
        shown,
        histograms=(dataclasses.replace(shown.histograms[0], tensor=HOSTILE, ranges={HOSTILE: 1}),),
        disagreements=(dataclasses.replace(shown.disagreements[0], caption=HOSTILE),),
        contact_sheet=(Thumbnail(HOSTILE, grey(), "left_out", HOSTILE),),
    )


def test_names_and_labels_cannot_bring_markup_in() -> None:
    read = Reader(page(*hostile()))
    assert "script" not in read.tags
    assert not [name for name in read.names if name.startswith("on")]
    assert read.tags.count("img") == 1
    assert read.text.count(HOSTILE) > 15


def test_nothing_is_fetched_from_anywhere() -> None:
    text = page(PUBLISHED, extras())
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text)
    sources = re.findall(r'(?:src|href)="([^"]{1,12})', text)
    assert sources
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert any((value or "").startswith("default-src 'none';") for value in Reader(text).values)


def test_the_page_stays_small_however_large_the_set() -> None:
    picture = noise(1920, 1080)
    small = [Thumbnail(f"{i}.jpg", picture[:270, :480], role) for i in range(400) for role in ROLES]
    boxes = [(i % 2, [i * 6.0, 50.0, i * 6.0 + 40, 90.0], 0.9) for i in range(300)]
    classes = tuple(ClassAgreement(f"class {i}", 9, 0.9, 0.9) for i in range(1000))
    score = Score(0.5, 0.5, agreement(0.9, 0.9, per_class=classes), {})
    report = build(
        *(rung(f"int8 {i}", score=score, passed=False) for i in range(14)),
        labels=tuple(f"class {i}" for i in range(1000)),
        left_out={f"part/{i}.jpg": "blurred " * 8 for i in range(20_000)},
        warnings=tuple("odd " * 20 for _ in range(5000)),
        sensitivity=tuple((f"model.{i}", float(i)) for i in range(500)),
    )
    line = np.linspace(0, 1, 5000).tolist()
    shown = PageExtras(
        curves=[Curve(f"int8 {i}", line, line) for i in range(30)],
        scores=[ScorePairs(f"int8 {i}", line, line) for i in range(30)],
        histograms=[TensorHistogram("t", np.arange(4096), 0.1, {"mse": 9.0}) for _ in range(50)],
        disagreements=[Disagreement(picture, found(*boxes), found(*boxes[::-3]), "int8 0", "a.jpg")]
        * 30,
        contact_sheet=small,
    )
    text = page(report, shown)
    assert len(text.encode()) < MOST_BYTES
    read = Reader(text).text
    assert "56 of 400 shown" in read
    assert read.count(", area ") == 14
    assert text.count("h0") < 4 * 900  # a dot of a plot
    assert "22 more images not shown" in read
    assert "900 further classes are in report.json" in read


@pytest.mark.parametrize("size", [(1, 1), (9, 3000), (3000, 9), (640, 480)])
def test_pictures_of_any_shape_are_shown(size: tuple[int, int]) -> None:
    width, height = size
    inside = found((0, [0, 0, width * 0.6, height * 0.6], 0.9))
    case = Disagreement(noise(*size), inside, found(), "int8", "a.jpg")
    shown = PageExtras(disagreements=[case], contact_sheet=[Thumbnail("a", case.image, "held_out")])
    assert "1 missed" in Reader(page(PUBLISHED, shown)).text


@pytest.mark.parametrize(
    ("counts", "ranges"),
    [
        pytest.param(np.zeros(8), {}, id="empty"),
        pytest.param(np.array([5]), {"minmax": 0.05}, id="one bin"),
        pytest.param(np.ones(4096), {"minmax": 1e6, "mse": 1e-6}, id="ranges far off"),
    ],
)
def test_odd_histograms_are_shown(counts: Image, ranges: dict[str, float]) -> None:
    shown = PageExtras(histograms=[TensorHistogram("t", counts, 0.1, ranges)])
    assert "nan" not in page(PUBLISHED, shown)


def test_long_names_in_plots_keep_their_ends_which_tell_them_apart() -> None:
    names = [f"mixed minmax{' -model.4' * 5} -model.{i}" for i in (21, 22)]
    text = plots.agreement(build(*(rung(name) for name in names)), "85", 0.95)
    shown = re.findall(r'class="name">([^<]*)', text)
    assert [name[-10:] for name in shown] == [" -model.21", " -model.22"]
    assert all(len(name) == 27 and name.startswith("mixed") for name in shown)


def test_equal_sensitivities_are_shown() -> None:
    text = page(build(sensitivity=(("model.0", 3.0), ("model.1", 3.0))), PageExtras())
    assert "model.1" in text


def test_a_page_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"no/report\.html: cannot be written"):
        write_page(PUBLISHED, PageExtras(), tmp_path / "no" / "report.html")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"needs Chromium at {CHROMIUM} (Debian and Ubuntu: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        yield browser
        browser.close()


def opened(browser: Browser, path: Path, width: int, complaints: list[str]) -> Page:
    """The page in a window of this width; what the browser complains of or asks for is noted."""

    def on_request(request: Request) -> None:
        if not request.url.startswith(("file:", "data:")):
            complaints.append(request.url)

    page = browser.new_page(viewport={"width": width, "height": 900})
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(error.message))
    page.on("request", on_request)
    page.goto(path.as_uri())
    return page


@pytest.mark.parametrize("width", [1440, 800])
def test_a_browser_shows_it_without_complaint(browser: Browser, tmp_path: Path, width: int) -> None:
    path, complaints = tmp_path / "report.html", list[str]()
    write_page(PUBLISHED, extras(image=noise(320, 180)), path)
    shown = opened(browser, path, width, complaints)
    assert shown.title() == "INT8 is published: line.onnx"
    assert shown.locator("h1").inner_text() == "INT8 is published"
    assert shown.locator("h1").bounding_box()["y"] < 300  # type: ignore[index]
    assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert shown.evaluate("[...document.images].every(it => it.complete && it.naturalWidth > 0)")
    sides = shown.locator(".sides svg")
    assert sides.count() == 2
    assert all(sides.nth(i).bounding_box()["height"] > 100 for i in range(2))  # type: ignore[index]
    shown.close()
    assert complaints == []


def test_hostile_names_run_nothing_in_a_browser(browser: Browser, tmp_path: Path) -> None:
    path, complaints = tmp_path / "report.html", list[str]()
    write_page(*hostile(), path)
    shown = opened(browser, path, 1440, complaints)
    shown.on("dialog", lambda dialog: complaints.append(dialog.message))
    assert shown.locator("script").count() == 0
    assert HOSTILE in shown.locator(".warnings").inner_text()
    shown.close()
    assert complaints == []
