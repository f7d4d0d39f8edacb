"""Line: the rules of every camera, looked at and changed."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from edge.sinks.web.access.people import Role
from edge.sinks.web.endpoint import Body, changes, reads
from edge.sinks.web.rooms.asked import Line
from edge.sinks.web.rooms.forms import Changed, Nothing, act_of, answered, asked, sent


class LineRoom:
    """The endpoints, each a method."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def routes(self) -> list[BaseRoute]:
        """As they are served."""
        return [
            reads("/api/line", self.cameras),
            reads("/api/line/{camera}", self.camera),
            reads("/api/line/{camera}/versions", self.versions),
            changes("/api/line/{camera}", "PUT", self.change, needs=Role.ENGINEER),
        ]

    def cameras(self, request: Request) -> Response:
        """The rules of all cameras."""
        asked(Nothing, request)
        return answered(self._line.cameras, key="cameras")

    def camera(self, request: Request) -> Response:
        """The rules of one."""
        asked(Nothing, request)
        return answered(lambda: self._line.camera(request.path_params["camera"]))

    def versions(self, request: Request) -> Response:
        """What they were before."""
        asked(Nothing, request)
        return answered(lambda: self._line.versions(request.path_params["camera"]))

    def change(self, request: Request, body: Body) -> Response:
        """Other rules, from the next frame on."""
        form = sent(Changed, body)
        act = act_of(request, form)
        name = request.path_params["camera"]
        return answered(lambda: self._line.change(name, form.version, form.rules, act))
