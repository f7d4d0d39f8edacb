"""The rooms of the page besides the live view: recent detections, health, models, line.

Each room is a module with its endpoints; :mod:`edge.sinks.web.rooms.asked` says what they ask of
the service, and ``openapi.json`` documents them.
"""

from edge.sinks.web.rooms.asked import Act, NotNowError, OutdatedError, Rooms
from edge.sinks.web.rooms.routes import routes

__all__ = ["Act", "NotNowError", "OutdatedError", "Rooms", "routes"]
