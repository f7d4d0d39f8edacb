"""Opens the rooms of one service and closes them again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edge.app.keeping import Kept, Start
from edge.app.memory import StoredMemory
from edge.app.parts import bundle_key, model_to_use
from edge.app.rooms.book import Book
from edge.app.rooms.health import HealthRoom
from edge.app.rooms.line import Judged, Line
from edge.app.rooms.models import ModelRoom
from edge.app.rooms.recalibrating import Recalibrating
from edge.app.rooms.timed import Timed
from edge.core.clock import Clock
from edge.core.config import EdgeConfig
from edge.core.errors import EdgeError
from edge.core.ports import Pipeline, Sink
from edge.core.service import ServiceState
from edge.engine.publish import CURRENT, exclusive
from edge.host.ledger import Ledger
from edge.sinks.isolated import Isolated
from edge.sinks.overview import Overview
from edge.sinks.record import Record
from edge.sinks.series import Series
from edge.sinks.tally import Tally
from edge.sinks.web.rooms import Rooms

LEDGER = "rooms.db"
RECENT = "recent"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """The service that the rooms belong to.

    Attributes:
        config: of it.
        start: what it runs.
        kept: who keeps that right.
        overview: how it is.
        state: folder in which the rooms keep what is theirs.
        clock: of it.
    """

    config: EdgeConfig
    start: Start
    kept: Kept
    overview: Overview
    state: Path
    clock: Clock

    def bundle(self) -> str:
        """Name of what is in service."""
        keeper = self.kept.keeper
        return (keeper.serving if keeper else self.start.serving).name


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
    clock, labels = service.clock, service.start.switch.labels
    series = Series(clock)
    health = HealthRoom(
        service.overview,
        series,
        lambda: service.start.switch.description,
        service.bundle,
        service.state,
        clock,
    )
    book = Book(ledger, Tally(labels, clock), series, health.state, clock)
    book.store, book.temperature = service.start.store, health.temperature
    line = Line(ledger, _cameras(service.config), labels, trusted=_trusted(service.overview))
    own: list[Sink] = [Isolated(book, "book")]
    rooms = None
    if service.config.sinks.web is not None:
        health.record = record = _open_record(service, stack)
        if record is not None:
            own.append(Isolated(record, "record"))
        rooms = _rooms(service, book, health, line, record, stack)
    stack.enter_context(book.keeping())

    def judged(sinks: Sequence[Sink]) -> Sequence[Sink]:
        return [Judged(line, [*sinks, *own], clock)]

    return OpenRooms(rooms, Timed(service.start.switch, health.took, clock), judged)


def _rooms(
    service: Service,
    book: Book,
    health: HealthRoom,
    line: Line,
    record: Record | None,
    stack: ExitStack,
) -> Rooms:
    builds = _builds(service.config)
    memory = StoredMemory(service.start.store) if service.start.store else None
    recalibrating = Recalibrating(service.config, builds, book.act, book.note)
    stack.callback(recalibrating.close)
    return Rooms(
        health=health,
        book=book,
        models=ModelRoom(builds, bundle_key(), memory, book.act),
        recalibration=recalibrating,
        line=line,
        record=record,
        collect=service.kept.collect,
        labels=service.start.switch.labels,
    )


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
    record = Record(settings, folder, service.start.switch.labels, clock=service.clock)
    return stack.enter_context(closing(record))


def _builds(config: EdgeConfig) -> Path | None:
    """The folder of builds, where the service runs what is published there."""
    model = model_to_use(config.model)
    return model.parent if model.name == CURRENT and model.is_symlink() else None


def _cameras(config: EdgeConfig) -> list[str]:
    return [camera.name for camera in config.cameras]


def _trusted(overview: Overview) -> Callable[[], bool]:
    return lambda: ServiceState.FAULTED not in overview.conditions.reasons()
