from __future__ import annotations

import logging
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.sinks.web.access.attempts import ACCOUNT, ADDRESS, FORGOTTEN_S, HERE, Attempts
from edge.sinks.web.access.people import Role
from edge.sinks.web.access.sessions import FILE, IDLE_S, LONGEST_S, MOST_OF_A_USER, Sessions
from tests.sinks.parts import TestClock


def sessions(folder: Path, clock: TestClock, offset: float = 1e9) -> Sessions:
    return Sessions(folder, clock, wall=lambda: clock.time + offset)


def test_a_session_is_known_by_its_token_alone(tmp_path: Path) -> None:
    kept = sessions(tmp_path, TestClock())
    token = kept.begin("anna", "stamp")
    assert token != kept.begin("anna", "stamp")
    found = kept.find(token)
    assert found is not None
    assert (found.user, found.stamp) == ("anna", "stamp")
    for wrong in ("", token[:-1], token + "x", token.swapcase()):
        assert kept.find(wrong) is None


def test_on_the_disk_a_token_is_a_hash_in_a_private_file(tmp_path: Path) -> None:
    token = sessions(tmp_path, TestClock()).begin("anna", "stamp")
    assert token not in (tmp_path / FILE).read_text()
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_a_session_ends_when_it_is_not_used(tmp_path: Path) -> None:
    clock = TestClock()
    kept = sessions(tmp_path, clock)
    token = kept.begin("anna", "stamp")
    for _ in range(3):
        clock.time += IDLE_S - 1
        assert kept.find(token) is not None
    clock.time += IDLE_S + 1
    assert kept.find(token) is None


@pytest.mark.parametrize("role", list(Role))
def test_a_session_ends_however_much_it_is_used(tmp_path: Path, role: Role) -> None:
    clock = TestClock()
    kept = sessions(tmp_path, clock)
    session = kept.find(kept.begin("anna", "stamp"))
    assert session is not None
    clock.time += LONGEST_S[role] - 1
    assert not kept.is_over(session, role)
    clock.time += 2
    assert kept.is_over(session, role)


def test_logging_out_ends_it_for_ever(tmp_path: Path) -> None:
    clock = TestClock()
    kept = sessions(tmp_path, clock)
    token, other = kept.begin("anna", "s"), kept.begin("anna", "s")
    kept.end(token)
    assert kept.find(token) is None
    assert kept.find(other) is not None
    assert sessions(tmp_path, clock).find(token) is None


def test_a_restart_keeps_sessions_and_their_age(tmp_path: Path) -> None:
    clock = TestClock()
    token = sessions(tmp_path, clock).begin("anna", "s")
    later = TestClock(5.0)  # another boot; an hour has passed on the wall
    again = Sessions(tmp_path, later, wall=lambda: 1e9 + 100.0 + 3600 + later.time - 5)
    session = again.find(token)
    assert session is not None
    assert later.now() - session.began_s == pytest.approx(3600)


@pytest.mark.parametrize("wall", [1e9, 1e9 + 100 + 31 * 86_400], ids=["set back", "too late"])
def test_a_restart_ends_what_may_be_too_old(tmp_path: Path, wall: float) -> None:
    token = sessions(tmp_path, TestClock()).begin("anna", "s")
    assert Sessions(tmp_path, TestClock(), wall=lambda: wall).find(token) is None


def test_damage_ends_every_session_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token = sessions(tmp_path, TestClock()).begin("anna", "s")
    (tmp_path / FILE).write_bytes(b"{")
    assert sessions(tmp_path, TestClock()).find(token) is None
    assert "everybody has to log in again" in caplog.text


def test_a_full_disk_is_told_once_and_sessions_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = tmp_path / "file"
    nowhere.touch()
    kept = sessions(nowhere / "folder", TestClock())
    tokens = [kept.begin("anna", "s") for _ in range(3)]
    assert all(kept.find(token) for token in tokens)
    told = [r for r in caplog.records if "after a restart" in r.getMessage()]
    assert [record.levelno for record in told] == [logging.WARNING]


