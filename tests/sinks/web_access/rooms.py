"""Endpoints for each role, to see who gets through."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from edge.sinks.web.access.people import Role
from edge.sinks.web.endpoint import changes, person_of, reads


def whoami(request: Request) -> Response:
    return JSONResponse(person_of(request).name)


def act(request: Request, _body: dict[str, Any]) -> Response:
    return JSONResponse(person_of(request).name)


ROOMS = [
    reads("/api/whoami", whoami),
    *(changes(f"/api/as/{role.value}", "POST", act, needs=role) for role in Role),
]
