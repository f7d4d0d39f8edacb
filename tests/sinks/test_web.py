from __future__ import annotations

import gc
import socket
import weakref
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from edge.core.config import WebConfig
from edge.core.errors import ConfigError, UnavailableError
from edge.core.types import CameraState, Detections
from edge.sinks.web.server import LiveView
from tests.sinks.parts import ABOUT, found, frame, status, until
from tests.sinks.viewing import text, watch

LIVE, LOST = CameraState.LIVE, CameraState.LOST


def get(view: LiveView, path: str, **headers: str) -> httpx.Response:
    return httpx.get(view.url + path, headers=headers)


@pytest.mark.parametrize("origin", ["https://attacker.example", "null", "http://127.0.0.1:1"])
def test_another_sites_page_may_not_watch(view: LiveView, origin: str) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        watch(view, additional_headers={"Origin": origin})
    with watch(view, additional_headers={"Origin": view.url}) as viewer:
        assert text(viewer)["type"] == "hello"


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("127.0.0.1", 200),
        ("localhost:1234", 200),
        ("[::1]:80", 200),
        ("line.factory.example", 200),
        ("LINE.factory.example:8000", 200),
        ("attacker.example", 403),
        ("10.0.0.1", 403),
        ("line.factory.example.attacker.example", 403),
        ("[bad", 403),
        ("", 403),
    ],
)
def test_only_known_host_names_are_answered(host: str, answer: int) -> None:
    config = WebConfig(port=0, allowed_hosts=["line.factory.example"])
    with LiveView(config, ABOUT) as view:
        assert get(view, "/", host=host).status_code == answer


def test_a_rebound_name_may_not_watch_either(view: LiveView) -> None:
    address = urlsplit(view.url)
    link = socket.create_connection((address.hostname, address.port))
    url = "ws://attacker.example/ws"
    with pytest.raises(InvalidStatus, match="403"):
        connect(url, sock=link, additional_headers={"Origin": "http://attacker.example"})
    link.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "edge.local"])
def test_an_address_beyond_loopback_is_refused_unless_asked_for(host: str) -> None:
    with pytest.raises(ConfigError, match=r"sinks\.web\.insecure"):
        LiveView(WebConfig(host=host), ABOUT)


def test_beyond_loopback_any_address_is_answered_but_no_unknown_name() -> None:
    with LiveView(WebConfig(host="0.0.0.0", port=0, insecure=True), ABOUT) as view:
        assert get(view, "/", host="192.168.1.4:8000").status_code == 200
        assert get(view, "/", host="attacker.example").status_code == 403


def test_a_taken_port_is_named_with_the_remedy(view: LiveView) -> None:
    port = urlsplit(view.url).port
    assert port is not None
    with pytest.raises(UnavailableError, match=f"127.0.0.1:{port}: .*--port"):
        LiveView(WebConfig(port=port), ABOUT).start()


@pytest.mark.parametrize("path", ["/", "/static/main.js", "/healthz", "/nothing/here"])
def test_every_answer_forbids_inline_script_framing_and_guessing(view: LiveView, path: str) -> None:
    headers = get(view, path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/static/style.css", "text/css"),
        ("/static/main.js", "javascript"),
        ("/static/icon.svg", "image/svg+xml"),
    ],
)
def test_the_page_comes_with_its_types(view: LiveView, path: str, kind: str) -> None:
    answer = get(view, path)
    assert answer.status_code == 200
    assert kind in answer.headers["content-type"]


@pytest.mark.parametrize("path", ["/static/nothing.js", "/static/..%2fserver.py", "/static/"])
def test_nothing_else_is_served(view: LiveView, path: str) -> None:
    assert get(view, path).status_code == 404


def test_health_answers_503_until_frames_come_and_when_the_camera_is_lost(view: LiveView) -> None:
    starting = get(view, "/healthz")
    assert (starting.status_code, starting.json()["state"]) == (503, "starting")
    view.camera_changed(status(LIVE))
    view.emit(frame(), Detections.none())
    running = get(view, "/healthz")
    assert (running.status_code, running.json()["state"]) == (200, "running")
    view.camera_changed(status(LOST, "no cable"))
    blind = get(view, "/healthz")
    assert (blind.status_code, blind.json()["state"]) == (503, "blind")
    assert blind.json()["cameras"][0]["reason"] == "no cable"


def test_metrics_are_served_with_the_viewers(view: LiveView) -> None:
    view.emit(frame(), found(0))
    with watch(view) as viewer:
        assert text(viewer)["type"] == "hello"
        until(lambda: view.hub.viewers == 1, "one viewer")
        answer = get(view, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "edge_viewers 1.0" in answer.text
    assert 'edge_detections_total{camera="line-1",label="scratch"} 1.0' in answer.text


def test_the_api_document_names_every_endpoint(view: LiveView) -> None:
    document = get(view, "/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert document["info"]["version"] == "1.2.3"
    guarded: Any = view._server.config.app
    served = {route.path for route in guarded._app.routes}
    assert set(document["paths"]) == served
    camera = document["components"]["schemas"]["Camera"]["properties"]["state"]["enum"]
    assert set(camera) == {state.value for state in CameraState} | {"stale"}


def test_a_server_that_breaks_down_is_not_silent(
    view: LiveView, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_counter: int) -> bool:
        raise MemoryError("no more")

    with watch(view) as viewer:
        assert text(viewer)["type"] == "hello"
        monkeypatch.setattr(view._server, "on_tick", broken)
        until(lambda: view._failure is not None, "it broke down")
    with pytest.raises(UnavailableError, match="broke down") as caught:
        view.emit(frame(), Detections.none())
    assert isinstance(caught.value.__cause__, MemoryError)


def test_a_closed_view_is_forgotten() -> None:
    view = LiveView(WebConfig(port=0), ABOUT)
    view.start()
    view.emit(frame(), Detections.none())
    view.close()
    gone = weakref.ref(view)
    del view
    gc.collect()
    assert gone() is None
