"""`edge build` as a vision engineer runs it: the shipped model, real images, real verdicts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "models" / "line-yolov8n.onnx"
IMAGES = 48


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A factory's images and labels, and a place for this device's key."""
    home = tmp_path_factory.mktemp("factory")
    for kind in ("images", "labels"):
        (home / kind).mkdir()
        for file in sorted((ROOT / "calib_images" / kind).iterdir())[:IMAGES]:
            shutil.copy(file, home / kind)
    return home


@pytest.fixture(scope="module")
def published(home: Path) -> Any:
    """One INT8 bundle, with what the command said."""
    result = edge(home, *BUILD, "--precision", "auto", "--calibrator", "minmax")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


BUILD = (
    *("build", "--model", MODEL, "--images", "images", "--labels", "labels"),
    *("--accept-unproven", "--json", "-"),
)


def edge(home: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge", *map(str, arguments)],
        cwd=home,
        env={**os.environ, "EDGE_KEY_FILE": str(home / "key")},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def current(home: Path, out: str = "models") -> str:
    return (home / out / "current").resolve().name


def test_a_build_publishes_what_passed_and_says_what_was_measured(
    home: Path, published: Any
) -> None:
    assert published["precision"] in ("int8", "mixed")
    assert Path(published["bundle"]).name == current(home)
    assert published["reference"]["map50"] > 0.9
    rung = published["ladder"][-1]
    assert rung["passed"]
    assert rung["agreement"]["f1_50"] >= 0.975
    bundle = home / published["bundle"]
    assert {"report.json", "report.html", "ranges.json", "calibration.cache", "canaries"} <= {
        path.name for path in bundle.iterdir()
    }


def test_a_published_bundle_is_a_model_like_any_other(home: Path, published: Any) -> None:
    image = next(
        image
        for image in sorted((home / "images").iterdir())
        if (home / "labels" / f"{image.stem}.txt").stat().st_size
    )
    result = edge(home, "detect", image, "--json", "-")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["detections"]


def test_one_flipped_bit_in_a_bundle_is_refused_before_it_is_loaded(
    home: Path, published: Any, tmp_path: Path
) -> None:
    broken = tmp_path / "models"
    shutil.copytree(home / "models", broken, symlinks=True)
    engine = broken / "current" / "engine.onnx"
    content = bytearray(engine.read_bytes())
    content[1_000_000] ^= 1
    engine.write_bytes(content)
    result = edge(home, "detect", "images", "--model", broken / "current")
    assert result.returncode == 65
    assert "engine.onnx" in result.stderr
    (listed,) = json.loads(edge(home, "models", "--out", broken, "--json", "-").stdout)["models"]
    assert "engine.onnx" in listed["problem"]


def test_int8_that_collapses_is_never_published(home: Path, published: Any) -> None:
    """Entropy ranges, the textbook's choice, lose nearly everything on this model too."""
    (home / "few").mkdir()
    for image in sorted((home / "images").iterdir())[:14]:
        shutil.copy(image, home / "few")
    before = current(home)
    arguments = (*BUILD, "--images", "few", "--precision", "int8", "--calibrator", "entropy")
    result = edge(home, *arguments)
    assert result.returncode == 65, result.stderr
    report = json.loads(result.stdout)
    assert report["bundle"] is None
    assert report["ladder"][0]["agreement"]["f1_50"] < 0.5
    assert not any(rung["passed"] for rung in report["ladder"])
    assert "Nothing is published" in (home / report["page"]).read_text()
    assert current(home) == before


def test_rollback_goes_back_and_forth(home: Path, published: Any) -> None:
    result = edge(home, *BUILD, "--precision", "fp32")
    assert result.returncode == 0, result.stderr
    first, second = Path(published["bundle"]).name, current(home)
    assert first != second
    back = json.loads(edge(home, "rollback", "--json", "-").stdout)
    assert (back["from"], back["to"]) == (second, first)
    assert current(home) == first


@pytest.fixture
def killed_build(home: Path, published: Any) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "edge", *map(str, BUILD)]
    with subprocess.Popen(
        command,
        cwd=home,
        env={**os.environ, "EDGE_KEY_FILE": str(home / "key")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_a_killed_build_leaves_the_bundle_in_use_and_no_half_one(
    home: Path, killed_build: subprocess.Popen[str], number: signal.Signals
) -> None:
    before, builds = current(home), sorted((home / "models" / "builds").iterdir())
    assert killed_build.stderr is not None
    killed_build.stderr.readline()  # the first rung is judged: it is in the middle of the ladder
    killed_build.send_signal(number)
    killed_build.communicate(timeout=60)
    assert killed_build.returncode != 0
    assert current(home) == before
    assert sorted((home / "models" / "builds").iterdir()) == builds


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--images", "nowhere"], 66, "nowhere"),
        (["--images", "empty"], 66, "no images there"),
        (["--images", "one", "--precision", "int8"], 65, "INT8 needs at least 8"),
        (["--labels", "other"], 65, "class"),
        (["--model", "text.onnx"], 65, "text.onnx"),
        (["--model", "nowhere.onnx"], 66, "nowhere.onnx"),
    ],
    ids=["no folder", "empty folder", "one image", "other classes", "no model", "missing model"],
)
def test_what_cannot_be_built_from_is_named(
    home: Path, arguments: list[str], code: int, message: str
) -> None:
    (home / "empty").mkdir(exist_ok=True)
    (home / "text.onnx").write_text("hello")
    for folder in ("one", "other"):
        (home / folder).mkdir(exist_ok=True)
    image = next((home / "images").iterdir())
    shutil.copy(image, home / "one")
    (home / "other" / f"{image.stem}.txt").write_text("7 0.5 0.5 0.1 0.1\n")
    base = ["build", "--model", str(MODEL), "--images", "images", "--out", "elsewhere"]
    result = edge(home, *base, *arguments)
    assert result.returncode == code, result.stderr
    assert message in result.stderr
    assert not (home / "elsewhere" / "current").exists()


