"""What a service notes at its start."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.app.keeping import note_power_mode
from edge.app.serving import Serving
from edge.core.config import DetectConfig
from edge.engine.machine import this_machine
from edge.host.state import StateStore
from tests.engine.bundles import a_bundle


def test_a_bundle_says_in_which_power_mode_it_was_measured(tmp_path: Path) -> None:
    machine = this_machine("onnxruntime", power_mode="MAXN").model_dump()
    bundle, key = a_bundle(tmp_path, machine=machine)
    serving = Serving(bundle, DetectConfig(), key)
    assert serving.power_mode == "MAXN"
    serving.close()


@pytest.mark.parametrize(
    ("built", "now", "told"),
    [
        ("MAXN", "15W", ["the bundle was measured in power mode MAXN, the board is in 15W"]),
        ("MAXN", "MAXN", []),
        (None, "15W", []),
        ("MAXN", None, []),
    ],
    ids=["another", "the same", "not known then", "not known now"],
)
def test_another_power_mode_than_the_bundles_is_told(
    tmp_path: Path, built: str | None, now: str | None, told: list[str]
) -> None:
    store = StateStore(tmp_path / "state.db")
    note_power_mode(built, now, store)
    assert [event.text for event in store.history()] == told
    store.close()
