"""The collector: bounded, varied, whole after a power cut, and never in the loop's way."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.camera.images import list_images, read_image
from edge.core.config import CollectConfig
from edge.core.errors import InputMissingError, UnavailableError
from edge.core.ports import Sink
from edge.core.types import CameraState, Detections, Frame, Image
from edge.sinks.collect import Collect, Why
from edge.sinks.collect.collection import Collection
from edge.sinks.collect.folder import Folder, Name
from edge.vision.features import NEAR_DUPLICATE, difference, features
from tests.fakes import one_box
from tests.host.disks import ext4, why_no_disk
from tests.sinks.parts import found, status, until

NOON = 1_790_000_000.0  # 2026-09-21T14:13:20 UTC
SURE = Detections.none()

needs_disk = pytest.mark.skipif(bool(why_no_disk()), reason=why_no_disk() or "can be made here")


def scene(seed: int, light: float = 1.0) -> Image:
    """A picture of 64 x 48 pixels in coarse cells, another one for every seed."""
    cells = np.random.default_rng(seed).integers(40, 200, (6, 8, 3))
    return np.clip(np.kron(cells, np.ones((8, 8, 1))) * light, 0, 255).astype(np.uint8)


def frame(image: Image, index: int = 0, camera: str = "line-1") -> Frame:
    return Frame(image.copy(), index, float(index), camera)


def budget(images: int = 20, megabytes: float = 10.0, least_free_mb: float = 0.0) -> CollectConfig:
    return CollectConfig(images=images, megabytes=megabytes, least_free_mb=least_free_mb)


def a_collection(folder: Path, settings: CollectConfig | None = None) -> Collection:
    opened = Collection(Folder(folder), settings or budget())
    opened.resume()
    return opened


def images_in(folder: Path) -> list[Image]:
    return [read_image(path) for path in list_images(folder)]


@pytest.fixture
def collect(tmp_path: Path) -> Iterator[Collect]:
    sink = Collect(budget(), tmp_path / "collected", 0.25, wall=lambda: NOON)
    yield sink
    sink.close()
    sink.close()


# What stays


def test_ten_thousand_frames_never_exceed_the_budget(tmp_path: Path) -> None:
    collection = a_collection(tmp_path, budget(images=20))
    for index in range(10_000):
        collection.offer(frame(scene(index)), Why.ROUTINE, NOON)
        if index % 50 == 0:
            assert len(list(tmp_path.iterdir())) <= 20
    report = collection.report()
    assert report.images == len(list(tmp_path.iterdir())) == 20
    assert report.kept - report.evicted == 20
    assert report.kept + report.covered + report.repeated == 10_000


def test_the_budget_holds_in_bytes_too(tmp_path: Path) -> None:
    collection = a_collection(tmp_path, budget(images=100, megabytes=0.02))
    for index in range(300):
        collection.offer(frame(scene(index)), Why.ROUTINE, NOON)
        assert sum(each.stat().st_size for each in tmp_path.iterdir()) <= 20_000
    assert 0.015 < collection.report().megabytes <= 0.02


def a_shift(index: int, of: int) -> Image:
    """The same few parts for hours; late, the light fades and another part comes for a while."""
    part = index % 5 if index < 0.9 * of else 5 + index % 5
    light = 1.0 if index < 0.5 * of else 1.0 - 0.6 * (index / of - 0.5)
    noise = np.random.default_rng(index).normal(0, 1, (48, 64, 3))
    return np.clip(scene(part, light) + noise, 0, 255).astype(np.uint8)


def test_what_is_kept_is_more_varied_than_the_first_and_than_chance(tmp_path: Path) -> None:
    of, room = 4000, 40
    collection = a_collection(tmp_path, budget(images=room))
    for index in range(of):
        collection.offer(frame(a_shift(index, of), index), Why.ROUTINE, NOON)
    numbers = [name.number for name in Folder(tmp_path).names()]

    def spread(chosen: Sequence[int]) -> tuple[float, int]:
        brightness = [features(a_shift(each, of)).brightness for each in chosen]
        return float(np.std(brightness)), sum(each >= 0.9 * of for each in chosen)

    light, rare = spread(numbers)
    first_light, first_rare = spread(range(len(numbers)))
    rng = np.random.default_rng(0)
    chances = [spread(rng.choice(of, len(numbers), replace=False).tolist()) for _ in range(20)]
    assert light > 2 * first_light
    assert light > float(np.mean([light for light, _ in chances]))
    assert rare > 1.5 * float(np.mean([rare for _, rare in chances]))
    assert first_rare == 0
    assert max(numbers) - min(numbers) > 0.9 * of


def test_rare_light_is_kept_though_every_picture_differs(tmp_path: Path) -> None:
    dark = 0
    for seed in range(3):
        collection = a_collection(tmp_path / str(seed), budget(images=20))
        for index in range(600):
            light = 0.9 if index % 20 == 7 else 1.0
            collection.offer(frame(scene(5000 * seed + index, light)), Why.ROUTINE, NOON)
        dark += sum(name.number % 20 == 7 for name in Folder(tmp_path / str(seed)).names())
    assert dark >= 9  # 3 of 60 by chance


def test_every_hour_is_kept_though_every_picture_differs(tmp_path: Path) -> None:
    longest = []
    for seed in range(3):
        collection = a_collection(tmp_path / str(seed), budget(images=20))
        for index in range(1000):
            collection.offer(frame(scene(5000 * seed + index)), Why.ROUTINE, NOON)
        numbers = [name.number for name in Folder(tmp_path / str(seed)).names()]
        longest.append(max(np.diff([-1, *numbers, 1000])))
    assert np.mean(longest) < 170  # 232 where time does not count


def test_near_duplicates_are_never_kept(tmp_path: Path) -> None:
    collection = a_collection(tmp_path, budget(images=30))
    rng = np.random.default_rng(0)
    for index in range(600):
        noisy = scene(index % 60) + rng.normal(0, 1.5, (48, 64, 3))
        collection.offer(frame(np.clip(noisy, 0, 255).astype(np.uint8)), list(Why)[index % 3], NOON)
    seen = [features(image) for image in images_in(tmp_path)]
    assert len(seen) == 30
    # Half a level for the JPEG: what is judged is the picture before it.
    assert all(
        difference(one, other) > NEAR_DUPLICATE - 1
        for one, other in itertools.combinations(seen, 2)
    )
    assert collection.report().repeated > 30


def test_a_still_line_gives_one_image_however_long_it_stands(tmp_path: Path) -> None:
    collection = a_collection(tmp_path)
    for _ in range(100):
        collection.offer(frame(scene(1)), Why.ROUTINE, NOON)
    assert (collection.report().images, collection.report().repeated) == (1, 99)


@pytest.mark.parametrize(
    ("first", "second", "stays"),
    [
        (Why.ROUTINE, Why.DISAGREEMENT, Why.DISAGREEMENT),
        (Why.DISAGREEMENT, Why.ROUTINE, Why.DISAGREEMENT),
        (Why.UNCERTAIN, Why.DISAGREEMENT, Why.DISAGREEMENT),
        (Why.UNCERTAIN, Why.ROUTINE, Why.UNCERTAIN),
    ],
)
def test_of_two_alike_the_better_reason_stays(
    tmp_path: Path, first: Why, second: Why, stays: Why
) -> None:
    collection = a_collection(tmp_path)
    collection.offer(frame(scene(1)), first, NOON)
    collection.offer(frame(scene(1)), second, NOON)
    assert [name.why for name in Folder(tmp_path).names()] == [stays]


def test_trouble_is_preferred_but_cannot_displace_the_normal_case(tmp_path: Path) -> None:
    collection = a_collection(tmp_path, budget(images=20))
    for index in range(100):
        collection.offer(frame(scene(index)), Why.ROUTINE, NOON)
    for index in range(100, 140):
        collection.offer(frame(scene(index)), Why.UNCERTAIN, NOON)
    for index in range(200, 500):
        collection.offer(frame(scene(index)), Why.DISAGREEMENT, NOON)
    by_why = collection.report().by_why
    assert by_why["routine"] >= 10
    assert by_why["uncertain"] >= 5
    assert by_why["disagreement"] >= 5


@pytest.mark.parametrize("level", [0, 3, 128, 255], ids=["off", "dark", "grey", "glare"])
def test_a_picture_that_shows_nothing_is_not_kept(tmp_path: Path, level: int) -> None:
    collection = a_collection(tmp_path)
    collection.offer(frame(np.full((48, 64, 3), level, np.uint8)), Why.DISAGREEMENT, NOON)
    assert collection.report().images == 0


# What is on the disk


def test_the_folder_is_what_a_build_takes_and_its_names_say_all(tmp_path: Path) -> None:
    collection = a_collection(tmp_path / "a" / "collected")
    collection.offer(frame(scene(1), camera="line-1"), Why.ROUTINE, NOON)
    collection.offer(frame(scene(2), camera="top.left"), Why.DISAGREEMENT, NOON + 60)
    paths = list_images(tmp_path / "a" / "collected")
    assert [path.name for path in paths] == [
        "00000000-20260921T141320Z-routine-line-1.jpg",
        "00000001-20260921T141420Z-disagreement-top.left.jpg",
    ]
    assert np.abs(read_image(paths[0]).astype(int) - scene(1)).mean() < 2


names = st.builds(
    Name.of,
    st.integers(0, 10**10),
    st.floats(0, 4e9),
    st.sampled_from(Why),
    st.text(min_size=1, max_size=40),
)


@given(names)
def test_a_name_is_read_back_as_it_was_and_is_one_file(name: Name) -> None:
    assert Name.parsed(str(name)) == name
    assert "/" not in str(name)


@pytest.mark.parametrize(
    "text", ["photo.jpg", "00000001-20260921T141320Z-because-line.jpg", ".00000001.part", "1-2-3"]
)
def test_other_names_are_not_ours(text: str) -> None:
    assert Name.parsed(text) is None


def test_a_restart_finds_what_is_there_and_counts_on(tmp_path: Path) -> None:
    first = a_collection(tmp_path, budget(images=20))
    for index in range(30):
        first.offer(frame(scene(index)), Why.ROUTINE, NOON)
    there = {name.number for name in Folder(tmp_path).names()}
    again = a_collection(tmp_path, budget(images=20))
    assert again.report().images == 20
    for number in sorted(there):
        again.offer(frame(scene(number)), Why.ROUTINE, NOON)
    assert again.report().repeated == 20
    again.offer(frame(scene(1000)), Why.DISAGREEMENT, 0.0)  # a machine without a clock: 1970
    assert Folder(tmp_path).names()[-1].number > max(there)
    assert Folder(tmp_path).names()[-1].time == "19700101T000000Z"


def test_a_restart_with_a_smaller_budget_fits_into_it(tmp_path: Path) -> None:
    first = a_collection(tmp_path, budget(images=30))
    for index in range(30):
        first.offer(frame(scene(index)), Why.ROUTINE, NOON)
    a_collection(tmp_path, budget(images=10)).offer(frame(scene(99)), Why.ROUTINE, NOON)
    assert len(list_images(tmp_path)) == 10


def test_a_restart_clears_away_what_is_unfinished_or_broken_and_nothing_else(
    tmp_path: Path,
) -> None:
    first = a_collection(tmp_path)
    for index in range(3):
        first.offer(frame(scene(index)), Why.ROUTINE, NOON)
    whole, half, empty = sorted(tmp_path.iterdir())
    half.write_bytes(half.read_bytes()[:200])
    empty.write_bytes(b"")
    (tmp_path / f".{whole.name}.part").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("the operator's own")
    (tmp_path / "golden.jpg").write_bytes(whole.read_bytes())
    assert a_collection(tmp_path).report().images == 1
    assert {each.name for each in tmp_path.iterdir()} == {whole.name, "notes.txt", "golden.jpg"}


# What a person says


def names_in(folder: Path) -> list[Name]:
    return Folder(folder).names()


def test_what_somebody_wants_stays_whatever_comes_and_beyond_a_restart(tmp_path: Path) -> None:
    collection = a_collection(tmp_path, budget(images=10))
    for index in range(5):
        collection.offer(frame(scene(index)), Why.ROUTINE, NOON)
    wanted = names_in(tmp_path)[:3]
    for name in wanted:
        collection.sort(name, True)
    for index in range(5, 200):
        if index == 100:
            collection = a_collection(tmp_path, budget(images=10))
        collection.offer(frame(scene(index)), list(Why)[index % 3], NOON)
        assert len(list_images(tmp_path)) <= 10
    assert set(wanted) <= set(names_in(tmp_path))


def test_a_better_reason_does_not_replace_what_somebody_wants(tmp_path: Path) -> None:
    collection = a_collection(tmp_path)
    collection.offer(frame(scene(1)), Why.ROUTINE, NOON)
    (wanted,) = names_in(tmp_path)
    collection.sort(wanted, True)
    collection.offer(frame(scene(1)), Why.DISAGREEMENT, NOON)
    assert names_in(tmp_path) == [wanted]
    collection.sort(wanted, None)
    collection.offer(frame(scene(1)), Why.DISAGREEMENT, NOON)
    assert [name.why for name in names_in(tmp_path)] == [Why.DISAGREEMENT]


def test_a_budget_full_of_wanted_images_still_holds(tmp_path: Path) -> None:
    collection = a_collection(tmp_path, budget(images=8))
    for index in range(8):
        collection.offer(frame(scene(index)), Why.ROUTINE, NOON)
    for name in names_in(tmp_path):
        collection.sort(name, True)
    before = names_in(tmp_path)
    collection.offer(frame(scene(100)), Why.DISAGREEMENT, NOON)
    assert names_in(tmp_path) == before
    assert a_collection(tmp_path, budget(images=20)).report().images == 8


def test_a_restart_removes_no_wanted_image_though_it_looks_like_another(tmp_path: Path) -> None:
    collection = a_collection(tmp_path)
    collection.offer(frame(scene(1)), Why.ROUTINE, NOON)
    (first,) = names_in(tmp_path)
    second = Name.of(5, NOON, Why.ROUTINE, "line-1")
    folder = Folder(tmp_path)
    folder.write(second, folder.read(first))
    for name in (first, second):
        folder.keep(name, True)
    assert a_collection(tmp_path).report().images == 2
    folder.keep(second, False)
    assert a_collection(tmp_path).report().images == 1
    assert names_in(tmp_path) == [first]


def test_what_is_discarded_is_gone_and_its_mark_with_it(collect: Collect, tmp_path: Path) -> None:
    for index in range(2):
        collect.keep(frame(scene(index)))
        until(lambda index=index: collect.report().images == index + 1, "kept")  # type: ignore[misc]
    second, first = [image.name for image in collect.images()]
    collect.sort(first, True)
    assert [image.stays for image in collect.images()] == [False, True]
    assert collect.image(first)[:2] == b"\xff\xd8"
    collect.sort(first, False)
    assert [image.name for image in collect.images()] == [second]
    assert len(list((tmp_path / "collected").iterdir())) == 1
    with pytest.raises(InputMissingError, match="not in the collection any more"):
        collect.sort(first, True)
    with pytest.raises(InputMissingError, match="not in the collection any more"):
        collect.image(first)


def test_a_mark_without_its_image_is_swept(tmp_path: Path) -> None:
    collection = a_collection(tmp_path)
    collection.offer(frame(scene(1)), Why.ROUTINE, NOON)
    (name,) = names_in(tmp_path)
    collection.sort(name, True)
    (tmp_path / str(name)).unlink()
    assert a_collection(tmp_path).report().images == 0
    assert list(tmp_path.iterdir()) == []


class PowerCut(BaseException):
    """Nothing after this happens."""


def test_a_file_is_on_the_disk_before_it_has_its_name_and_before_another_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    def fsync(descriptor: int) -> None:
        target = Path(f"/proc/self/fd/{descriptor}").readlink()
        steps.append("sync folder" if target.is_dir() else f"sync {target.stat().st_size > 500}")

    real_replace, real_unlink = Path.replace, Path.unlink

    def replace(self: Path, target: Path) -> Path:
        steps.append("rename")
        return real_replace(self, target)

    def unlink(self: Path, missing_ok: bool = False) -> None:
        steps.append("remove")
        real_unlink(self, missing_ok)

    collection = a_collection(tmp_path)
    collection.offer(frame(scene(1)), Why.ROUTINE, NOON)
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr(Path, "unlink", unlink)
    collection.offer(frame(scene(1)), Why.DISAGREEMENT, NOON)
    assert steps == ["sync True", "rename", "sync folder", "remove"]


@pytest.mark.parametrize("step", ["fsync", "rename", "sync folder", "remove"])
def test_a_power_cut_at_any_step_leaves_whole_images_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    collection = a_collection(tmp_path)
    collection.offer(frame(scene(1)), Why.ROUTINE, NOON)
    before = images_in(tmp_path)
    real_fsync = os.fsync

    def cut(*_: object, **__: object) -> None:
        raise PowerCut

    def fsync(descriptor: int) -> None:
        folder = Path(f"/proc/self/fd/{descriptor}").readlink().is_dir()
        if folder == (step == "sync folder"):
            raise PowerCut
        real_fsync(descriptor)

    with monkeypatch.context() as patched:
        if step in ("fsync", "sync folder"):
            patched.setattr(os, "fsync", fsync)
        else:
            patched.setattr(Path, {"rename": "replace", "remove": "unlink"}[step], cut)
        with pytest.raises(PowerCut):
            collection.offer(frame(scene(1)), Why.DISAGREEMENT, NOON)
    again = a_collection(tmp_path)
    assert again.report().images == len(list_images(tmp_path)) == 1
    assert np.abs(images_in(tmp_path)[0].astype(int) - before[0]).max() < 3
    assert list(tmp_path.glob(".*")) == []


FULL_DISK = """
import logging, resource, sys
from pathlib import Path
from tests.sinks.test_collect import NOON, Why, a_collection, frame, scene

