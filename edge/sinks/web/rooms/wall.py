"""The collected frames as a wall of pictures: look, keep, discard."""

from __future__ import annotations

import re

import cv2
import numpy as np
import simplejpeg
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from edge.core.types import Image
from edge.sinks.collect import Collect, Collected, Name
from edge.sinks.web.access.people import Role
from edge.sinks.web.endpoint import Body, RefusedError, changes, reads
from edge.sinks.web.rooms.asked import Book, Json
from edge.sinks.web.rooms.forms import (
    Older,
    Sorted,
    Width,
    act_of,
    answered,
    asked,
    gone,
    json_answer,
    sent,
)

_QUALITY = 75
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z")
_DONE = {True: "keep", False: "discard", None: "let go of"}


class Wall:
    """The endpoints, each a method."""

    def __init__(self, collect: Collect | None, book: Book) -> None:
        self._collect = collect
        self._book = book

    def routes(self) -> list[BaseRoute]:
        """As they are served."""
        return [
            reads("/api/collected", self.page),
            reads("/api/collected/{name}/picture.jpg", self.picture),
            changes("/api/collected/{name}", "PATCH", self.sort, needs=Role.OPERATOR),
        ]

    def page(self, request: Request) -> Response:
        """The newest, and where the next page begins."""
        wanted = asked(Older, request)
        images = self._collect.images() if self._collect else []
        older = [each for each in images if not wanted.before or each.name.number < wanted.before]
        items = older[: wanted.limit]
        more = len(older) > len(items)
        return json_answer(
            {
                "items": [_row(each) for each in items],
                "next": items[-1].name.number if more else None,
                "images": len(images),
                "megabytes": round(sum(each.size for each in images) / 1e6, 3),
                "collecting": self._collect is not None,
            }
        )

    def picture(self, request: Request) -> Response:
        """One of them, as wide as asked for."""
        width = asked(Width, request).width
        collect, name = self._found(request)
        content = collect.image(name)
        return Response(
            content if width is None else _scaled(content, width),
            media_type="image/jpeg",
            headers={"cache-control": "private, max-age=86400, immutable"},
        )

    def sort(self, request: Request, body: Body) -> Response:
        """Keep one, discard it, or neither any more."""
        form = sent(Sorted, body)
        act = act_of(request, form)
        collect, name = self._found(request)
        collect.image(name)  # nothing is written down about one that is gone

        def done() -> Json:
            self._book.act(f"{_DONE[form.kept]} collected frame {name}", act)
            collect.sort(name, form.kept)
            return {"name": str(name), "kept": form.kept}

        return answered(done)

    def _found(self, request: Request) -> tuple[Collect, Name]:
        text: str = request.path_params["name"]
        name = Name.parsed(text)
        if self._collect is None or name is None:
            raise gone(f"There is no collected frame {text!r:.80}.")
        return self._collect, name


def _row(image: Collected) -> Json:
    name = image.name
    return {
        "name": str(name),
        "number": name.number,
        "camera": name.camera,
        "at": _TIME.sub(r"\1-\2-\3T\4:\5:\6Z", name.time),
        "why": name.why.value,
        "kept": True if image.stays else None,
        "bytes": image.size,
    }


def _scaled(content: bytes, width: int) -> bytes:
    """A JPEG that is no wider, never enlarged."""
    try:
        image: Image = simplejpeg.decode_jpeg(content, colorspace="BGR", min_width=width)
    except ValueError as error:
        raise RefusedError(503, f"The picture is damaged: {error}", "Discard it.") from error
    height_now, width_now = image.shape[:2]
    if width_now > width:
        size = (width, max(1, round(height_now * width / width_now)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return simplejpeg.encode_jpeg(image, quality=_QUALITY, colorspace="BGR")
