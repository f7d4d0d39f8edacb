from __future__ import annotations

import json
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Literal

import httpx
import pytest
from argon2 import PasswordHasher, extract_parameters
from websockets.exceptions import InvalidStatus

from edge.core.config import WebConfig
from edge.core.types import CameraState
from edge.sinks.web.access import passwords
from edge.sinks.web.access.attempts import HERE
from edge.sinks.web.access.passwords import Passwords, kept_token
from edge.sinks.web.access.people import Role
from edge.sinks.web.access.sessions import IDLE_S
from edge.sinks.web.access.users import FILE, Users
from edge.sinks.web.server import LiveView
from tests.sinks.parts import ABOUT, TestClock, found, running_line, status, until
from tests.sinks.viewing import closed_with, text, watch
from tests.sinks.web_access.people import PASSWORD, QUICK, TOKEN, browser_of, log_in
from tests.sinks.web_access.rooms import ROOMS

ROLES = [role.value for role in Role]
MAY = {"vera": ROLES[:1], "otto": ROLES[:2], "emma": ROLES}


def test_without_users_whoever_is_on_this_machine_is_an_engineer(tmp_path: Path) -> None:
    with LiveView(WebConfig(port=0, folder=tmp_path), ABOUT, rooms=ROOMS) as view:
        session = httpx.get(view.url + "/api/session").json()
        assert (session["name"], session["role"], session["login"]) == ("", "engineer", "none")
        assert session["labels"] == ["scratch", "dent", "crack"]
        assert httpx.post(
            view.url + "/api/as/engineer", headers={"X-Edge": "1"}, json={}
        ).is_success
    assert list(tmp_path.iterdir()) == []


def test_with_the_first_user_everybody_has_to_log_in_without_a_restart(tmp_path: Path) -> None:
    with LiveView(WebConfig(port=0, folder=tmp_path), ABOUT, rooms=ROOMS) as view:
        assert httpx.get(view.url + "/api/whoami").status_code == 200
        Users(tmp_path).add("anna", Role.VIEWER, Passwords(QUICK).hash(PASSWORD))
        assert httpx.get(view.url + "/api/whoami").status_code == 401


@pytest.mark.parametrize("path", ["/api/whoami", "/metrics", "/api/cameras", "/nothing", "/ws"])
def test_nobody_unknown_is_told_anything(view: LiveView, path: str) -> None:
    answer = httpx.get(view.url + path)
    assert answer.status_code == 401
    assert set(answer.json()["error"]) == {"what", "remedy"}


def test_the_page_itself_and_one_word_of_health_are_for_everybody(view: LiveView) -> None:
    view.camera_changed(status(CameraState.LOST, "secret reason"))
    assert httpx.get(view.url + "/").status_code == 200
    assert httpx.get(view.url + "/static/style.css").status_code == 200
    assert httpx.get(view.url + "/openapi.json").status_code == 200
    session = httpx.get(view.url + "/api/session")
    assert session.json() == {
        "name": "",
        "role": None,
        "login": "required",
        "languages": ["en", "zh-CN"],
    }
    health = httpx.get(view.url + "/healthz")
    assert health.json() == {"state": "blind"}


@pytest.mark.parametrize("name", list(MAY))
def test_who_logs_in_may_do_what_their_role_may(view: LiveView, name: str) -> None:
    with browser_of(view.url) as browser:
        answer = log_in(browser, name)
        assert answer.status_code == 200
        assert answer.json()["name"] == name
        assert answer.json()["role"] == MAY[name][-1]
        assert browser.get("/api/whoami").json() == name
        may = [r for r in ROLES if browser.post(f"/api/as/{r}", json={}).is_success]
        assert may == MAY[name]
        if name == "vera":
            error = browser.post("/api/as/engineer", json={}).json()["error"]
            assert error["what"] == "This needs the role engineer; vera has the role viewer."


def test_a_program_comes_in_by_its_token(view: LiveView) -> None:
    header = {"Authorization": f"Bearer {TOKEN}"}
    assert httpx.get(view.url + "/api/whoami", headers=header).json() == "prometheus"
    assert httpx.get(view.url + "/metrics", headers=header).status_code == 200
    for wrong in (f"Bearer {TOKEN}x", "Bearer", f"Basic {TOKEN}", TOKEN):
        answer = httpx.get(view.url + "/api/whoami", headers={"Authorization": wrong})
        assert answer.status_code == 401


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(view: LiveView) -> None:
    with browser_of(view.url) as browser:
        header = log_in(browser, "emma").headers["set-cookie"]
    (morsel,) = SimpleCookie(header).values()
    assert morsel["httponly"]
    assert morsel["samesite"].lower() == "strict"
    assert morsel["path"] == "/"
    assert not morsel["domain"]
    assert 0 < int(morsel["max-age"]) <= 12 * 3600
    assert morsel.key == f"edge-{view.url.rpartition(':')[2]}"  # one a port


def test_logging_out_ends_the_session_on_the_server_too(view: LiveView) -> None:
    with browser_of(view.url) as browser:
        log_in(browser, "vera")
        kept = dict(browser.cookies)
        assert browser.delete("/api/session").status_code == 204
        assert not browser.cookies
        browser.cookies.update(kept)
        assert browser.get("/api/whoami").status_code == 401