logging.basicConfig(format="%(levelname)s %(message)s")
collection = a_collection(Path(sys.argv[1]))
collection.offer(frame(scene(0)), Why.ROUTINE, NOON)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300, hard))
for index in range(1, 6):
    collection.offer(frame(scene(index)), Why.ROUTINE, NOON)
report = collection.report()
assert (report.images, report.failures, report.failing) == (1, 5, "File too large"), report
assert len(list(Path(sys.argv[1]).iterdir())) == 1
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
collection.offer(frame(scene(6)), Why.ROUTINE, NOON)
report = collection.report()
assert (report.images, report.failures, report.failing) == (2, 5, ""), report
"""


def test_a_full_disk_is_logged_once_counted_and_survived(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.count("ERROR") == 1
    assert "no frames are collected for recalibration: File too large" in ran.stderr
    assert ran.stderr.count("WARNING") == 1
    assert "frames are collected again" in ran.stderr


def test_a_folder_that_cannot_be_made_is_counted_not_raised(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    collection = a_collection(tmp_path / "file" / "collected")
    for index in range(5):
        collection.offer(frame(scene(index)), Why.ROUTINE, NOON)
    assert collection.report().failures >= 5
    assert collection.report().failing == "Not a directory"
    assert len(re.findall("no frames are collected", caplog.text)) == 1


def test_what_cannot_be_removed_stops_the_growth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = a_collection(tmp_path, budget(images=8))
    for index in range(8):
        collection.offer(frame(scene(index)), Why.ROUTINE, NOON)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        for index in range(8, 60):
            collection.offer(frame(scene(index)), Why.ROUTINE, NOON)
    assert len(list_images(tmp_path)) <= 9
    collection.offer(frame(scene(60)), Why.ROUTINE, NOON)
    assert len(list_images(tmp_path)) == 8


def test_the_last_of_the_disk_is_left_to_others(tmp_path: Path) -> None:
    collection = a_collection(tmp_path, budget(least_free_mb=1_000_000.0))
    collection.offer(frame(scene(1)), Why.ROUTINE, NOON)
    assert collection.report().images == 0
    assert re.fullmatch(r"only \d+ MB free, less than .*least_free_mb", collection.report().failing)


@needs_disk
def test_a_real_power_cut_loses_nothing_that_was_kept_and_a_dead_disk_is_survived(
    tmp_path: Path,
) -> None:
    with ext4(tmp_path) as disk:
        folder = disk.folder / "collected"
        collection = a_collection(folder, budget(images=8))
        for index in range(30):
            collection.offer(frame(scene(index)), Why.ROUTINE, NOON)
        disk.cut_power()
        for index in range(30, 35):
            collection.offer(frame(scene(index)), Why.DISAGREEMENT, NOON)
        assert collection.report().failures == 5
        disk.restore()
        # Removals are not waited for: what they removed may be back, and has to go again.
        again = a_collection(folder, budget(images=8))
        kept = {name.number for name in Folder(folder).names()}
        assert len(kept) >= 8
        assert all(image.shape == (48, 64, 3) for image in images_in(folder))
        again.offer(frame(scene(99)), Why.DISAGREEMENT, NOON)
        assert len(images_in(folder)) == again.report().images == 8


@needs_disk
def test_a_real_full_and_a_read_only_disk_are_survived(tmp_path: Path) -> None:
    with ext4(tmp_path) as disk:
        collection = a_collection(disk.folder / "collected")
        collection.offer(frame(scene(0)), Why.ROUTINE, NOON)
        with disk.full():
            collection.offer(frame(scene(1)), Why.ROUTINE, NOON)
            assert collection.report().failing == "No space left on device"
        disk.read_only(True)
        collection.offer(frame(scene(2)), Why.ROUTINE, NOON)
        assert collection.report().failing == "Read-only file system"
        disk.read_only(False)
        collection.offer(frame(scene(3)), Why.ROUTINE, NOON)
        assert (collection.report().images, collection.report().failing) == (2, "")
        assert len(images_in(disk.folder / "collected")) == 2


# In the loop


def test_every_camera_is_considered_at_its_pace_and_uncertain_frames_more_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered: list[tuple[str, Why, int]] = []
    sink = Collect(budget(), tmp_path, 0.25, wall=lambda: NOON)
    monkeypatch.setattr(sink, "keep", lambda f, why: offered.append((f.camera, why, f.index)))
    unsure = one_box(score=0.3)
    for second in range(25):
        sink.emit(frame(scene(1), second, "a"), SURE)
        sink.emit(frame(scene(1), second, "b"), unsure if second >= 12 else found(0))
    sink.close()
    assert [index for camera, _, index in offered if camera == "a"] == [0, 10, 20]
    assert [(why.value, index) for camera, why, index in offered if camera == "b"] == [
        ("routine", 0),
        ("routine", 10),
        *[("uncertain", index) for index in (12, 15, 18, 21, 24)],
    ]


def test_the_loop_never_waits_what_is_too_much_is_dropped_and_counted(
    collect: Collect, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, go_on = threading.Event(), threading.Event()
    real_write = Folder.write

    def slow(self: Folder, name: Name, content: bytes) -> None:
        writing.set()
        assert go_on.wait(20)
        real_write(self, name, content)

    monkeypatch.setattr(Folder, "write", slow)
    collect.keep(frame(scene(0)))
    assert writing.wait(20)
    for index in range(1, 100):
        collect.keep(frame(scene(index)))  # returns, though the disk does not
    assert collect.report().dropped == 97
    go_on.set()
    collect.close()
    assert collect.report().images == 3


def test_a_frame_is_copied_for_its_buffer_is_used_again(
    collect: Collect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, go_on = threading.Event(), threading.Event()
    real_offer = Collection.offer

    def late(self: Collection, offered: Frame, why: Why, at: float) -> None:
        looking.set()
        assert go_on.wait(20)
        real_offer(self, offered, why, at)

    monkeypatch.setattr(Collection, "offer", late)
    slot = scene(1)
    collect.keep(Frame(slot.view(), 0, 0.0))
    assert looking.wait(20)
    slot[:] = scene(2)
    go_on.set()
    collect.close()
    kept = images_in(tmp_path / "collected")[0].astype(int)
    assert np.abs(kept - scene(1)).mean() < 2


def test_other_pixel_formats_are_converted_by_the_thread(collect: Collect, tmp_path: Path) -> None:
    converted_by: list[str] = []

    def to_bgr(_: Image) -> Image:
        converted_by.append(threading.current_thread().name)
        return scene(1)

    planes = np.zeros((72, 64), np.uint8)
    collect.keep(Frame(planes, 0, 0.0, pixel_format="nv12", to_bgr=to_bgr))
    collect.close()
    assert converted_by == ["collect"]
    assert np.abs(images_in(tmp_path / "collected")[0].astype(int) - scene(1)).mean() < 2


def test_what_the_thread_died_of_is_told(collect: Collect, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(Collection, "offer", broken)
    collect.keep(frame(scene(1)))

    def told() -> bool:
        try:
            collect.keep(frame(scene(1)))
        except UnavailableError as error:
            return isinstance(error.__cause__, ZeroDivisionError)
        return False

    until(told, "an error from the thread")


def test_closing_writes_what_waits_and_later_frames_are_dropped(collect: Collect) -> None:
    collect.keep(frame(scene(1)))
    collect.keep(frame(scene(2)))
    collect.camera_changed(status(CameraState.LOST))
    collect.close()
    assert collect.report().images == 2
    collect.emit(frame(scene(3)), SURE)
    assert (collect.report().images, collect.report().dropped) == (2, 1)


_sink: type[Sink] = Collect
