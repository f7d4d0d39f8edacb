from __future__ import annotations

from pathlib import Path

import pytest

from edge.host.nvidia import CardHealth, read_card

GOOD = "NVIDIA H200, 1234, 1980, 1980, 101.50, 34, 0x0000000000000024"


def program(folder: Path, script: str) -> str:
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_the_first_card_is_read(tmp_path: Path) -> None:
    said = program(tmp_path, f'echo "$@" > {tmp_path}/asked; echo "{GOOD}"; echo "{GOOD}"')
    assert read_card(said) == CardHealth(
        name="NVIDIA H200",
        memory_used_bytes=1234 * 1024 * 1024,
        gpu_hz=1980e6,
        gpu_max_hz=1980e6,
        power_w=101.5,
        temperature_c=34.0,
        throttled=("power limit", "heat (driver)"),
    )
    assert "--format=csv,noheader,nounits" in (tmp_path / "asked").read_text()


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        ("0x0000000000000000", ()),
        ("0x0000000000000001", ()),
        ("0x0000000000000002", ()),
        ("0x0000000000000048", ("hardware", "heat (hardware)")),
        ("[N/A]", None),
    ],
    ids=["nothing", "idle", "clocks that somebody chose", "hot", "not told"],
)
def test_only_what_slows_it_down_counts(
    tmp_path: Path, reasons: str, expected: tuple[str, ...] | None
) -> None:
    card = read_card(program(tmp_path, f"echo 'Card, 1, 2, 3, 4, 5, {reasons}'"))
    assert card is not None
    assert card.throttled == expected


def test_what_the_card_does_not_tell_is_none(tmp_path: Path) -> None:
    card = read_card(program(tmp_path, f"echo 'Orin (nvgpu), {', '.join(['[N/A]'] * 6)}'"))
    assert card == CardHealth(name="Orin (nvgpu)")


@pytest.mark.parametrize(
    "script",
    ["exit 9", "echo No devices were found", "true", f"echo '{GOOD}'; exit 1"],
    ids=["fails", "other words", "nothing", "fails in the end"],
)
def test_without_a_working_driver_there_is_no_card(tmp_path: Path, script: str) -> None:
    assert read_card(program(tmp_path, script)) is None


def test_without_the_program_there_is_no_card(tmp_path: Path) -> None:
    assert read_card(str(tmp_path / "nvidia-smi")) is None