@pytest.mark.parametrize("change", ["password", "removed"])
def test_a_changed_password_or_removal_ends_sessions_at_once(
    view: LiveView, state: Path, change: str
) -> None:
    with browser_of(view.url) as browser, browser_of(view.url) as other:
        log_in(browser, "vera")
        log_in(other, "otto")
        if change == "password":
            Users(state).replace_password("vera", Passwords(QUICK).hash("another password"))
        else:
            Users(state).remove("vera")
        assert browser.get("/api/whoami").status_code == 401
        assert other.get("/api/whoami").status_code == 200


def test_a_session_outlives_a_restart_of_the_service(state: Path) -> None:
    with LiveView(WebConfig(port=0, folder=state), ABOUT, rooms=ROOMS) as view:
        port = int(view.url.rpartition(":")[2])
        with browser_of(view.url) as browser:
            log_in(browser, "vera")
            cookies = dict(browser.cookies)
    with LiveView(WebConfig(port=port, folder=state), ABOUT, rooms=ROOMS) as view:
        assert httpx.get(view.url + "/api/whoami", cookies=cookies).json() == "vera"


def test_a_session_that_is_not_used_is_over(state: Path) -> None:
    clock = TestClock()
    config = WebConfig(port=0, folder=state)
    with LiveView(config, ABOUT, clock=clock, rooms=ROOMS) as view, browser_of(view.url) as browser:
        log_in(browser, "vera")
        clock.time += IDLE_S + 1
        assert browser.get("/api/whoami").status_code == 401


def test_a_wrong_name_and_a_wrong_password_are_not_told_apart(view: LiveView) -> None:
    with browser_of(view.url) as browser:
        answers = [
            log_in(browser, "vera", "wrong password"),
            log_in(browser, "nobody", PASSWORD),
            log_in(browser, "prometheus", TOKEN),
        ]
    assert [answer.status_code for answer in answers] == [401] * 3
    assert len({answer.text for answer in answers}) == 1


def test_an_unknown_name_costs_as_much_work_as_a_known_one() -> None:
    checked: list[str] = []

    class Noting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
            checked.append(str(hash))
            return super().verify(hash, password)

    passwords = Passwords(Noting(time_cost=2, memory_cost=16, parallelism=1))
    for kept in (passwords.hash(PASSWORD), None, kept_token(TOKEN)):
        assert not passwords.verify(kept, "wrong")
    assert [extract_parameters(kept) for kept in checked] == [extract_parameters(checked[0])] * 3


def test_too_many_wrong_passwords_wait_even_for_the_right_one(state: Path) -> None:
    clock = TestClock()
    config = WebConfig(port=0, folder=state)
    with LiveView(config, ABOUT, clock=clock, rooms=ROOMS) as view, browser_of(view.url) as browser:
        for _ in range(HERE.free):
            assert log_in(browser, "vera", "wrong password").status_code == 401
        refused = log_in(browser, "vera")
        assert refused.status_code == 429
        clock.time += int(refused.headers["retry-after"])
        assert log_in(browser, "vera").status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "vera"}, "password"),
        ({"name": 1, "password": "x"}, "name"),
        ({"name": "x" * 65, "password": "x"}, "name"),
        ({"name": "x", "password": "x" * 1025}, "password"),
        ({"name": "x", "password": "x", "role": "engineer"}, "role"),
    ],
)
def test_a_login_is_a_name_and_a_password(
    view: LiveView, body: dict[str, object], field: str
) -> None:
    with browser_of(view.url) as browser:
        answer = browser.post("/api/session", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == field
    assert "x" * 65 not in answer.text


def test_a_damaged_list_of_users_lets_nobody_in(view: LiveView, state: Path) -> None:
    (state / FILE).write_text("{")
    answer = httpx.get(view.url + "/api/whoami")
    assert answer.status_code == 503
    assert "nobody can log in" in answer.json()["error"]["what"]


def test_watching_needs_a_session_and_ends_with_it(view: LiveView, state: Path) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        watch(view)
    with browser_of(view.url) as browser:
        log_in(browser, "vera")
        ((name, value),) = browser.cookies.items()
    with watch(view, additional_headers={"Cookie": f"{name}={value}"}) as viewer:
        assert text(viewer)["type"] == "hello"
        Users(state).remove("vera")
        assert closed_with(viewer) == (4401, "Nobody is logged in any more.")


def test_a_stream_ends_with_its_session(view: LiveView, state: Path) -> None:
    view.camera_changed(status(CameraState.LIVE))
    with running_line(view, found(0)), browser_of(view.url) as browser:
        log_in(browser, "vera")
        until(lambda: browser.get("/api/cameras").json()[0]["width"], "a frame")
        with browser.stream("GET", "/api/cameras/line-1/stream.mjpeg") as stream:
            pieces = stream.iter_bytes()
            assert next(pieces)
            Users(state).remove("vera")
            assert b"".join(pieces).endswith(b"--edge-picture--\r\n")


def test_the_answer_of_every_session_is_never_kept_by_a_cache(view: LiveView) -> None:
    with browser_of(view.url) as browser:
        for answer in (browser.get("/api/session"), log_in(browser, "vera"), log_in(browser, "x")):
            assert answer.headers["cache-control"] == "no-store"
            json.dumps(answer.json())


def test_logins_are_checked_one_at_a_time_and_a_flood_is_sent_away(
    view: LiveView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_MOST_WAITING", -1)
    full = Passwords(QUICK)
    monkeypatch.setattr(view._entrance, "passwords", full)
    with browser_of(view.url) as browser:
        answer = log_in(browser, "vera")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
