"""What an attacker on the factory's network, or in somebody's browser, might try; one test each."""

from __future__ import annotations

import json
import logging
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from edge.core.config import WebConfig
from edge.core.errors import ConfigError
from edge.sinks.web import listening
from edge.sinks.web.access.attempts import HERE
from edge.sinks.web.access.policy import certificate_for
from edge.sinks.web.access.users import FILE
from edge.sinks.web.endpoint import MAX_BODY_BYTES
from edge.sinks.web.guard import OPEN_PATHS
from edge.sinks.web.server import LiveView
from tests.sinks.parts import ABOUT, DEADLINE_S, TestClock, until
from tests.sinks.viewing import closed_with, connected_but_silent, text, watch
from tests.sinks.web_access.people import PASSWORD, TOKEN, browser_of, log_in
from tests.sinks.web_access.rooms import ROOMS
from tests.sinks.web_access.service import SECRET, Service, running_service

ELSEWHERE = "https://attacker.example"
JSON = {"X-Edge": "1", "content-type": "application/json"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("service")) as service:
        yield service


def filled(path: str, name: str = "line-1") -> str:
    """A path of the API with something in the place of its parameters."""
    return re.sub(r"\{\w+\}", lambda _: name, path)


def cookie_of(browser: httpx.Client) -> str:
    ((name, value),) = browser.cookies.items()
    return f"{name}={value}"


def link_to(view: LiveView) -> socket.socket:
    address = urlsplit(view.url)
    return socket.create_connection((address.hostname, address.port), timeout=DEADLINE_S)


# Getting in


def test_reaching_it_from_another_machine_needs_tls_and_users(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nobody could log in"):
        LiveView(WebConfig(host="0.0.0.0", folder=tmp_path), ABOUT)
    assert certificate_for(WebConfig(host="0.0.0.0", folder=tmp_path)) is not None


def test_insecure_lets_everybody_watch_and_nobody_act(caplog: pytest.LogCaptureFixture) -> None:
    config = WebConfig(host="0.0.0.0", port=0, insecure=True)
    with LiveView(config, ABOUT, rooms=ROOMS) as view:
        url = f"http://127.0.0.1:{urlsplit(view.url).port}"
        assert httpx.get(url + "/api/whoami").status_code == 200
        for role, answer in (("operator", 403), ("engineer", 403)):
            assert httpx.post(f"{url}/api/as/{role}", headers=JSON, json={}).status_code == answer
    assert "everybody can read along" in caplog.text


def test_nothing_is_told_without_a_session(service: Service) -> None:
    told = [path for path in service.endpoints("get") if path not in OPEN_PATHS]
    assert len(told) > 3
    with browser_of(service.url) as browser:
        for path in told:
            if not path.startswith("/static/"):
                assert browser.get(filled(path)).status_code == 401, path
        assert "line-1" not in browser.get("/healthz").text


def test_a_viewer_can_change_nothing(service: Service) -> None:
    with service.browser("vera") as browser:
        for method in ("post", "put", "patch", "delete"):
            for path in service.endpoints(method):
                if path != "/api/session":
                    answer = browser.request(method, filled(path), json={"who": "v", "why": "x"})
                    assert answer.status_code == 403, (method, path)


def test_brute_force(state: Path) -> None:
    clock, tried = TestClock(), 0
    config = WebConfig(port=0, folder=state)
    with LiveView(config, ABOUT, clock=clock) as view, browser_of(view.url) as browser:
        while log_in(browser, "emma", f"guess number {tried}").status_code == 401:
            tried += 1
        assert tried == HERE.free
        assert log_in(browser, "emma").status_code == 429  # nor the right one


def test_finding_out_who_there_is(view: LiveView) -> None:
    with browser_of(view.url) as browser:
        known, unknown = (log_in(browser, name, "wrong password") for name in ("emma", "xemma"))
    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)


