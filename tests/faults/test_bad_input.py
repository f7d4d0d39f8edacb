"""What somebody may do to a device, or forget: the service takes none of it for good."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge.app.service import serve
from edge.core.errors import DataError
from edge.engine import publish
from edge.engine.bundle import verify, write_bundle
from edge.engine.durable import device_key
from edge.engine.manifest import MANIFEST, manifest_of, signed
from tests.engine.bundles import fields, files
from tests.faults.plant import Plant
from tests.host.disks import ext4, why_no_disk

NOTHING_REMEMBERED = "the line is inspected, but nothing is remembered"


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    return Plant(tmp_path, monkeypatch)


def of_another_device(plant: Plant) -> Path:
    """Built elsewhere, and copied here."""
    other = plant.folder / "other.key"
    sources = files(plant.folder / "work")
    return write_bundle(plant.models, sources, fields(), key=other)


def changed_and_hashed_again(plant: Plant) -> Path:
    """The engine is exchanged, and the manifest says its new digest, under the old signature."""
    bundle = plant.publish()
    engine = bundle / "model.onnx"
    engine.write_bytes(engine.read_bytes() + b"\0")
    told = json.loads((bundle / MANIFEST).read_text())
    digest = hashlib.sha256(engine.read_bytes()).hexdigest()
    told["files"]["model.onnx"] = {"bytes": engine.stat().st_size, "sha256": digest}
    (bundle / MANIFEST).write_text(json.dumps(told, indent=2, sort_keys=True) + "\n")
    return bundle


def changed_and_signed_with_another_key(plant: Plant) -> Path:
    """The same by somebody who signs it: with another key than this device's."""
    bundle = changed_and_hashed_again(plant)
    manifest = manifest_of(bundle)
    (bundle / MANIFEST).write_bytes(signed(manifest, device_key(plant.folder / "other.key")))
    return bundle


def with_a_link_out_of_its_folder(plant: Plant) -> Path:
    """A file of the bundle is a link to one that anybody may change."""
    bundle = plant.publish()
    engine = bundle / "model.onnx"
    engine.rename(plant.folder / "elsewhere.onnx")
    engine.symlink_to(plant.folder / "elsewhere.onnx")
    return bundle


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (of_another_device, "signature is wrong"),
        (changed_and_hashed_again, "signature is wrong"),
        (changed_and_signed_with_another_key, "signature is wrong"),
        (with_a_link_out_of_its_folder, "is a link or device"),
    ],
)
def test_a_bundle_that_is_not_this_devices_own_is_refused_and_the_one_before_runs(
    plant: Plant, bad: object, says: str
) -> None:
    good = plant.publish()
    bundle = bad(plant)  # type: ignore[operator]
    if plant.current != bundle.name:
        publish.publish(plant.models, bundle)
    with pytest.raises(DataError, match=says):
        verify(bundle, key=plant.key)
    name, (told,) = plant.start()
    assert name == good.name
    assert says in told


def test_a_link_to_a_folder_elsewhere_is_no_bundle_of_this_device(plant: Plant) -> None:
    plant.publish()
    elsewhere = plant.folder / "elsewhere"
    elsewhere.mkdir()
    for file in (plant.models / "current").resolve().iterdir():
        if file.is_file():
            (elsewhere / file.name).write_bytes(file.read_bytes() + b" ")
    current = plant.models / "current"
    current.unlink()
    current.symlink_to(elsewhere)
    with pytest.raises(DataError, match="signature is wrong"):
        plant.start()


CLOCKS = """
import datetime, itertools, json, os, sys, time

YEAR = 365 * 86_400
started, really = time.monotonic(), time.time()
jumps = itertools.cycle({"jumps": [0, YEAR, -YEAR, 30 * YEAR], "no RTC": [-really]}[sys.argv[1]])

def wall():
    return really + time.monotonic() - started + next(jumps)

class Clock(datetime.datetime):
    @classmethod
    def now(cls, zone=None):
        return cls.fromtimestamp(wall(), zone)

time.time, datetime.datetime = wall, Clock

from pathlib import Path

from edge.app.service import serve
from edge.core.config import CameraConfig, CollectConfig, EdgeConfig, JsonlConfig, SinksConfig
from edge.engine import publish
from edge.engine.bundle import write_bundle
from tests.engine.bundles import fields, files

folder = Path(sys.argv[2])
bundle = write_bundle(folder / "models", files(folder), fields(), key=folder / "key")
publish.publish(folder / "models", bundle)
sinks = SinksConfig(
    web=None,
    jsonl=JsonlConfig(path=folder / "results.jsonl"),
    collect=CollectConfig(every_s=0.1, least_free_mb=0),
)
camera = CameraConfig(name="c", uri="pattern://?size=64x64&fps=50&frames=40")
config = EdgeConfig(cameras=[camera], model=folder / "models/current", sinks=sinks)
reports = [serve(config, lambda url: None) for _ in range(2)]
print(json.dumps([bundle.name, [report.frames for report in reports]]))
"""
"""Runs a service twice under a clock that is wrong from the first import on."""


@pytest.mark.parametrize("clock", ["jumps", "no RTC"])
def test_a_wrong_clock_changes_nothing(plant: Plant, clock: str) -> None:
    command = [sys.executable, "-c", CLOCKS, clock, str(plant.folder)]
    root = Path(__file__).parents[2]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    name, frames = json.loads(ran.stdout.splitlines()[-1])
    assert all(frames)
    rows = [json.loads(line) for line in (plant.folder / "results.jsonl").read_text().splitlines()]
    ages = [row["age_ms"] for row in rows if "age_ms" in row]
    assert len(ages) == sum(frames)
    assert all(0 <= age < 60_000 for age in ages), "an age is measured, never computed from dates"
    assert list((plant.folder / "state" / "collected").glob("*.jpg"))
    assert plant.start() == (name, []), "and it is no crash, no rollback"


@pytest.mark.skipif(bool(why_no_disk()), reason=why_no_disk() or "can be made here")
def test_on_a_read_only_file_system_the_line_is_inspected_and_says_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with ext4(tmp_path) as disk:
        plant = Plant(disk.folder, monkeypatch)
        plant.publish()
        plant.start()  # so that there is a state
        disk.read_only(True)
        cameras = [plant.config.cameras[0].model_copy(update={"uri": "pattern://?frames=5"})]
        report = serve(plant.config.model_copy(update={"cameras": cameras}), lambda url: None)
        disk.read_only(False)
    assert report.frames > 0
    assert NOTHING_REMEMBERED in caplog.text
    assert "cannot be saved" in caplog.text
