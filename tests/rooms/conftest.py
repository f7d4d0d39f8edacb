from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rooms.house import House, a_bundle, a_house


@pytest.fixture(autouse=True)
def _own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    for number in (1, 2):
        a_bundle(tmp_path, number)
    with a_house(tmp_path) as house:
        yield house
