"""`edge recalibrate`: a new bundle from the factory's images and those that the line collected."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import psutil
import pytest

from edge.app.engines import EngineSettings
from edge.app.notes import Progress, read_progress, write_frame_age
from edge.engine import publish
from edge.watch import read_baseline
from tests.engine.bundles import a_bundle
from tests.test_build import MODEL, ROOT, current, edge

recalibrating = import_module("edge.app.recalibrate")

CONFIG = """
cameras: [{name: line-1, uri: 'pattern://?size=640x360'}]
model: models/current
sinks: {web: null, collect: {folder: collected}}
recalibrate: {model: MODEL, images: images, labels: labels}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A device with its first bundle, the factory's images, and frames from the line."""
    home = tmp_path_factory.mktemp("device")
    for kind in ("images", "labels", "collected"):
        (home / kind).mkdir()
    every = sorted((ROOT / "calib_images" / "images").iterdir())
    for image in every[:24]:
        shutil.copy(image, home / "images")
        shutil.copy(ROOT / "calib_images/labels" / f"{image.stem}.txt", home / "labels")
    for image in every[24:40]:
        shutil.copy(image, home / "collected")
    (home / "edge.yaml").write_text(CONFIG.replace("MODEL", str(MODEL)))
    (home / "bare.yaml").write_text(CONFIG.split("recalibrate:")[0])
    first = edge(
        home,
        *("build", "--model", MODEL, "--images", "images", "--labels", "labels"),
        *("--precision", "fp32"),
    )
    assert first.returncode == 0, first.stderr
    return home


def test_a_recalibration_publishes_what_passed_and_says_from_where_to_where(home: Path) -> None:
    before = current(home)
    result = edge(home, "recalibrate", "-c", "edge.yaml", "--json", "-")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["passed"]
    assert (report["from"], report["to"]) == (before, current(home))
    assert report["from"] != report["to"]
    bundle = home / "models" / "builds" / report["to"]
    images = json.loads((bundle / "report.json").read_text())["images"]
    assert images["calibration"] + images["held_out"] + images["left_out"] == 40  # collected too
    baseline = read_baseline(bundle)
    assert baseline is not None
    assert sum(baseline.brightness) == pytest.approx(1)
    assert baseline.scores == ()  # of fewer boxes than 50 nothing is said


def test_a_second_recalibration_at_the_same_time_is_told_so(home: Path) -> None:
    before = current(home)
    with publish.exclusive(home / "models", publish.RECALIBRATION):
        result = edge(home, "recalibrate", "-c", "edge.yaml")
    assert result.returncode == 75
    assert "another recalibration is going on" in result.stderr
    assert current(home) == before


def test_one_that_is_told_to_stop_leaves_nothing_behind_and_what_is_published_alone(
    home: Path,
) -> None:
    before = current(home)
    with subprocess.Popen(
        [sys.executable, "-m", "edge", "recalibrate", "-c", "edge.yaml"],
        cwd=home,
        env={**os.environ, "EDGE_KEY_FILE": str(home / "key")},
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 60
        while not list((home / "models").glob(".work-*")):  # it is in the middle of it
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.terminate()
        assert process.wait(20) == 130
    assert not list((home / "models").glob(".work-*"))
    assert current(home) == before
    progress = json.loads((home / "models" / ".recalibration.json").read_text())
    assert (progress["ended"], progress["passed"]) == (True, False)
    assert progress["doing"] == "it was stopped"


def test_beside_a_line_whose_frames_get_old_it_stands_still_until_they_do_not(
    home: Path,
) -> None:
    models = home / "models"
    age_s: list[float | None] = [0.02]

    def until(seen: Callable[[Progress], bool]) -> None:
        deadline = time.monotonic() + 60
        while (now := read_progress(models)) is None or not seen(now):
            assert time.monotonic() < deadline, now
            write_frame_age(models, age_s[0])  # as a service does that inspects beside it
            time.sleep(0.05)

    with subprocess.Popen(
        [sys.executable, "-m", "edge", "recalibrate", "-c", "edge.yaml"],
        cwd=home,
        env={**os.environ, "EDGE_KEY_FILE": str(home / "key")},
        stderr=subprocess.DEVNULL,
    ) as process:
        build = psutil.Process(process.pid)
        until(lambda now: now.paused == "the line is measured without it")
        (child,) = build.children()
        until(lambda now: child.status() == psutil.STATUS_STOPPED)
        until(lambda now: not now.paused)
        age_s[0] = 0.5
        until(lambda now: "p99 age 500 ms, 20 ms before" in now.paused)
        until(lambda now: child.status() == psutil.STATUS_STOPPED)
        age_s[0] = None  # no camera is live: nobody has to wait
        until(lambda now: child.status() != psutil.STATUS_STOPPED)
        process.terminate()
        assert process.wait(20) == 130
    assert not child.is_running()


def test_without_a_word_on_what_to_build_from_it_is_refused(home: Path) -> None:
    result = edge(home, "recalibrate", "-c", "bare.yaml")
    assert result.returncode == 78
    assert "no section 'recalibrate'" in result.stderr


def test_the_next_engine_is_built_as_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For as many cameras, and with as much patience; a stranger's bundle decides nothing."""
    bundle, key = a_bundle(tmp_path, settings={"batch": 4, "optimisation_level": 1, "odd": 7})
    publish.publish(tmp_path / "models", bundle)
    monkeypatch.setenv("EDGE_KEY_FILE", str(key))
    wanted = EngineSettings(batch=4, optimisation_level=1)
    assert recalibrating._as_before(tmp_path / "models") == wanted
    key.write_bytes(b"k" * 32)
    assert recalibrating._as_before(tmp_path / "models") == EngineSettings()
