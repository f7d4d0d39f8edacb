"""``edge users``: who may log in, said at the terminal."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge.app.users import add_user
from edge.cli.verbs import cli
from edge.core.errors import DataError, InputMissingError
from edge.sinks.web.access import passwords
from edge.sinks.web.access.passwords import Passwords, is_token
from edge.sinks.web.access.users import Users
from tests.sinks.web_access.people import PASSWORD, QUICK


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_HASHER", QUICK)


def edge_users(folder: Path, *arguments: str, stdin: str | None = None) -> Result:
    command = ["users", *arguments, "--state", str(folder)]
    return CliRunner().invoke(cli, command, input=stdin, catch_exceptions=True)


def test_somebody_is_added_and_can_then_log_in(tmp_path: Path) -> None:
    added = edge_users(tmp_path, "add", "anna", "--role", "engineer", stdin=PASSWORD + "\n")
    assert added.exit_code == 0
    assert "anna may log in as engineer" in added.output
    assert PASSWORD not in added.output
    user = Users(tmp_path).find("anna")
    assert user is not None
    assert Passwords(QUICK).verify(user.kept, PASSWORD)


def test_a_programs_token_is_shown_once_and_kept_nowhere(tmp_path: Path) -> None:
    token = edge_users(tmp_path, "add", "prometheus", "--role", "viewer", "--token").output.strip()
    user = Users(tmp_path).find("prometheus")
    assert user is not None
    assert is_token(user.kept, token)
    assert token not in Users(tmp_path).path.read_text()


def test_a_password_is_changed_and_somebody_removed(tmp_path: Path) -> None:
    edge_users(tmp_path, "add", "anna", "--role", "viewer", stdin=PASSWORD + "\n")
    changed = edge_users(tmp_path, "passwd", "anna", stdin="another password\n")
    assert changed.exit_code == 0
    user = Users(tmp_path).find("anna")
    assert user is not None
    assert Passwords(QUICK).verify(user.kept, "another password")
    assert edge_users(tmp_path, "remove", "anna").exit_code == 0
    assert Users(tmp_path).all() == ()


def test_everybody_is_listed_for_people_and_programs(tmp_path: Path) -> None:
    assert "nobody" in edge_users(tmp_path, "list").output
    edge_users(tmp_path, "add", "anna", "--role", "viewer", stdin=PASSWORD + "\n")
    assert edge_users(tmp_path, "list").output == "anna  viewer  by password\n"
    found = json.loads(edge_users(tmp_path, "list", "--json", "-").output)
    assert found == {"users": [{"name": "anna", "role": "viewer", "login": "password"}]}


@pytest.mark.parametrize(
    ("arguments", "stdin", "error"),
    [
        (["add", "anna", "--role", "viewer"], "short\n", DataError),
        (["add", "anna", "--role", "viewer"], "", DataError),
        (["add", "<b>", "--role", "viewer"], PASSWORD, DataError),
        (["passwd", "nobody"], PASSWORD, InputMissingError),
        (["remove", "nobody"], None, InputMissingError),
    ],
)
def test_what_cannot_be_done_is_said(
    tmp_path: Path, arguments: list[str], stdin: str | None, error: type[Exception]
) -> None:
    assert isinstance(edge_users(tmp_path, *arguments, stdin=stdin).exception, error)


def test_no_password_is_taken_from_the_command_line(tmp_path: Path) -> None:
    command = ["add", "anna", "--role", "viewer", "--password", PASSWORD]
    assert edge_users(tmp_path, *command).exit_code == 2


def test_without_a_folder_the_services_own_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys.modules[add_user.__module__], "SERVICE_STATE", tmp_path / "service")
    assert add_user("a", "viewer", PASSWORD) == tmp_path / ".local/state/edge/users.json"
    (tmp_path / "service").mkdir()
    assert add_user("a", "viewer", PASSWORD) == tmp_path / "service" / "users.json"
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "unit"))
    assert add_user("a", "viewer", PASSWORD) == tmp_path / "unit" / "users.json"
