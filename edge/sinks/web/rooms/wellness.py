"""Health: how the service is and was, what changed, and what was counted."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from edge.sinks.web.endpoint import reads
from edge.sinks.web.rooms.asked import Book, Health
from edge.sinks.web.rooms.forms import Hours, Minutes, Newest, Nothing, answered, asked


class Wellness:
    """The endpoints, each a method."""

    def __init__(self, health: Health, book: Book) -> None:
        self._health = health
        self._book = book

    def routes(self) -> list[BaseRoute]:
        """As they are served."""
        return [
            reads("/api/health", self.health),
            reads("/api/series", self.series),
            reads("/api/history", self.history),
            reads("/api/counts", self.counts),
        ]

    def health(self, request: Request) -> Response:
        """State, reasons, cameras, engine, machine."""
        asked(Nothing, request)
        return answered(self._health.now)

    def series(self, request: Request) -> Response:
        """Figures of the last minutes, for plots."""
        minutes = asked(Minutes, request).minutes
        return answered(lambda: self._health.series(minutes))

    def history(self, request: Request) -> Response:
        """What changed and when, newest first."""
        limit = asked(Newest, request).limit
        return answered(lambda: self._book.history(limit))

    def counts(self, request: Request) -> Response:
        """Frames and detections by hour."""
        hours = asked(Hours, request).hours
        return answered(lambda: self._book.counts(hours))
