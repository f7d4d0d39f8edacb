from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.host.crashes import CrashGuard, crashes_within
from edge.host.state import Moment, Run, StateStore

WINDOW_S = 600.0


class Machine:
    """Boots, crashes and time, played by hand on a real state file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.moment = Moment("boot-1", 30.0)
        self.wall_s = 1_800_000_000.0
        self.store = self._opened()

    def _opened(self) -> StateStore:
        return StateStore(self.path, now=lambda: self.moment, wall=lambda: self.wall_s)

    def start(self) -> CrashGuard:
        self.store.close()
        self.store = self._opened()
        guard = CrashGuard(self.store)
        guard.begin()
        return guard

    def later(self, seconds: float) -> None:
        self.moment = Moment(self.moment.boot, self.moment.at_s + seconds)

    def live(self, guard: CrashGuard, seconds: float) -> None:
        for _ in range(round(seconds / 10)):
            self.later(10.0)
            guard.alive()

    def power_cycle(self) -> None:
        number = int(self.moment.boot.removeprefix("boot-"))
        self.moment = Moment(f"boot-{number + 1}", 30.0)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    played = Machine(tmp_path / "edge.db")
    yield played
    played.store.close()


def test_the_fifth_crash_within_ten_minutes_brings_safe_mode(machine: Machine) -> None:
    for crashes in range(5):
        guard = machine.start()
        assert (guard.crashes, guard.safe_mode, guard.reason) == (crashes, False, "")
        machine.live(guard, 10)
    guard = machine.start()
    assert (guard.crashes, guard.safe_mode) == (5, True)
    assert guard.reason.startswith("5 crashes within 10 minutes: safe mode")
    assert machine.store.history()[0].text == guard.reason


def test_safe_mode_ends_with_a_restart_after_ten_quiet_minutes(machine: Machine) -> None:
    for _ in range(6):
        guard = machine.start()
        machine.live(guard, 10)
    guard.clean_end()
    assert machine.start().safe_mode, "too soon"
    machine.live(guard, 610)
    assert not machine.start().safe_mode


def test_being_told_to_stop_is_no_crash(machine: Machine) -> None:
    for _ in range(20):
        guard = machine.start()
        machine.live(guard, 10)
        guard.clean_end()
        guard.clean_end()
    assert machine.start().crashes == 0


def test_slow_crashes_are_no_loop(machine: Machine) -> None:
    for _ in range(20):
        guard = machine.start()
        assert guard.crashes <= 4
        machine.live(guard, 160)


def test_a_line_that_is_switched_off_every_evening_is_in_no_loop(machine: Machine) -> None:
    for _ in range(7):
        guard = machine.start()
        assert guard.crashes <= 1
        machine.live(guard, 900)
        machine.power_cycle()


def test_a_crash_that_reboots_the_machine_counts(machine: Machine) -> None:
    for _ in range(5):
        machine.live(machine.start(), 20)
        machine.power_cycle()
    assert machine.start().safe_mode


def test_a_clock_that_jumps_a_year_changes_nothing(machine: Machine) -> None:
    for jump_s in (0, 365 * 86_400, -365 * 86_400, -machine.wall_s, 0):
        machine.wall_s += jump_s
        machine.live(machine.start(), 10)
    assert machine.start().crashes == 5


def test_an_operator_may_begin_to_count_anew(machine: Machine) -> None:
    for _ in range(6):
        machine.start()
        machine.later(1)
    machine.store.forget_runs()
    assert machine.start().crashes == 0


def test_being_alive_is_saved_once_a_minute(machine: Machine) -> None:
    guard = machine.start()
    seen = set()
    for _ in range(30):
        machine.live(guard, 10)
        seen.add(machine.store.runs()[-1].seen_s)
    assert sorted(seen) == [30, 90, 150, 210, 270, 330]


def test_a_machine_whose_state_was_lost_starts_normally() -> None:
    assert crashes_within([], Moment("boot-1", 30.0), WINDOW_S) == 0


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Run], Moment, int]:
    """Boots and runs as they truly were, and how many crashes the window truly holds."""
    runs: list[Run] = []
    true_ends: list[float] = []
    true_s = 0.0
    seconds = st.floats(0.1, 900)
    boots = draw(st.integers(1, 4))
    for boot in range(boots):
        booted_s = true_s
        for _ in range(draw(st.integers(0, 4))):
            true_s += draw(seconds)
            began_s = true_s - booted_s
            lived_s = draw(seconds)
            seen_s = began_s + lived_s * draw(st.floats(0, 1))
            true_s += lived_s
            clean = draw(st.booleans())
            runs.append(Run(f"boot-{boot}", began_s, seen_s, clean, ""))
            if not clean:
                true_ends.append(true_s)
        true_s += draw(seconds)
        now = Moment(f"boot-{boot}", true_s - booted_s)
        if boot < boots - 1:
            true_s += draw(seconds)  # switched off
    return runs, now, sum(true_s - end_s <= WINDOW_S for end_s in true_ends)


@given(histories())
def test_never_fewer_crashes_are_counted_than_there_were(
    history: tuple[list[Run], Moment, int],
) -> None:
    runs, now, true_count = history
    unclean = sum(not run.clean for run in runs)
    assert true_count <= crashes_within(runs, now, WINDOW_S) <= unclean
