from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.core.build import Precision
from edge.core.errors import ConfigError, DataError, InputMissingError, UnavailableError
from edge.core.types import Size
from edge.engine import manifest as manifests
from edge.engine import open_engine
from edge.engine.bundle import verified_file, verify, write_bundle
from edge.engine.durable import device_key, read_key
from edge.engine.machine import this_machine
from edge.engine.manifest import MANIFEST, Machine
from tests.engine.bundles import a_bundle, fields, files

EVERY_FILE = ["model.onnx", "ranges.json", "canary/0001.json", MANIFEST]


def test_a_bundle_says_what_it_is_made_of(tmp_path: Path) -> None:
    bundle, key = a_bundle(tmp_path)
    manifest = verify(bundle, key=key)
    assert manifest.precision is Precision.INT8
    assert manifest.input_size == Size(96, 64)
    assert manifest.settings == {"workspace_mb": 1024, "map_drop": 0.005, "calibrator": None}
    assert set(manifest.files) == set(EVERY_FILE) - {MANIFEST}
    assert bundle.parent == tmp_path / "models" / "builds"
    assert verified_file(bundle, manifest, "ranges.json") == b'{"images": 1.0}'


def test_an_engine_opens_from_a_bundle_and_from_a_link_to_it(tmp_path: Path) -> None:
    bundle, key = a_bundle(tmp_path)
    link = tmp_path / "current"
    link.symlink_to(bundle)
    for model in (bundle, link):
        engine = open_engine(model, threads=1, key=key)
        assert engine.labels == ("red", "green", "blue")
        assert engine.infer(np.ones((1, 3, 64, 96), np.float32)).shape == (1, 7, 2)
        engine.close()


def test_a_bundle_is_not_opened_without_a_key(tmp_path: Path) -> None:
    bundle, _ = a_bundle(tmp_path)
    with pytest.raises(ConfigError, match="under this device's key"):
        open_engine(bundle)


