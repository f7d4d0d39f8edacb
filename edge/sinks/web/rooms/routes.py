"""All rooms' endpoints together, and the document that describes them."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from starlette.routing import BaseRoute

from edge.sinks.web.rooms.asked import Json, Rooms
from edge.sinks.web.rooms.line_room import LineRoom
from edge.sinks.web.rooms.model_room import ModelRoom
from edge.sinks.web.rooms.recent import Recent
from edge.sinks.web.rooms.wall import Wall
from edge.sinks.web.rooms.wellness import Wellness

_DOCUMENT = Path(__file__).with_name("openapi.json")


def routes(rooms: Rooms) -> list[BaseRoute]:
    """The endpoints of every room, for :class:`edge.sinks.web.server.LiveView`."""
    parts = (
        Recent(rooms.record, rooms.labels),
        Wellness(rooms.health, rooms.book),
        ModelRoom(rooms.models, rooms.recalibration),
        Wall(rooms.collect, rooms.book),
        LineRoom(rooms.line),
    )
    return [route for part in parts for route in part.routes()]


def documented(document: Json, served: Collection[str]) -> Json:
    """An OpenAPI document with those of the rooms' endpoints added that are served."""
    rooms = json.loads(_DOCUMENT.read_bytes())
    paths = {path: item for path, item in rooms["paths"].items() if path in served}
    if paths:
        document["paths"] |= paths
        for kind, parts in rooms["components"].items():
            document["components"].setdefault(kind, {}).update(parts)
    return document
