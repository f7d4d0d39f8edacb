"""What the rooms ask of the service. ``app`` gives it; every answer is ready to become JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from edge.core.errors import EdgeError
from edge.core.line import LineRules
from edge.sinks.collect import Collect
from edge.sinks.record import Record

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Act:
    """Who wants something done, and why: written down before it is done."""

    who: str
    why: str


class OutdatedError(EdgeError):
    """Somebody else changed it meanwhile.

    Attributes:
        current: what it is now.
    """

    exit_code = 75

    def __init__(self, message: str, current: Json) -> None:
        super().__init__(message)
        self.current = current


class NotNowError(EdgeError):
    """What is asked for cannot be done as things are."""

    exit_code = 75


class Health(Protocol):
    """How the service is and was. Every call is quick."""

    def now(self) -> Json:
        """The answer of ``/api/health``."""
        ...

    def series(self, minutes: int) -> Json:
        """The answer of ``/api/series``."""
        ...


class Book(Protocol):
    """What changed, what people did, what was counted."""

    def history(self, limit: int) -> list[Json]:
        """``at, what, who, why``, newest first."""
        ...

    def counts(self, hours: int) -> list[Json]:
        """Of the last so many hours, oldest first."""
        ...

    def act(self, what: str, act: Act) -> None:
        """Write down what is about to be done; raises ``UnavailableError`` when it cannot."""
        ...


class Models(Protocol):
    """The bundles, and the way back to the one before."""

    def listed(self) -> Json:
        """The answer of ``/api/models``."""
        ...

    def report(self, bundle: str) -> bytes:
        """A bundle's page.

        Raises:
            InputMissingError: there is no such bundle, or it has no report.
            DataError: it was changed after the bundle was built.
        """
        ...

    def rollback(self, act: Act) -> Json:
        """Back to the bundle before: ``from, to``; raises ``EdgeError``."""
        ...


class Recalibration(Protocol):
    """A new bundle from this line's own images, one at a time."""

    def state(self) -> Json:
        """The answer of ``/api/recalibration``."""
        ...

    def start(self, act: Act) -> Json:
        """Begin; raises ``EdgeError``, with exit code 75 when one is going on."""
        ...

    def abort(self, act: Act) -> Json:
        """End the one that runs; raises ``EdgeError``, with exit code 75 when none of ours does."""
        ...


class Line(Protocol):
    """The rules of every camera."""

    def cameras(self) -> list[Json]:
        """One for each camera, as ``camera``."""
        ...

    def camera(self, name: str) -> Json:
        """``camera, version, rules, changed_at, who, why, unknown_labels``.

        Raises:
            InputMissingError: there is no such camera.
        """
        ...

    def versions(self, name: str) -> list[Json]:
        """All that are kept, newest first; raises ``InputMissingError``."""
        ...

    def change(self, name: str, version: int, rules: LineRules | None, act: Act) -> Json:
        """Use other rules from the next frame on.

        Args:
            name: of the camera.
            version: that somebody looked at when editing.
            rules: None takes them away.
            act: who and why.

        Raises:
            InputMissingError: there is no such camera.
            OutdatedError: the version is not the newest any more.
            DataError: a rule names a class that the model does not find.
            UnavailableError: it could not be written down; the old rules stay.
        """
        ...


@dataclass(frozen=True, slots=True)
class Rooms:
    """Everything that the rooms need.

    Attributes:
        health: of the service.
        book: of the line.
        models: that it runs.
        recalibration: of the model.
        line: its rules.
        record: recent detections; None: none are kept.
        collect: collected frames; None: none are collected.
        labels: class names, by class id.
    """

    health: Health
    book: Book
    models: Models
    recalibration: Recalibration
    line: Line
    record: Record | None
    collect: Collect | None
    labels: Sequence[str]