def test_session_fixation(view: LiveView) -> None:
    with browser_of(view.url) as browser:
        name = f"edge-{urlsplit(view.url).port}"
        browser.cookies.set(name, "chosen-by-the-attacker", domain="127.0.0.1")
        given = log_in(browser, "vera").cookies[name]
        assert given != "chosen-by-the-attacker"
        for token in ("chosen-by-the-attacker", ""):
            headers = {"Cookie": f"{name}={token}"}
            assert httpx.get(view.url + "/api/whoami", headers=headers).status_code == 401


def test_tokens_in_query_strings_are_never_read(view: LiveView) -> None:
    with browser_of(view.url) as browser:
        log_in(browser, "vera")
        ((name, value),) = browser.cookies.items()
    for query in (f"{name}={value}", f"token={TOKEN}", f"access_token={TOKEN}", f"session={value}"):
        assert httpx.get(f"{view.url}/api/whoami?{query}").status_code == 401
        with pytest.raises(InvalidStatus, match="403"):
            connect(f"{view.url.replace('http', 'ws')}/ws?{query}")


def test_a_stolen_state_folder_opens_nothing(view: LiveView, state: Path) -> None:
    with browser_of(view.url) as browser:
        log_in(browser, "emma")
        token = cookie_of(browser).partition("=")[2]
    stolen = "".join(path.read_text() for path in state.iterdir() if path.is_file())
    for secret in (PASSWORD, TOKEN, token):
        assert secret not in stolen
    for kept in re.findall(r"sha256:\w+", stolen):
        headers = {"Cookie": f"edge-{urlsplit(view.url).port}={kept}"}
        assert httpx.get(view.url + "/api/whoami", headers=headers).status_code == 401
    assert (state / FILE).stat().st_mode & 0o077 == 0


# Through somebody's browser


def test_cross_site_request_forgery(service: Service) -> None:
    with service.browser("emma") as browser:
        form = {"content-type": "application/x-www-form-urlencoded"}
        del browser.headers["x-edge"], browser.headers["origin"]
        for method in ("post", "put", "patch", "delete"):
            for path in service.endpoints(method):
                for headers in (
                    form,
                    form | {"Origin": ELSEWHERE},
                    JSON | {"Origin": ELSEWHERE},
                    JSON | {"Origin": "null"},
                    JSON | {"Sec-Fetch-Site": "cross-site"},
                    {"content-type": "application/json"},
                ):
                    answer = browser.request(method, filled(path), headers=headers, content=b"{}")
                    assert answer.status_code == 403, (method, path, headers)
        assert browser.get("/api/session").json()["name"] == "emma"  # was not logged out


def test_a_foreign_site_is_not_allowed_to_ask_first(view: LiveView) -> None:
    headers = {"Origin": ELSEWHERE, "Access-Control-Request-Method": "POST"}
    answer = httpx.options(view.url + "/api/session", headers=headers)
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_a_websocket_of_another_site(view: LiveView) -> None:
    with browser_of(view.url) as browser:
        log_in(browser, "vera")
        cookie = {"Cookie": cookie_of(browser)}
    for origin in (ELSEWHERE, "null", view.url.replace("127.0.0.1", "localhost")):
        with pytest.raises(InvalidStatus, match="403"):
            watch(view, additional_headers=cookie | {"Origin": origin})
    with watch(view, additional_headers=cookie | {"Origin": view.url}) as viewer:
        assert text(viewer)["type"] == "hello"


def test_dns_rebinding(view: LiveView) -> None:
    port = urlsplit(view.url).port
    with browser_of(view.url) as browser:
        log_in(browser, "vera")
        cookie = {"Cookie": cookie_of(browser)}
        for name in ("attacker.example", f"attacker.example:{port}", "127.0.0.1.example", ""):
            for path in ("/", "/api/session", "/api/whoami", "/metrics", "/static/main.js"):
                answer = browser.get(path, headers=cookie | {"Host": name})
                assert answer.status_code == 403, (name, path)
    with link_to(view) as link, pytest.raises(InvalidStatus, match="403"):
        connect("ws://attacker.example/ws", sock=link, additional_headers=cookie)


