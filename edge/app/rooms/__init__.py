"""What the page's rooms may see of the service, and do to it: the other side of their ports."""

from edge.app.rooms.opening import OpenRooms, open_rooms
from edge.app.rooms.service import Service

__all__ = ["OpenRooms", "Service", "open_rooms"]
