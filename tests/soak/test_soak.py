"""`make soak` for some rounds: the very same, but for its length."""

from __future__ import annotations

import random
from itertools import islice
from typing import Any

import pytest

from tests.host.disks import why_no_disk
from tests.soak.__main__ import soak
from tests.soak.faults import BUNDLE_KINDS, CAMERA_KINDS, DISK_KINDS, EVERY_KIND, rounds


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return soak(tmp_path_factory.mktemp("line"), seed=1, least_rounds=2 * EVERY_KIND)


@pytest.mark.timeout(600)
def test_a_line_with_every_fault_ends_healthy_with_counts_that_add_up(
    figures: dict[str, Any],
) -> None:
    assert figures["wrong"] == []
    assert figures["ended"] == "running"
    assert figures["frames"] > 100
    assert set(figures["camera_states"]) >= {"live", "lost", "stalled", "frozen", "black"}


@pytest.mark.skipif(bool(why_no_disk()), reason=why_no_disk() or "can be made here")
@pytest.mark.timeout(600)
def test_its_disk_was_full_too(figures: dict[str, Any]) -> None:
    assert figures["faults"]["disk full"]


@pytest.mark.parametrize("disk", [True, False], ids=["with a disk", "without"])
def test_a_seed_fixes_what_comes_and_every_fault_comes(disk: bool) -> None:
    def played(seed: int) -> list[list[object]]:
        return [list(kinds) for kinds in islice(rounds(random.Random(seed), disk=disk), EVERY_KIND)]

    assert played(1) == played(1)
    assert played(1) != played(2)
    came = {kind for kinds in played(1) for kind in kinds}
    assert came >= {*BUNDLE_KINDS, *CAMERA_KINDS}
    assert (DISK_KINDS[0] in came) == disk