def test_script_in_the_page(service: Service) -> None:
    with service.browser("vera") as browser:
        for path in ("/", "/static/main.js", "/api/session", "/nothing", "/api/cameras/<script>/x"):
            policy = browser.get(path).headers["content-security-policy"]
            assert "default-src 'self'" in policy
            assert "unsafe" not in policy
            assert browser.get(path).headers["x-content-type-options"] == "nosniff"
        page = browser.get("/").text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|javascript:", page)


def test_text_of_an_attacker_comes_back_as_json_only(view: LiveView) -> None:
    with browser_of(view.url) as browser:
        log_in(browser, "vera")
        answer = browser.get(f"/api/cameras/{quote('<img src=x onerror=alert(1)>')}/picture.jpg")
    assert answer.headers["content-type"] == "application/json"


def test_the_page_in_a_foreign_frame(view: LiveView) -> None:
    headers = httpx.get(view.url + "/").headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"


# Files and commands


@pytest.mark.parametrize(
    "name",
    [
        *("../server.py", "..%2fserver.py", "%2e%2e/%2e%2e/server.py", "....//server.py"),
        *("/etc/passwd", "%2fetc%2fpasswd", "..\\server.py", "..%5cserver.py", "%00"),
        *("../../../../../../etc/passwd", "..%252f..%252fetc%252fpasswd", "main.js%00.png"),
    ],
)
def test_path_traversal(service: Service, name: str) -> None:
    with service.browser("emma") as browser:
        for path in service.endpoints("get"):
            if "{" in path:
                answer = browser.get(filled(path, name))
                assert 400 <= answer.status_code < 500, (path, answer.status_code)
                for content in ("root:", "def ", "import "):
                    assert content not in answer.text


INPUTS = {
    *("name", "password", "who", "why"),  # of people
    *("camera", "label", "id", "bundle"),  # of things that are there already
    *("min_score", "since", "until", "verdict", "before", "limit", "hours", "minutes", "width"),
    *("version", "kept", "rules", "regions", "polygon", "classes", "max_age_ms"),
    *("ng", "min_width_px", "min_height_px", "X-Edge"),
}
"""All that can be entered: no pipeline, path, address or command. Think before adding one."""


