from __future__ import annotations

from pathlib import Path

import pytest

from edge.engine import publish
from edge.engine.bundle import verify, write_bundle
from edge.engine.eviction import remove_old
from tests.engine.bundles import fields, files


@pytest.fixture
def names(tmp_path: Path) -> list[str]:
    """Six bundles, oldest first; the oldest was in use, the second is."""
    made = []
    for _ in range(6):
        sources = files(tmp_path / "work")
        made.append(write_bundle(tmp_path / "m", sources, fields(), key=tmp_path / "key"))
        made[-1] = made[-1].rename(made[-1].with_name(f"2026010{len(made)}T000000Z-00000000"))
    publish.publish(tmp_path / "m", made[0])
    publish.publish(tmp_path / "m", made[1])
    return [bundle.name for bundle in made]


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "m" / "builds").iterdir())


def test_the_newest_stay_and_what_is_in_use_or_was_before(tmp_path: Path, names: list[str]) -> None:
    assert remove_old(tmp_path / "m", keep=2) == (names[3], names[2])
    assert left(tmp_path) == [names[0], names[1], names[4], names[5]]
    verify(tmp_path / "m" / "current", key=tmp_path / "key")


def test_others_may_be_spared(tmp_path: Path, names: list[str]) -> None:
    assert remove_old(tmp_path / "m", keep=0, spared=[names[2]]) == tuple(names[:2:-1])
    assert left(tmp_path) == names[:3]


def test_few_bundles_all_stay(tmp_path: Path, names: list[str]) -> None:
    assert remove_old(tmp_path / "m", keep=6) == ()
    assert left(tmp_path) == names


def test_what_a_power_cut_left_of_one_is_no_bundle_and_goes_with_the_next_build(
    tmp_path: Path, names: list[str]
) -> None:
    builds = tmp_path / "m" / "builds"
    (builds / names[5]).rename(builds / f".building-{names[5]}")
    assert [listed.path.name for listed in publish.list_bundles(tmp_path / "m")] == names[4::-1]
    write_bundle(tmp_path / "m", files(tmp_path / "work"), fields(), key=tmp_path / "key")
    assert not (builds / f".building-{names[5]}").exists()


def test_while_another_build_publishes_nothing_is_removed(tmp_path: Path, names: list[str]) -> None:
    with publish.exclusive(tmp_path / "m"), pytest.raises(publish.BusyError):
        remove_old(tmp_path / "m", keep=0)
    assert left(tmp_path) == names