def test_sessions_are_bounded_for_each_user(tmp_path: Path) -> None:
    kept = sessions(tmp_path, TestClock())
    first, other = kept.begin("anna", "s"), kept.begin("bert", "s")
    for _ in range(MOST_OF_A_USER):
        last = kept.begin("anna", "s")
    assert kept.find(first) is None
    assert kept.find(last) is not None
    assert kept.find(other) is not None


def tries_a_day(whom: Callable[[int], tuple[str, str]]) -> int:
    """How many wrong passwords somebody gets in who waits as told; whom at the n-th."""
    clock = TestClock()
    attempts, tried = Attempts(clock), 0
    while clock.time < 86_400:
        wait_s = attempts.begin(*whom(tried))
        tried += wait_s == 0
        clock.time += wait_s or 0.1
    return tried


def test_a_few_wrong_passwords_cost_no_wait_and_more_cost_twice_as_much_each() -> None:
    clock = TestClock()
    attempts = Attempts(clock)
    assert [attempts.begin("anna", "10.0.0.1") for _ in range(HERE.free)] == [0.0] * HERE.free
    waits = []
    for _ in range(12):
        waits.append(attempts.begin("anna", "10.0.0.1"))
        clock.time += waits[-1]
        assert attempts.begin("anna", "10.0.0.1") == 0
    assert waits == [min(HERE.longest_s, 2.0**n) for n in range(12)]


def test_guessing_one_account_from_one_address_takes_for_ever() -> None:
    assert tries_a_day(lambda _n: ("anna", "10.0.0.1")) < 120


def test_guessing_many_accounts_from_one_address_takes_for_ever() -> None:
    assert tries_a_day(lambda n: (f"user {n}", "10.0.0.1")) < 130


def test_a_crowd_guesses_slowly_and_never_locks_the_owner_out_for_long() -> None:
    assert tries_a_day(lambda n: ("anna", f"10.0.{n // 250}.{n % 250}")) < 86_400 / 30 + 40
    attempts = Attempts(TestClock())
    for n in range(1000):
        attempts.begin("anna", f"10.0.{n // 250}.{n % 250}")
    assert attempts.begin("anna", "10.9.9.9") <= ACCOUNT.longest_s


def test_the_right_password_forgives_who_mistyped_but_not_the_address() -> None:
    clock = TestClock()
    attempts = Attempts(clock)
    for _ in range(HERE.free):
        attempts.begin("anna", "10.0.0.1")
    attempts.succeeded("anna", "10.0.0.1")
    assert attempts.begin("anna", "10.0.0.1") == 0
    for n in range(100):  # one's own account does not buy tries at others
        attempts.begin(f"victim {n}", "10.0.0.2")
        if attempts.begin("mine", "10.0.0.2") == 0:
            attempts.succeeded("mine", "10.0.0.2")
    assert attempts.begin("victim", "10.0.0.2") > 0


def test_wrong_passwords_are_forgotten_after_a_while() -> None:
    clock = TestClock()
    attempts = Attempts(clock)
    for _ in range(10):
        attempts.begin("anna", "10.0.0.1")
    clock.time += FORGOTTEN_S + 1
    assert [attempts.begin("anna", "10.0.0.1") for _ in range(HERE.free)] == [0.0] * HERE.free


def test_an_ipv6_network_counts_as_one_address() -> None:
    attempts = Attempts(TestClock())
    waits = [attempts.begin(f"user {n}", f"2001:db8::{n:x}") for n in range(1, 40)]
    assert waits[ADDRESS.free] > 0


def test_memory_is_bounded_whatever_comes() -> None:
    attempts = Attempts(TestClock())
    for n in range(5000):
        attempts.begin(f"user {n}", f"10.{n // 65536}.{n // 256 % 256}.{n % 256}")
    assert len(attempts._failures) <= 10_000
