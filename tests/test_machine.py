"""What the service tells of the machine under it, from the files of a fake Orin."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.app.machine import Machine
from edge.app.serving import Serving
from edge.core.config import DetectConfig
from edge.engine.machine import this_machine
from tests.engine.bundles import a_bundle
from tests.host.orin import an_orin

TEMPERATURE = "sys/class/thermal/thermal_zone8/temp"
THROTTLE = "sys/class/thermal/cooling_device2/cur_state"
OVER_CURRENT = "sys/class/hwmon/hwmon3/oc3_event_cnt"


def test_a_bundle_says_in_which_power_mode_it_was_measured(tmp_path: Path) -> None:
    machine = this_machine("onnxruntime", power_mode="MAXN").model_dump()
    bundle, key = a_bundle(tmp_path, machine=machine)
    serving = Serving(bundle, DetectConfig(), key)
    assert serving.power_mode == "MAXN"
    serving.close()


@pytest.mark.parametrize(
    ("changes", "measured_in", "about"),
    [
        ({}, "15W", []),
        ({}, None, []),
        ({}, "MAXN", ["power mode"]),
        ({TEMPERATURE: "93500\n"}, "15W", ["temperature"]),
        ({THROTTLE: "3\n"}, "15W", ["temperature"]),
        ({OVER_CURRENT: "7\n"}, "15W", []),  # before the service began
    ],
    ids=["well", "not known", "another mode", "hot", "throttled", "old over-current"],
)
def test_what_worries_about_an_orin(
    tmp_path: Path, changes: dict[str, str], measured_in: str | None, about: list[str]
) -> None:
    machine = Machine(tmp_path, measured_in, an_orin(tmp_path / "root", **changes))
    assert [worry for worry, _ in machine.worries()] == about


def test_another_power_mode_is_told_with_both_names(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "MAXN", an_orin(tmp_path / "root"))
    ((_, reason),) = machine.worries()
    assert "measured in power mode MAXN, the board is in 15W" in reason


def test_over_current_worries_when_it_happens_and_not_for_ever(tmp_path: Path) -> None:
    root = an_orin(tmp_path / "root")
    machine = Machine(tmp_path, None, root)
    an_orin(root, **{OVER_CURRENT: "2\n"})
    machine.look()
    ((about, reason),) = machine.worries()
    assert about == "power supply"
    assert "peak current 2 times" in reason
    machine.look()
    assert not list(machine.worries())


def test_a_disk_that_is_nearly_full_worries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.app.machine.LOW_DISK_BYTES", 1e18)
    ((about, reason),) = Machine(tmp_path, None, tmp_path / "nothing").worries()
    assert about == "disk"
    assert str(tmp_path) in reason


def test_its_figures_are_in_base_units(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "MAXN", an_orin(tmp_path / "root", **{THROTTLE: "3\n"}))
    told = {(one.metric.name, *one.labels): one.value for one in machine.readings()}
    assert told["edge_temperature_celsius", "tj"] == 51.5
    assert told["edge_frequency_hertz", "gpu"] == 306e6
    assert told["edge_frequency_max_hertz", "cpu"] == 1510.4e6
    assert told["edge_gpu_load_ratio",] == 0.374
    assert told["edge_power_watts",] == pytest.approx(4.984 * 1.856)
    assert told["edge_power_mode_info", "15W", "MAXN"] == 1
    assert told["edge_memory_available_bytes",] == 4000000 * 1024
    assert told["edge_throttled_devices",] == 1
    assert told["edge_over_current_events_total", "under-voltage"] == 0


def test_a_machine_that_tells_nothing_has_no_figures_but_its_disk(tmp_path: Path) -> None:
    machine = Machine(tmp_path, None, tmp_path / "nothing")
    assert [one.metric.name for one in machine.readings()] == ["edge_disk_free_bytes"]
