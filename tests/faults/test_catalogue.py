"""The list of faults is whole: each number has one test, and each test a number."""

from __future__ import annotations

from tests.faults import test_camera_faults, test_engine_faults
from tests.faults.catalogue import FAULTS

CAMERA_FAULTS = range(1, 19)


def test_every_fault_has_exactly_one_test_and_every_test_its_fault() -> None:
    assert list(FAULTS) == list(range(1, 33))
    there = {
        module: sorted(name for name in vars(module) if name.startswith("test_"))
        for module in (test_camera_faults, test_engine_faults)
    }
    assert there == {
        test_camera_faults: [FAULTS[number][1] for number in CAMERA_FAULTS],
        test_engine_faults: [name for number, (_, name) in FAULTS.items() if number > 18],
    }
    for number, (_, name) in FAULTS.items():
        assert name.startswith(f"test_{number:02d}_")
