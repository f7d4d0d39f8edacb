from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.host.doctor import machine_checks
from edge.host.jetson import HostHealth, power_checks, power_mode, read_health
from tests.host.orin import FILES, NVPMODEL, an_orin

THERMAL = "sys/class/thermal/"
OC3 = "sys/class/hwmon/hwmon3/oc3_event_cnt"


def test_an_orin_tells_how_it_is(tmp_path: Path) -> None:
    health = read_health(an_orin(tmp_path))
    assert health == HostHealth(
        temperatures_c={"cpu": 51.093, "gpu": 49.5, "tj": 51.5},
        throttled=(),
        over_current={"under-voltage": 0, "average current": 0, "peak current": 0},
        gpu_hz=306_000_000,
        gpu_max_hz=624_750_000,
        gpu_load=0.374,
        cpu_hz=1_510_400_000,
        cpu_max_hz=1_510_400_000,
        power_mode="15W",
        power_w=4984 * 1856 / 1e6,
        memory_total_bytes=7_802_880 * 1024,
        memory_available_bytes=4_000_000 * 1024,
    )
    assert health.hottest == ("tj", 51.5)


def test_a_machine_that_tells_nothing_is_no_fault(tmp_path: Path) -> None:
    health = read_health(tmp_path)
    assert set(dataclasses.astuple(health)) == {None}
    assert health.hottest is None
    assert list(power_checks(health)) == []


def test_this_very_machine_can_be_looked_at() -> None:
    memory = read_health().memory_total_bytes
    assert memory
    assert memory > 1e8


@pytest.mark.parametrize(
    ("device", "throttled"),
    [
        ("cooling_device0", ()),
        ("cooling_device2", ("gpu-throttle-alert",)),
        ("cooling_device3", ("devfreq-17000000.gpu",)),
    ],
    ids=["a fan that turns", "an alert", "a clock that is held down"],
)
def test_throttling_is_what_slows_down(
    tmp_path: Path, device: str, throttled: tuple[str, ...]
) -> None:
    an_orin(tmp_path, **{f"{THERMAL}{device}/cur_state": "3"})
    assert read_health(tmp_path).throttled == throttled


@pytest.mark.parametrize(
    ("status", "conf", "mode"),
    [
        ("pmode:0002 fmode:quiet", NVPMODEL, "MAXN_SUPER"),
        ("pmode:0007", NVPMODEL, "mode 7"),
        (None, NVPMODEL, "7W"),
        ("pmode:0000", None, "mode 0"),
        (None, None, None),
        ("garbage", "garbage", None),
    ],
    ids=["named", "unnamed", "not chosen: the default", "no names", "no Jetson", "garbage"],
)
def test_the_power_mode_has_its_name(
    tmp_path: Path, status: str | None, conf: str | None, mode: str | None
) -> None:
    an_orin(tmp_path, **{"var/lib/nvpmodel/status": status, "etc/nvpmodel.conf": conf})
    assert power_mode(tmp_path) == mode


def test_a_sensor_that_does_not_answer_is_left_out(tmp_path: Path) -> None:
    an_orin(tmp_path)
    sleeping = tmp_path / "sys/class/thermal/thermal_zone0/temp"
    sleeping.unlink()
    os.mkfifo(sleeping)
    with_writer = os.open(sleeping, os.O_RDWR)  # now reading it answers EAGAIN, as sysfs does
    try:
        assert read_health(tmp_path).temperatures_c == {"gpu": 49.5, "tj": 51.5}
    finally:
        os.close(with_writer)


@given(
    st.dictionaries(
        st.sampled_from(sorted(FILES)),
        st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=30)),
    )
)
def test_nothing_in_these_files_can_raise(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[str, str | None]
) -> None:
    health = read_health(an_orin(tmp_path_factory.mktemp("orin"), **changes))
    list(power_checks(health))


@pytest.mark.parametrize(
    ("change", "check", "detail", "remedy"),
    [
        ({}, "temperature", "51.5 °C at tj", ""),
        ({f"{THERMAL}thermal_zone1/temp": "97250"}, "temperature", "97.2 °C at gpu", "cooling"),
        (
            {f"{THERMAL}cooling_device1/cur_state": "1"},
            "temperature",
            "slowed down: cpu-throttle-alert",
            "cooling",
        ),
        ({}, "power supply", "no over-current since boot", ""),
        ({OC3: "27390"}, "power supply", "peak current 27390 times", "stronger supply"),
        ({}, "power mode", "15W", ""),
    ],
)
def test_the_doctor_names_heat_and_power_and_what_to_do(
    tmp_path: Path, change: dict[str, str], check: str, detail: str, remedy: str
) -> None:
    checks = machine_checks(tmp_path, 0, an_orin(tmp_path, **change))
    (found,) = [finding for finding in checks if finding.name == check]
    assert found.ok == (not remedy)
    assert detail in found.detail
    assert remedy in found.remedy
