"""Model room: bundles and their reports, recalibration, the way back."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from edge.sinks.web.access.people import Role
from edge.sinks.web.endpoint import Body, changes, reads
from edge.sinks.web.rooms.asked import Models, Recalibration
from edge.sinks.web.rooms.forms import Nothing, Why, act_of, answered, asked, sent

_SANDBOX = {
    # The report needs no script, no form and nothing from anywhere: it gets none, and an origin of
    # its own, so that even a report that somebody changed could not act in a visitor's name.
    "content-security-policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "frame-ancestors 'self'"
    ),
    "x-frame-options": "SAMEORIGIN",
    "cache-control": "no-store",
}


class ModelRoom:
    """The endpoints, each a method."""

    def __init__(self, models: Models, recalibration: Recalibration) -> None:
        self._models = models
        self._recalibration = recalibration

    def routes(self) -> list[BaseRoute]:
        """As they are served."""
        engineer = Role.ENGINEER
        return [
            reads("/api/models", self.listed),
            reads("/api/models/{id}/report", self.report),
            changes("/api/models/rollback", "POST", self.rollback, needs=engineer),
            reads("/api/recalibration", self.state),
            changes("/api/recalibration", "POST", self.start, needs=engineer),
            changes("/api/recalibration", "DELETE", self.abort, needs=engineer),
        ]

    def listed(self, request: Request) -> Response:
        """Every bundle and what it is now."""
        asked(Nothing, request)
        return answered(self._models.listed)

    def report(self, request: Request) -> Response:
        """The page that came with a bundle, in a sandbox."""
        content = self._models.report(request.path_params["id"])
        return Response(content, media_type="text/html", headers=_SANDBOX)

    def rollback(self, request: Request, body: Body) -> Response:
        """Back to the bundle before."""
        act = act_of(request, sent(Why, body))
        return answered(lambda: self._models.rollback(act))

    def state(self, request: Request) -> Response:
        """How far a recalibration is, or how the last one ended."""
        asked(Nothing, request)
        return answered(self._recalibration.state)

    def start(self, request: Request, body: Body) -> Response:
        """Begin a recalibration."""
        act = act_of(request, sent(Why, body))
        answer = answered(lambda: self._recalibration.start(act))
        answer.status_code = 202
        return answer

    def abort(self, request: Request, body: Body) -> Response:
        """End the recalibration that runs; nothing is published."""
        act = act_of(request, sent(Why, body))
        return answered(lambda: self._recalibration.abort(act))
