from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from edge.core.errors import ConfigError, DataError, InputMissingError, UnavailableError
from edge.sinks.web.access.passwords import Passwords, is_token, kept_token, new_token
from edge.sinks.web.access.people import Role
from edge.sinks.web.access.users import FILE, Users
from tests.sinks.web_access.people import PASSWORD, QUICK, three_people


def test_without_a_file_there_is_nobody(tmp_path: Path) -> None:
    assert Users(tmp_path / "missing").all() == ()


def test_people_are_kept_in_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    three_people(tmp_path)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert [(user.name, user.role, user.login) for user in Users(tmp_path).all()] == [
        ("emma", Role.ENGINEER, "password"),
        ("otto", Role.OPERATOR, "password"),
        ("prometheus", Role.VIEWER, "token"),
        ("vera", Role.VIEWER, "password"),
    ]
    assert PASSWORD not in (tmp_path / FILE).read_text()
    assert not list(tmp_path.glob("*.tmp*"))


def test_a_change_by_another_process_is_seen_at_once(tmp_path: Path) -> None:
    mine, others = Users(tmp_path), Users(tmp_path)
    assert mine.all() == ()
    others.add("anna", Role.VIEWER, "x")
    assert mine.find("anna") is not None
    before = mine.find("anna")
    others.replace_password("anna", "y")
    after = mine.find("anna")
    assert before is not None and after is not None and before.stamp != after.stamp  # noqa: PT018
    others.remove("anna")
    assert mine.find("anna") is None


def test_people_added_at_the_same_time_are_all_there(tmp_path: Path) -> None:
    threads = [
        threading.Thread(target=lambda n=n: Users(tmp_path).add(f"user {n}", Role.VIEWER, "x"))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Users(tmp_path).all()) == 8


@pytest.mark.parametrize("name", ["", " anna", "a/b", "a\nb", "x" * 64, "<b>", "a=b"])
def test_a_name_is_letters_and_digits(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="no name for a user"):
        Users(tmp_path).add(name, Role.VIEWER, "x")


@pytest.mark.parametrize("name", ["anna", "王芳", "Jörg Müller", "a.b@factory-4"])
def test_names_of_any_script_are_taken(tmp_path: Path, name: str) -> None:
    Users(tmp_path).add(name, Role.VIEWER, "x")
    assert Users(tmp_path).find(name) is not None


def test_who_is_there_cannot_be_added_and_who_is_not_cannot_be_changed(tmp_path: Path) -> None:
    users = three_people(tmp_path)
    with pytest.raises(DataError, match="edge users passwd vera"):
        users.add("vera", Role.ENGINEER, "x")
    with pytest.raises(InputMissingError, match="There are: emma, otto, prometheus, vera"):
        users.remove("nobody")
    with pytest.raises(InputMissingError, match="no such user"):
        users.replace_password("nobody", "x")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"version": 2, "users": []}',
        b'{"version": 1, "users": [{"name": "a", "role": "root", "kept": ""}]}',
        b'{"version": 1, "users": [{"name": "a", "role": "viewer", "kept": "", "more": 1}]}',
    ],
)
def test_a_damaged_file_lets_nobody_in_rather_than_everybody(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / FILE).touch(mode=0o600)
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ConfigError, match="is damaged, so nobody can log in"):
        Users(tmp_path).all()


def test_a_file_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    three_people(tmp_path)
    (tmp_path / FILE).chmod(0o644)
    with pytest.raises(ConfigError, match=r"mode 644.*chmod 600"):
        Users(tmp_path).all()


def test_a_disk_that_refuses_leaves_everybody_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = three_people(tmp_path)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UnavailableError, match="No space left"):
        users.add("anna", Role.VIEWER, "x")
    assert len(json.loads((tmp_path / FILE).read_bytes())["users"]) == 4
    assert {path.name for path in tmp_path.iterdir()} == {FILE, f".{FILE}.lock"}


def test_a_password_is_kept_as_argon2id_and_no_other_fits() -> None:
    passwords = Passwords(QUICK)
    kept = passwords.hash(PASSWORD)
    assert kept.startswith("$argon2id$")
    assert kept != passwords.hash(PASSWORD)  # its own salt
    assert passwords.verify(kept, PASSWORD)
    for wrong in ("", PASSWORD + " ", PASSWORD.upper(), "x" * 10_000):
        assert not passwords.verify(kept, wrong)
    assert not passwords.verify(None, PASSWORD)
    assert not passwords.verify("damaged", PASSWORD)


@pytest.mark.parametrize("password", ["", "too short", "x" * 257])
def test_a_password_has_ten_characters_at_least(password: str) -> None:
    with pytest.raises(DataError, match="it needs 10 to 256"):
        Passwords(QUICK).hash(password)


def test_a_token_is_no_password_and_a_hash_no_token() -> None:
    token = new_token()
    assert len(token) >= 43  # 256 bits
    assert is_token(kept_token(token), token)
    assert not is_token(kept_token(token), kept_token(token))
    assert not is_token(QUICK.hash(token), token)
    assert not Passwords(QUICK).verify(kept_token(token), token)
