"""How every endpoint is guarded, whatever room it belongs to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from edge.core.config import WebConfig
from edge.core.errors import DataError, InputMissingError, UnavailableError
from edge.sinks.web import endpoint
from edge.sinks.web.access.people import Role
from edge.sinks.web.endpoint import MAX_BODY_BYTES, RefusedError, changes, person_of, reads
from edge.sinks.web.server import LiveView
from tests.sinks.parts import ABOUT, DEADLINE_S

JSON = {"X-Edge": "1", "content-type": "application/json"}


def who(request: Request) -> Response:
    person = person_of(request)
    return JSONResponse([person.name, person.role.value, threading.current_thread().name])


def echo(_request: Request, body: dict[str, Any]) -> Response:
    return JSONResponse(body)


async def fails(request: Request) -> Response:
    raise {
        "refused": RefusedError(409, "It is newer.", "Read it again.", field="version", current=3),
        "missing": InputMissingError("b1: there is no such bundle"),
        "data": DataError("line.yaml: no polygon"),
        "unavailable": UnavailableError("the disk is full"),
        "mistake": KeyError("secret"),
    }[request.path_params["how"]]


ROOMS = [
    reads("/who", who),
    reads("/fails/{how}", fails),
    changes("/echo", "PUT", echo, needs=Role.VIEWER),
    changes("/echo", "DELETE", echo, needs=Role.VIEWER),
    changes("/engineers", "POST", echo, needs=Role.ENGINEER),
]


@pytest.fixture
def view() -> Iterator[LiveView]:
    with LiveView(WebConfig(port=0), ABOUT, rooms=ROOMS) as view:
        yield view


def test_a_handler_learns_who_asks_and_runs_beside_the_servers_loop(view: LiveView) -> None:
    name, role, thread = httpx.get(view.url + "/who").json()
    assert (name, role) == ("", "engineer")
    assert thread != "edge-web"


def test_a_change_gets_its_json_object(view: LiveView) -> None:
    answer = httpx.put(view.url + "/echo", headers=JSON, content='{"a": [1, "ß"]}')
    assert answer.json() == {"a": [1, "ß"]}
    assert httpx.delete(view.url + "/echo", headers={"X-Edge": "1"}).json() == {}


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({"content-type": "application/json"}, b"{}", 403),
        (JSON | {"X-Edge": "0"}, b"{}", 403),
        (JSON | {"Origin": "https://attacker.example"}, b"{}", 403),
        (JSON | {"Origin": "null"}, b"{}", 403),
        (JSON | {"Origin": "http://[bad"}, b"{}", 403),
        (JSON | {"Sec-Fetch-Site": "cross-site"}, b"{}", 403),
        (JSON | {"Sec-Fetch-Site": "same-site"}, b"{}", 403),
        (JSON | {"content-type": "text/plain"}, b"{}", 415),
        (JSON | {"content-type": "application/x-www-form-urlencoded"}, b"a=1", 415),
        (JSON, b"", 400),
        (JSON, b"[1]", 400),
        (JSON, b'{"a":', 400),
        (JSON, b"[" * 60_000, 400),
        (JSON, b'{"a": "' + b"x" * MAX_BODY_BYTES + b'"}', 413),
        (JSON | {"content-type": "application/json; charset=utf-8"}, b"{}", 200),
    ],
    ids=[
        *("no X-Edge", "another X-Edge", "another site", "no site", "a broken site", "cross-site"),
        *("same-site", "text", "a form", "nothing", "a list", "half", "too deep", "too long"),
        "with a charset",
    ],
)
def test_only_a_deliberate_json_object_of_this_site_changes_anything(
    view: LiveView, headers: dict[str, str], content: bytes, status: int
) -> None:
    answer = httpx.put(view.url + "/echo", headers=headers, content=content)
    assert answer.status_code == status
    if status != 200:
        assert set(answer.json()["error"]) == {"what", "remedy"}
        assert answer.headers["cache-control"] == "no-store"


def test_a_body_of_unknown_length_is_cut_off(view: LiveView) -> None:
    def endless() -> Iterator[bytes]:
        yield b'{"a": "'
        for _ in range(100):
            yield b"x" * 1024

    answer = httpx.put(view.url + "/echo", headers=JSON, content=endless())
    assert answer.status_code == 413


def test_a_body_that_never_comes_is_not_waited_for(
    view: LiveView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "BODY_TIMEOUT_S", 0.1)
    address = urlsplit(view.url)
    with socket.create_connection((address.hostname, address.port), timeout=DEADLINE_S) as link:
        link.sendall(
            f"PUT /echo HTTP/1.1\r\nHost: {address.netloc}\r\nX-Edge: 1\r\n"
            'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"a"'.encode()
        )
        assert b" 408 " in link.recv(4096)


@pytest.mark.parametrize(
    ("how", "status", "error"),
    [
        (
            "refused",
            409,
            {
                "error": {"what": "It is newer.", "remedy": "Read it again.", "field": "version"},
                "current": 3,
            },
        ),
        ("missing", 404, {"error": {"what": "b1: there is no such bundle", "remedy": ""}}),
        ("data", 422, {"error": {"what": "line.yaml: no polygon", "remedy": ""}}),
        ("unavailable", 503, {"error": {"what": "the disk is full", "remedy": ""}}),
    ],
)
def test_a_refusal_says_what_and_what_to_do(
    view: LiveView, how: str, status: int, error: dict[str, Any]
) -> None:
    answer = httpx.get(f"{view.url}/fails/{how}")
    assert (answer.status_code, answer.json()) == (status, error)


def test_a_mistake_of_ours_tells_nothing_of_itself(view: LiveView) -> None:
    answer = httpx.get(view.url + "/fails/mistake")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "journalctl" in answer.json()["error"]["remedy"]


def test_what_does_not_exist_is_refused_in_the_same_shape(view: LiveView) -> None:
    assert httpx.get(view.url + "/api/nothing").json()["error"]["what"] == "Not Found"
    answer = httpx.put(view.url + "/who", headers=JSON, content="{}")
    assert (answer.status_code, answer.json()["error"]["what"]) == (405, "Method Not Allowed")


def test_an_act_needs_its_role() -> None:
    config = WebConfig(host="0.0.0.0", port=0, insecure=True)
    with LiveView(config, ABOUT, rooms=ROOMS) as view:
        url = view.url.replace("0.0.0.0", "127.0.0.1")
        refused = httpx.post(url + "/engineers", headers=JSON, content="{}")
        assert refused.status_code == 403
        assert "needs the role engineer" in refused.json()["error"]["what"]
        assert httpx.put(url + "/echo", headers=JSON, content="{}").status_code == 200


@pytest.mark.parametrize("role", list(Role))
def test_a_role_may_what_those_below_it_may(role: Role) -> None:
    order = [Role.VIEWER, Role.OPERATOR, Role.ENGINEER]
    assert [role.allows(needed) for needed in order] == [
        order.index(needed) <= order.index(role) for needed in order
    ]