def test_a_model_that_came_quantised_is_gated_with_its_own_pairs(
    home: Path, published: Any, tmp_path: Path
) -> None:
    own = home / published["bundle"] / "engine.onnx"
    arguments = (*BUILD, "--model", own, "--out", tmp_path, "--precision", "int8")
    result = edge(home, *arguments)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert [rung["candidate"] for rung in report["ladder"]] == ["int8 own Q/DQ"]
    assert report["reference"] == published["reference"]
    bundle = Path(report["bundle"])
    assert (bundle / "engine.onnx").read_bytes() == own.read_bytes()


@pytest.mark.parametrize("precision", ["auto", "fp32"], ids=["while trying", "while publishing"])
def test_a_disk_that_fills_up_leaves_the_bundle_in_use(
    home: Path, published: Any, precision: str
) -> None:
    before, builds = current(home), sorted((home / "models" / "builds").iterdir())
    full = (
        "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 20,) * 2); "
    )
    command = [sys.executable, "-c", full + "runpy.run_module('edge', run_name='__main__')"]
    result = subprocess.run(
        [*command, *map(str, BUILD), "--precision", precision],
        cwd=home,
        env={**os.environ, "EDGE_KEY_FILE": str(home / "key")},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert result.returncode == 69, result.stderr
    assert "File too large" in result.stderr
    assert "Traceback" not in result.stderr
    assert current(home) == before
    assert sorted((home / "models" / "builds").iterdir()) == builds
    assert not list((home / "models").glob(".work-*"))


def test_broken_images_are_left_out_by_name_and_counted(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    shutil.copytree(home / "images", folder)
    image = next(folder.iterdir())
    image.write_bytes(image.read_bytes()[:3000])
    result = edge(
        home,
        *("build", "--model", MODEL, "--images", folder, "--out", tmp_path / "out"),
        *("--precision", "fp32", "--json", "-"),
    )
    report = json.loads(result.stdout)["report"]
    assert report["images"]["left_out"] == 1
    assert "truncated" in report["left_out"][image.name]
