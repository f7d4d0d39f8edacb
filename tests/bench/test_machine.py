from __future__ import annotations

from collections.abc import Iterable

import pytest

from edge.bench import Look, MachineWatch


def watched(looks: Iterable[Look]) -> MachineWatch:
    """After the first look and all the others."""
    script = list(looks)
    coming = iter(script)
    watch = MachineWatch(lambda: next(coming))
    for _ in script[1:]:
        watch.look()
    return watch


def test_a_machine_that_tells_nothing_has_no_conditions() -> None:
    watch = MachineWatch()
    watch.look()
    assert watch.conditions() == {}
    assert watch.power_mode is None


def test_clocks_are_those_under_load_and_every_reason_counts() -> None:
    watch = watched(
        [
            Look(gpu="Orin", gpu_mhz=306, throttled=("idle",), power_mode="MAXN"),
            Look(gpu="Orin", gpu_mhz=1300, gpu_max_mhz=1300, throttled=(), power_mode="MAXN"),
            Look(gpu="Orin", gpu_mhz=1100, gpu_max_mhz=1300, throttled=("heat",), power_w=30.0),
            Look(gpu="Orin", gpu_mhz=1200, gpu_max_mhz=1300, throttled=("oc",), power_mode="15W"),
        ]
    )
    assert watch.conditions() == {
        "gpu": "Orin",
        "gpu_mhz": {"least": 1100, "most": 1300},
        "gpu_max_mhz": 1300,
        "power_w": {"least": 30.0, "most": 30.0},
        "throttled": ["heat", "oc"],
    }
    assert watch.power_mode == "15W"


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        pytest.param([Look(), Look()], {}, id="neither is told"),
        pytest.param([Look(available_mb=8000), Look(available_mb=7000)], {}, id="no GPU"),
        pytest.param(
            [Look(gpu_memory_mb=500), Look(gpu_memory_mb=1700), Look(gpu_memory_mb=1500)],
            {"gpu": 1200},
            id="a graphics card",
        ),
        pytest.param(
            [Look(gpu_memory_mb=500, available_mb=9), Look(gpu_memory_mb=400, available_mb=1)],
            {"gpu": 0},
            id="others gave some back",
        ),
        pytest.param(
            [
                Look(gpu_mhz=300, available_mb=8000),
                Look(gpu_mhz=900, available_mb=2000),
                Look(gpu_mhz=900, available_mb=2500),
            ],
            {"shared": 6000},
            id="one memory for both",
        ),
    ],
)
def test_memory_is_what_was_added_since_the_first_look(
    looks: list[Look], expected: dict[str, float]
) -> None:
    memory = watched(looks).memory_mb()
    assert {name: memory[name] for name in ("gpu", "shared") if name in memory} == expected
    assert memory["peak"] >= memory["rss"] > 10
    if "shared" in expected:
        assert memory["all"] == max(expected["shared"], memory["peak"])
    else:
        assert memory["all"] == pytest.approx(memory["peak"] + expected.get("gpu", 0))