def inputs(schema: Any, document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property that a schema takes, with its own schema."""
    if "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    for name, inner in schema.get("properties", {}).items():
        yield name, inner
        yield from inputs(inner, document)
    for key in ("items", "additionalProperties", "schema"):
        if isinstance(schema.get(key), dict):
            yield from inputs(schema[key], document)
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        for inner in schema.get(key, ()):
            yield from inputs(inner, document)


def test_no_pipeline_path_or_command_can_be_entered(service: Service) -> None:
    document = httpx.get(service.url + "/openapi.json").json()
    entered = set()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                if "$ref" in parameter:
                    parameter = document["components"]["parameters"][
                        parameter["$ref"].rpartition("/")[2]
                    ]
                entered.add(parameter["name"])
            for content in operation.get("requestBody", {}).get("content", {}).values():
                body = content["schema"]
                for name, _ in inputs(body, document):
                    entered.add(name)
                resolved = json.dumps(body)
                assert "multipart" not in resolved, path
        assert set(operation.get("requestBody", {}).get("content", {})) <= {"application/json"}
    assert entered - INPUTS == set()


def test_a_password_of_a_camera(service: Service) -> None:
    """Searched in every page, answer, metric, message, log and command line."""
    spelled = (SECRET, quote(SECRET, safe=""), quote(SECRET), SECRET.partition(".")[0])
    said = {"the log": service.log, "command lines": "\n".join(service.command_lines())}
    with service.browser("emma") as browser:
        for path in service.endpoints("get"):
            if "mjpeg" not in path:
                for name in ("line-1", "press-4"):
                    answer = browser.get(filled(path, name))
                    said[f"{path} of {name}"] = answer.text + str(answer.headers)
        socket_url = service.url.replace("http", "ws") + "/ws"
        with connect(socket_url, additional_headers={"Cookie": cookie_of(browser)}) as viewer:
            said["/ws"] = "".join(str(viewer.recv(DEADLINE_S)) for _ in range(3))
    results = service.folder / "results.jsonl"
    said["results"] = results.read_text()
    assert "press-4" in said["/ws"] + said["results"] + said["the log"]
    for where, words in said.items():
        for secret in spelled:
            assert secret not in words, where


def test_a_login_writes_nothing_of_an_attackers_into_the_log(
    view: LiveView, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with browser_of(view.url) as browser:
        log_in(browser, "x\nCRITICAL edge: all is well", "typed-a-password")
        log_in(browser, "vera", "wrong-password-of-vera")
        log_in(browser, "vera")
        cookie = cookie_of(browser).partition("=")[2]
    written = "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("edge"))
    assert "vera" in written
    for never in ("all is well", "typed-a-password", "wrong-password", PASSWORD, cookie):
        assert never not in written


# Keeping others out


def test_huge_headers_and_nonsense(view: LiveView, caplog: pytest.LogCaptureFixture) -> None:
    with link_to(view) as link:
        link.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert link.recv(4096).startswith(b"HTTP/1.1 400 ")
    with link_to(view) as link:
        link.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 17_000)
        assert link.recv(4096).startswith(b"HTTP/1.1 400 ")
    assert httpx.get(view.url + "/").status_code == 200
    assert caplog.records == []  # the journal is not filled by it


def test_huge_bodies(view: LiveView) -> None:
    body = b'{"name": "' + b"x" * MAX_BODY_BYTES + b'"}'
    answer = httpx.post(view.url + "/api/session", headers=JSON, content=body)
    assert answer.status_code == 413


def test_huge_messages(view: LiveView) -> None:
    with browser_of(view.url) as browser:
        log_in(browser, "vera")
        cookie = {"Cookie": cookie_of(browser)}
    with watch(view, additional_headers=cookie) as viewer:
        text(viewer)
        viewer.send("x" * 70_000)
        assert closed_with(viewer)[0] == 1009  # too big


@pytest.mark.parametrize(
    "begun",
    [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-a: b\r\n"],
    ids=["nothing", "half a line", "half the headers"],
)
def test_slowloris(view: LiveView, monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    monkeypatch.setattr(listening, "REQUEST_TIMEOUT_S", 0.2)
    with link_to(view) as link:
        link.sendall(begun)
        assert link.recv(100) == b""  # dropped


def test_slowloris_after_a_first_request(view: LiveView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "REQUEST_TIMEOUT_S", 0.2)
    with link_to(view) as link:
        link.sendall(b"GET /api/session HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert link.recv(4096).startswith(b"HTTP/1.1 200 ")
        link.sendall(b"GET /api/session HT")
        while link.recv(4096):
            pass


def test_many_connections_at_once(view: LiveView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "REQUEST_TIMEOUT_S", 1.0)
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(link_to(view))
        connections = view._server.server_state.connections
        until(lambda: 100 < len(connections) <= 2 * 64 + 32, "no more than so many are kept")
        until(lambda: not connections, "they are dropped")
        assert httpx.get(view.url + "/").status_code == 200


def test_viewers_that_never_read(view: LiveView) -> None:
    """Without a session they get nothing at all; with one see test_stream."""
    with connected_but_silent(view) as link:
        assert b" 403 " in link.recv(4096)
    assert view.hub.viewers == 0


def test_old_ciphers_and_plain_http_where_tls_is_served(state: Path) -> None:
    with LiveView(WebConfig(host="0.0.0.0", port=0, folder=state), ABOUT) as view:
        port = urlsplit(view.url).port or 0
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as link:
            link.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert b"HTTP/1.1 200" not in link.recv(4096)
        weak = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        weak.check_hostname, weak.verify_mode = False, ssl.CERT_NONE
        weak.maximum_version = ssl.TLSVersion.TLSv1_2
        weak.set_ciphers("AES128-SHA:@SECLEVEL=0")
        link = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        with link, pytest.raises((ssl.SSLError, ConnectionError)):
            weak.wrap_socket(link)
