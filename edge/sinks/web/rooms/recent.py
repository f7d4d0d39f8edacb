"""Recent detections: the list, one of them, its pictures, and exports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from edge.sinks.record import Entry, Record, coco_lines, csv_lines
from edge.sinks.record.export import utc
from edge.sinks.web.endpoint import RefusedError, reads
from edge.sinks.web.rooms.asked import Json
from edge.sinks.web.rooms.forms import Filter, Page, asked, gone, json_answer, number_of

_FOREVER = {"cache-control": "private, max-age=86400, immutable"}  # a number is never used twice


class Recent:
    """The endpoints, each a method; they wait for a disk and run on the server's threads."""

    def __init__(self, record: Record | None, labels: Sequence[str]) -> None:
        self._recording = record
        self._labels = labels

    def routes(self) -> list[BaseRoute]:
        """As they are served."""
        return [
            reads("/api/detections", self.page),
            reads("/api/detections/{id}", self.entry),
            reads("/api/detections/{id}/picture.jpg", self.picture),
            reads("/api/detections/{id}/thumbnail.jpg", self.thumbnail),
            reads("/api/export/detections.csv", self.csv),
            reads("/api/export/coco.json", self.coco),
        ]

    def page(self, request: Request) -> Response:
        """The newest that are wanted, and where the next page begins."""
        wanted = asked(Page, request)
        found = self._record.page(wanted.wanted(), wanted.before, wanted.limit)
        more = len(found) == wanted.limit
        items = [_row(entry) for entry in found]
        return json_answer({"items": items, "next": found[-1].id if more else None})

    def entry(self, request: Request) -> Response:
        """One of them."""
        return json_answer(_row(self._entry(request)))

    def picture(self, request: Request) -> Response:
        """Its whole frame."""
        return _jpeg(self._record.picture(number_of(request)))

    def thumbnail(self, request: Request) -> Response:
        """Its frame, small."""
        return _jpeg(self._record.thumbnail(number_of(request)))

    def csv(self, request: Request) -> Response:
        """All that are wanted, as CSV."""
        pages = self._record.pages(asked(Filter, request).wanted())
        return _download(csv_lines(pages), "text/csv; charset=utf-8", "detections.csv")

    def coco(self, request: Request) -> Response:
        """All that are wanted, as COCO's JSON."""
        pages = self._record.pages(asked(Filter, request).wanted())
        return _download(coco_lines(pages, self._labels), "application/json", "coco.json")

    @property
    def _record(self) -> Record:
        if self._recording is None:
            raise RefusedError(
                503,
                "No detections are recorded.",
                "Leave sinks.record in edge.yaml at its default, and restart the service.",
            )
        return self._recording

    def _entry(self, request: Request) -> Entry:
        number = number_of(request)
        entry = self._record.entry(number)
        if entry is None:
            raise gone(f"There is no entry {number}.")
        return entry


def _row(entry: Entry) -> Json:
    return {
        "id": entry.id,
        "camera": entry.camera,
        "frame": entry.frame,
        "at": utc(entry.at),
        "age_ms": entry.age_ms,
        "verdict": entry.verdict and entry.verdict.value,
        "width": entry.width,
        "height": entry.height,
        "boxes": list(entry.boxes),
    }


def _jpeg(content: bytes | None) -> Response:
    if content is None:
        raise gone("There is no such picture.")
    return Response(content, media_type="image/jpeg", headers=_FOREVER)


def _download(pieces: Iterator[str], media_type: str, name: str) -> Response:
    headers = {
        "content-disposition": f'attachment; filename="{name}"',
        "cache-control": "no-store",
    }
    first = next(pieces)  # a disk that cannot be read is told as an error, not as half a file
    return StreamingResponse(_sent(first, pieces), media_type=media_type, headers=headers)


async def _sent(first: str, pieces: Iterator[str]) -> AsyncIterator[str]:
    """A page at a time: whoever reads slowly keeps nobody waiting, and no page before it is due."""
    yield first
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
