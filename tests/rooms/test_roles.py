"""Who may do what in the rooms, and whose name is written down."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from edge.sinks.web.access.people import Person, Role
from edge.sinks.web.endpoint import RefusedError, on_refused
from edge.sinks.web.rooms import routes
from tests.rooms.house import WHO, House, fill

ACTS = [
    ("POST", "/api/models/rollback", {}, Role.ENGINEER),
    ("POST", "/api/recalibration", {}, Role.ENGINEER),
    ("DELETE", "/api/recalibration", {}, Role.ENGINEER),
    ("PUT", "/api/line/line-1", {"version": 0, "rules": None}, Role.ENGINEER),
    ("PATCH", "/api/collected/NAME", {"kept": True}, Role.OPERATOR),
]


def as_person(house: House, person: Person, method: str, path: str, body: Any) -> httpx.Response:
    """A request of somebody who is logged in."""
    assert house.opened.rooms
    app = Starlette(
        routes=routes(house.opened.rooms), exception_handlers={RefusedError: on_refused}
    )

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "edge.person": person}, receive, send)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(guarded)
        async with httpx.AsyncClient(transport=transport, base_url="http://edge") as client:
            return await client.request(method, path, json=body)

    return asyncio.run(ask())


@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.value)
@pytest.mark.parametrize(
    ("method", "path", "body", "needed"), ACTS, ids=lambda part: str(part)[:30]
)
def test_an_act_needs_its_role(
    house: House, role: Role, method: str, path: str, body: dict[str, Any], needed: Role
) -> None:
    fill(house, 1)
    name = house.get("/api/collected").json()["items"][0]["name"]
    person = Person("ann", role)
    answer = as_person(house, person, method, path.replace("NAME", name), WHO | body)
    assert (answer.status_code == 403) is not role.allows(needed)


def test_the_name_of_whoever_is_logged_in_is_written_down_whatever_they_say(house: House) -> None:
    body = {"who": "somebody else", "why": "a new product", "version": 0, "rules": None}
    answer = as_person(house, Person("ann", Role.ENGINEER), "PUT", "/api/line/line-1", body)
    assert answer.json()["who"] == "ann"
    assert house.get("/api/history").json()[0]["who"] == "ann"
