"""The API's document is true: every answer of the real service is one that it announces.

Requests are made up from the document by schemathesis, good ones and bad ones, always the same.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest

import edge.sinks.web.rooms as rooms_package
from edge.sinks.web.rooms import routes
from tests.rooms.house import House, fill

schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis (extra: test)")
checks = pytest.importorskip("schemathesis.checks")
conformance = pytest.importorskip("schemathesis.specs.openapi.checks")

FOLDER = Path(rooms_package.__file__).parent
PATHS = json.loads((FOLDER / "openapi.json").read_text())["paths"]
OTHERS = json.loads((FOLDER.parent / "openapi.json").read_text())["paths"]
ENDLESS = ("/ws", "/api/cameras/{name}/stream.mjpeg")
OPERATIONS = [
    (path, method)
    for path, item in (PATHS | OTHERS).items()
    for method in item
    if path not in ENDLESS
]


def room_of(path: str) -> str:
    """The first word of an address that tells rooms apart."""
    return path.removeprefix("/api").split("/")[1] or "page"


ROOMS = sorted({room_of(path) for path, _ in OPERATIONS})
EXAMPLES = 10
CHECKS = [
    checks.not_a_server_error,
    conformance.status_code_conformance,
    conformance.content_type_conformance,
    conformance.response_schema_conformance,
]
"""Not whether all that the document allows is accepted: who does something is asked for only where
nobody is logged in, and no schema tells that a polygon crosses itself."""


@pytest.fixture
def busy(house: House) -> House:
    """A house with something in every room."""
    fill(house, 3)
    return house


@pytest.fixture
def document(busy: House) -> dict[str, Any]:
    served: dict[str, Any] = busy.get("/openapi.json").json()
    return served


def test_every_endpoint_of_the_rooms_is_documented_with_its_methods(house: House) -> None:
    assert house.opened.rooms
    served: dict[str, set[str]] = {}
    for route in routes(house.opened.rooms):
        methods = {name.lower() for name in route.methods} - {"head"}  # type: ignore[attr-defined]
        served.setdefault(route.path, set()).update(methods)  # type: ignore[attr-defined]
    assert served == {path: set(item) for path, item in PATHS.items()}


def test_nothing_that_is_referred_to_is_missing(document: dict[str, Any]) -> None:
    def look(part: Any) -> None:
        if isinstance(part, dict):
            if isinstance(place := part.get("$ref"), str):
                found: Any = document
                for name in place.removeprefix("#/").split("/"):
                    found = found[name]
            for each in part.values():
                look(each)
        elif isinstance(part, list):
            for each in part:
                look(each)

    look(document)
    assert set(PATHS) <= set(document["paths"])


def test_no_field_of_the_api_is_a_path_an_address_or_a_command(document: dict[str, Any]) -> None:
    names = {parameter["name"] for parameter in document["components"]["parameters"].values()}
    for path in PATHS:
        for operation in document["paths"][path].values():
            names |= {each["name"] for each in operation.get("parameters", ()) if "name" in each}
            body = operation.get("requestBody", {}).get("content", {})
            schema = body.get("application/json", {}).get("schema", {})
            names |= set(schema.get("properties", {}))
    assert not names & {"path", "file", "folder", "uri", "url", "command", "pipeline", "host"}


@pytest.mark.parametrize("room", ROOMS)
def test_every_answer_is_one_that_the_document_announces(
    busy: House, document: dict[str, Any], room: str
) -> None:
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=busy.url)
    asked = [(path, method) for path, method in OPERATIONS if room_of(path) == room]
    for path, method in asked:
        ask_all_kinds_of_things(schema[path][method.upper()], busy.url)


def ask_all_kinds_of_things(operation: Any, url: str) -> None:
    @hypothesis.given(case=operation.as_strategy())
    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    def ask(case: Any) -> None:
        case.headers = {**(case.headers or {}), "X-Edge": "1", "Origin": url}
        case.call_and_validate(checks=CHECKS)

    ask()


@pytest.mark.parametrize(
    "path",
    [path for path, item in PATHS.items() if "get" in item and "{" not in path],
)
def test_a_good_request_to_every_list_gets_what_is_announced(busy: House, path: str) -> None:
    answer = httpx.get(busy.url + path)
    assert answer.status_code == 200
