"""Opens the rooms of one service and closes them again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field

from edge.app.memory import StoredMemory
from edge.app.parts import bundle_key
from edge.app.rooms.book import Book
from edge.app.rooms.health import HealthRoom
from edge.app.rooms.line import Judged, Line
from edge.app.rooms.models import ModelRoom
from edge.app.rooms.recalibrating import Recalibrating
from edge.app.rooms.service import Service
from edge.app.rooms.timed import Timed
from edge.core.errors import EdgeError
from edge.core.ports import Pipeline, Sink
from edge.engine.publish import exclusive
from edge.host.ledger import Ledger
from edge.sinks.isolated import Isolated
from edge.sinks.record import Record
from edge.sinks.series import Series
from edge.sinks.tally import Tally
from edge.sinks.web.rooms import Rooms

LEDGER = "rooms.db"
RECENT = "recent"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpenRooms:
    """The rooms, and what they need of the loop.

    Attributes:
        rooms: for the page; None: there is no page.
        model: what the loop is to run.
        judged: gives these sinks every frame with its verdict.
    """

    rooms: Rooms | None
    model: Pipeline
    judged: Callable[[Sequence[Sink]], Sequence[Sink]] = field(default=lambda sinks: sinks)


@contextmanager
def open_rooms(service: Service) -> Iterator[OpenRooms]:
    """Open everything that the page shows besides the live view, until the block ends.

    Without a page the rules that somebody set on one still hold.
    """
    path = service.state / LEDGER
    if service.config.sinks.web is None and not path.exists():
        yield OpenRooms(None, service.start.switch)
        return
    with ExitStack() as stack:
        ledger = stack.enter_context(closing(Ledger(path)))
        yield _opened(service, ledger, stack)


def _opened(service: Service, ledger: Ledger, stack: ExitStack) -> OpenRooms:
    clock, series = service.clock, Series(service.clock)
    record = None if service.config.sinks.web is None else _open_record(service, stack)
    health = HealthRoom(service, series, record)
    book = Book(ledger, Tally(service.labels, clock), series, health, service)
    stack.enter_context(book.keeping())
    line = Line(ledger, service.cameras, service.labels, trusted=service.is_trusted)
    own = [Isolated(book, "book"), *([Isolated(record, "record")] if record else [])]

    def judged(sinks: Sequence[Sink]) -> Sequence[Sink]:
        return [Judged(line, [*sinks, *own], clock)]

    model = Timed(service.start.switch, health.took, clock)
    if service.config.sinks.web is None:
        return OpenRooms(None, model, judged)
    builds, store = service.builds, service.start.store
    recalibrating = Recalibrating(service.config, builds, book.act, book.note)
    stack.callback(recalibrating.close)
    memory = StoredMemory(store) if store else None
    rooms = Rooms(
        health=health,
        book=book,
        models=ModelRoom(builds, bundle_key(), memory, service.is_on_trial, book.act),
        recalibration=recalibrating,
        line=line,
        record=record,
        collect=service.kept.collect,
        labels=service.labels,
    )
    return OpenRooms(rooms, model, judged)


def _open_record(service: Service, stack: ExitStack) -> Record | None:
    settings = service.config.sinks.record
    if settings is None:
        return None
    folder = settings.folder or service.state / RECENT
    try:
        stack.enter_context(exclusive(folder, ".lock", "service records here"))
    except EdgeError as error:
        _log.warning("recent detections are not recorded: %s", error)
        return None
    record = Record(settings, folder, service.labels, clock=service.clock)
    return stack.enter_context(closing(record))
