"""What people send to the rooms, as strict types, and how they are told what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse

from edge.core.errors import EdgeError
from edge.core.line import LineRules
from edge.core.types import Verdict
from edge.sinks.record import Wanted
from edge.sinks.web.endpoint import Body, RefusedError, person_of
from edge.sinks.web.rooms.asked import Act, OutdatedError

_NOT_NOW = (75, 78)  # of sysexits: somebody else is at it; not as it is configured

_Form = TypeVar("_Form", bound=BaseModel)
_Result = TypeVar("_Result")


def _utc(moment: datetime) -> datetime:
    """A time without a zone is meant in UTC, as all times of this API."""
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


Text = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
Reason = Annotated[
    str, Field(min_length=3, max_length=300, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")
]
Limit = Annotated[int, Field(ge=1, le=200)]
Number = Annotated[int, Field(ge=1, le=2**53)]
Moment = Annotated[datetime, AfterValidator(_utc)]


class Query(BaseModel):
    """Of an address: text that stands for something."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Filter(Query):
    """Which recorded frames are wanted."""

    camera: Text | None = None
    label: Text | None = None
    min_score: Annotated[float, Field(ge=0, le=1)] | None = None
    since: Moment | None = None
    until: Moment | None = None
    verdict: Verdict | None = None

    def wanted(self) -> Wanted:
        """The same for the record."""
        return Wanted(
            self.camera,
            self.label,
            self.min_score,
            None if self.since is None else self.since.timestamp(),
            None if self.until is None else self.until.timestamp(),
            self.verdict,
        )


class Page(Filter):
    """A page of them."""

    before: Number | None = None
    limit: Limit = 50


class Older(Query):
    """A page of something that is numbered."""

    before: Number | None = None
    limit: Limit = 100


class Newest(Query):
    """So many of the newest."""

    limit: Limit = 100


class Minutes(Query):
    """How far back."""

    minutes: Annotated[int, Field(ge=1, le=1440)] = 60


class Hours(Query):
    """How far back."""

    hours: Annotated[int, Field(ge=1, le=840)] = 24


class Width(Query):
    """Of a picture, pixels; None: as it is."""

    width: Annotated[int, Field(ge=16, le=1920)] | None = None


class Nothing(Query):
    """No parameter."""


class Sent(BaseModel):
    """A body: of the right types as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Why(Sent):
    """Every act says why; who is known where people log in."""

    who: Text | None = None
    why: Reason


class Sorted(Why):
    """A word on a collected frame."""

    kept: bool | None


class Changed(Why):
    """Other rules for a camera."""

    version: Annotated[int, Field(ge=0, le=2**53)]
    rules: LineRules | None


def asked(form: type[_Form], request: Request) -> _Form:
    """The parameters of an address.

    Raises:
        RefusedError: 422, with the parameter's name.
    """
    parameters = request.query_params
    if len(parameters.multi_items()) != len(parameters):
        raise RefusedError(422, "A parameter is given twice.", "Give each once.")
    return _read(lambda: form.model_validate(dict(parameters)))


def sent(form: type[_Form], body: Body) -> _Form:
    """A body.

    Raises:
        RefusedError: 422, with the field's place, e.g. ``rules.regions.0.polygon``.
    """
    try:
        text = json.dumps(body)  # types are told apart as JSON has them, where a tuple is a list
    except RecursionError as error:
        raise RefusedError(422, "The body is nested too deeply.", _REMEDY) from error
    return _read(lambda: form.model_validate_json(text))


def act_of(request: Request, form: Why) -> Act:
    """Who does it: whoever is logged in, else who they say they are.

    Raises:
        RefusedError: 422, nobody has said.
    """
    who = person_of(request).name or form.who
    if not who:
        raise RefusedError(422, "Nobody says who does this.", "Give your name.", field="who")
    return Act(who, form.why)


def number_of(request: Request) -> int:
    """The ``id`` in the path; 404 when it is no number."""
    text: str = request.path_params["id"]
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise gone(f"There is no entry {text!r:.40}.")
    return int(text)


def gone(what: str) -> RefusedError:
    """404."""
    return RefusedError(404, what, "It may have made room for newer ones; look at the list again.")


def answered(ask: Callable[[], _Result], key: str | None = None) -> JSONResponse:
    """What the service says, under ``key`` if one is given, or why not.

    Raises:
        RefusedError: 409, somebody else was first or is at it, or it cannot be done as things are.
        EdgeError: any other reason.
    """
    try:
        found: Any = ask()
    except OutdatedError as error:
        raise RefusedError(409, str(error), "Look at it again.", current=error.current) from error
    except EdgeError as error:
        if error.exit_code in _NOT_NOW:
            raise RefusedError(409, str(error)) from error
        raise
    return json_answer(found if key is None else {key: found})


def json_answer(body: Any, status: int = 200) -> JSONResponse:
    """An answer that is true now, and kept by no cache."""
    return JSONResponse(body, status, {"cache-control": "no-store"})


def _read(read: Callable[[], _Form]) -> _Form:
    try:
        return read()
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in problem["loc"])
        raise RefusedError(422, _what(field, problem), _REMEDY, field=field or None) from error


_REMEDY = "Correct it, and send it again; /openapi.json says what is taken."


def _what(field: str, problem: Mapping[str, Any]) -> str:
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] in ("value_error", "missing", "extra_forbidden"):
        return f"{field}: {message}."
    return f"{field}: {message}, got {problem['input']!r:.60}."
