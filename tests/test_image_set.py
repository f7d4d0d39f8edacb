"""The images of a build: the factory's labelled ones, and those that the line collected itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edge.app.image_set import ImageSet
from tests.test_build import ROOT

LABELS = ("scratch", "dent", "crack", "stain", "missing_hole")


@pytest.fixture
def factory(tmp_path: Path) -> Path:
    """Twenty labelled images, and ten frames of the line that nobody has labelled."""
    for kind in ("images", "labels", "collected"):
        (tmp_path / kind).mkdir()
    every = sorted((ROOT / "calib_images" / "images").iterdir())
    for image in every[:20]:
        shutil.copy(image, tmp_path / "images")
        shutil.copy(ROOT / "calib_images/labels" / f"{image.stem}.txt", tmp_path / "labels")
    for image in every[20:30]:
        shutil.copy(image, tmp_path / "collected")
    return tmp_path


def image_set(factory: Path, *, collected: bool = True) -> ImageSet:
    more = factory / "collected" if collected else None
    return ImageSet(
        factory / "images", factory / "labels", LABELS, 300, lambda *_: None, unlabelled=more
    )


def test_collected_frames_calibrate_and_are_held_out_like_any_other(factory: Path) -> None:
    images = image_set(factory)
    used = (*images.selection.calibration, *images.selection.held_out)
    assert len(images.paths) == 30
    assert any(name.startswith("collected/") for name in used)
    assert all(images.paths[name].is_file() for name in used)


def test_an_unlabelled_frame_is_no_frame_without_defects(factory: Path) -> None:
    """Counted as empty, every defect that is found in it would be a false one."""
    images = image_set(factory)
    truths = images.truths([*images.paths])
    assert len(truths) == 20
    assert not [name for name in truths if name.startswith("collected/")]


def test_that_nobody_labelled_them_is_no_warning(factory: Path) -> None:
    with_them, without = image_set(factory), image_set(factory, collected=False)
    assert not [note for note in with_them.warnings if "label" in note]
    assert not [note for note in without.warnings if "label" in note]