@pytest.mark.parametrize("name", EVERY_FILE)
def test_one_flipped_bit_is_refused_before_anything_runs(tmp_path: Path, name: str) -> None:
    bundle, key = a_bundle(tmp_path)
    whole = (bundle / name).read_bytes()
    places = np.random.default_rng(0).integers(0, len(whole) * 8, 40)
    for place in places if len(whole) > 100 else range(len(whole) * 8):
        broken = bytearray(whole)
        broken[place // 8] ^= 1 << place % 8
        (bundle / name).write_bytes(broken)
        with pytest.raises(DataError):
            verify(bundle, key=key)
    (bundle / name).write_bytes(whole)
    verify(bundle, key=key)


def test_not_one_bit_of_a_manifest_can_be_flipped(tmp_path: Path) -> None:
    bundle, key = a_bundle(tmp_path)
    whole = (bundle / MANIFEST).read_bytes()
    for place in range(0, len(whole) * 8, 11):  # each of the eight bits gets its turn
        broken = bytearray(whole)
        broken[place // 8] ^= 1 << place % 8
        (bundle / MANIFEST).write_bytes(broken)
        with pytest.raises(DataError, match=r"signature is wrong|damaged"):
            verify(bundle, key=key)


def _remove(bundle: Path) -> None:
    (bundle / "ranges.json").unlink()


def _add(bundle: Path) -> None:
    (bundle / "plugin.so").write_bytes(b"")


def _link(bundle: Path) -> None:
    (bundle / "ranges.json").rename(bundle.parent / "elsewhere.json")
    (bundle / "ranges.json").symlink_to(bundle.parent / "elsewhere.json")


def _empty(bundle: Path) -> None:
    (bundle / MANIFEST).write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_remove, "'ranges.json' is missing"),
        (_add, "'plugin.so' is not in the manifest"),
        (_link, "'ranges.json' is a link"),
        (_empty, "damaged"),
    ],
)
def test_other_files_than_the_manifest_lists_are_refused(
    tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    bundle, key = a_bundle(tmp_path)
    damage(bundle)
    with pytest.raises(DataError, match=message):
        verify(bundle, key=key)


def _here(**changes: str) -> Machine:
    return this_machine("onnxruntime").model_copy(update=changes)


@pytest.mark.parametrize(
    ("machine", "message"),
    [
        (_here(runtime_version="9.9"), r"onnxruntime version '1\.[\d.]+', but .* '9.9'"),
        (_here(runtime="tensorrt"), "runtime 'onnxruntime', but this machine has 'tensorrt'"),
        (_here(gpu="Orin"), "GPU 'none', but this machine has 'Orin'"),
        (_here(compute_capability="8.7"), "compute capability 'none', but .* '8.7'"),
    ],
    ids=["version", "runtime", "gpu", "compute capability"],
)
def test_another_machine_is_named_with_both_values(
    tmp_path: Path, machine: Machine, message: str
) -> None:
    bundle, key = a_bundle(tmp_path)
    with pytest.raises(DataError, match=message):
        verify(bundle, key=key, machine=machine)


def test_another_preprocessing_is_named_with_both_values(tmp_path: Path) -> None:
    bundle, key = a_bundle(tmp_path, preprocessing="letterbox version=0")
    with pytest.raises(DataError, match=f"version=0.*{manifests.PREPROCESSING[-9:]}"):
        verify(bundle, key=key)


def test_another_device_cannot_open_it(tmp_path: Path) -> None:
    bundle, _ = a_bundle(tmp_path)
    device_key(tmp_path / "other.key")
    with pytest.raises(DataError, match="signature is wrong"):
        verify(bundle, key=tmp_path / "other.key")


def test_a_manifest_of_a_later_edge_is_refused_by_number(tmp_path: Path) -> None:
    bundle, key = a_bundle(tmp_path)
    later = json.loads((bundle / MANIFEST).read_text()) | {"schema_version": 2}
    del later["hmac"]
    (bundle / MANIFEST).write_bytes(manifests._rendered(later, read_key(key)))
    with pytest.raises(DataError, match="manifest 2, this one reads 1"):
        verify(bundle, key=key)


@pytest.mark.parametrize(
    "name", ["../model.onnx", "/etc/passwd", "a/../b", "", ".hidden", "a//b", MANIFEST, "a\nb"]
)
def test_names_that_leave_the_bundle_are_refused(tmp_path: Path, name: str) -> None:
    sources = files(tmp_path / "work")
    with pytest.raises(DataError):
        write_bundle(
            tmp_path / "models",
            sources | {name: sources["ranges.json"]},
            fields(),
            key=tmp_path / "device.key",
        )
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"engine": "other.onnx"}, "runs 'other.onnx', which it does not list"),
        ({"precision": "int4"}, "precision"),
        ({"surprise": 1}, "surprise"),
        ({"settings": {"x": float("nan")}}, "manifest cannot be used"),
    ],
)
def test_a_manifest_that_would_not_be_read_is_not_written(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        a_bundle(tmp_path, **changes)


def test_what_a_killed_build_left_is_swept_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / "models" / "builds" / ".building-20260101T000000Z-0"
    left.mkdir(parents=True)
    (left / "model.onnx").write_bytes(b"half")
    bundle, _ = a_bundle(tmp_path)
    assert [path.name for path in bundle.parent.iterdir()] == [bundle.name]


def test_a_folder_that_is_no_bundle_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError, match="no bundle"):
        verify(tmp_path, key=tmp_path / "key")
    bundle, key = a_bundle(tmp_path)
    key.unlink()
    with pytest.raises(InputMissingError, match="no device key"):
        verify(bundle, key=key)


def test_the_device_key_is_secret_and_made_once(tmp_path: Path) -> None:
    path = tmp_path / "state" / "device.key"
    key = device_key(path)
    assert len(key) == 32
    assert key == device_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [left.name for left in path.parent.iterdir()] == ["device.key"]


@pytest.mark.parametrize(
    ("content", "mode", "message"), [(b"short", 0o600, "not a"), (b"k" * 32, 0o640, "others may")]
)
def test_a_key_that_proves_nothing_is_refused(
    tmp_path: Path, content: bytes, mode: int, message: str
) -> None:
    path = tmp_path / "device.key"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=message):
        device_key(path)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "tiny"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("mounting a small disk needs root")
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this container may not mount")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path, tiny_disk: Path) -> None:
    out, key = tiny_disk / "models", tmp_path / "device.key"
    sources = files(tmp_path / "work")
    before = write_bundle(out, sources, fields(), key=key)
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(1 << 20))
    with pytest.raises(UnavailableError, match=r"disk is full .* Nothing was published"):
        write_bundle(out, sources | {"large.bin": large}, fields(), key=key)
    assert [path.name for path in (out / "builds").iterdir()] == [before.name]
    verify(before, key=key)
