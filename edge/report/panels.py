"""Draws what two models found as SVG over a part of an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.core.types import Detections
from edge.report.differences import Differences, Indices
from edge.report.markup import Html, el

MOST_BOXES = 60  # drawn in one panel, of one kind
SIGNS = {
    "missed": "\N{MINUS SIGN}",
    "extra": "+",
    "moved": "\N{LEFT RIGHT ARROW}",
    "agreed": "",
}
"""Before the label, so that colour is never the only sign."""
_LETTER = 0.6  # width of a letter in heights, generous

_Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class Part:
    """A part of an image, and the class names of what is in it.

    Attributes:
        left: of the part in the image, pixels.
        top: likewise.
        width: pixels.
        height: pixels.
        labels: class names, by class id.
    """

    left: int
    top: int
    width: int
    height: int
    labels: Sequence[str] = field(repr=False)

    @property
    def letter(self) -> float:
        """Height of the letters, pixels of the image."""
        return self.width / 48

    def place(self, box: NDArray[np.float32]) -> _Corners:
        """A box in the part's own pixels."""
        corner = (self.left, self.top, self.left, self.top)
        left, top, right, bottom = (float(a) - b for a, b in zip(box, corner, strict=True))
        return left, top, right, bottom

    def shows(self, box: NDArray[np.float32]) -> bool:
        """Whether any of a box lies in the part."""
        left, top, right, bottom = self.place(box)
        return right > 0 and bottom > 0 and left < self.width and top < self.height


class Panel:
    """One picture with boxes; labels keep out of each other's way."""

    def __init__(self, part: Part, pixels: Html) -> None:
        self._part = part
        self._shapes: list[Html] = [pixels]
        self._words: list[Html] = []
        self._taken: list[_Corners] = []

    def picture(self) -> Html:
        """The finished SVG; labels lie over all boxes."""
        part = self._part
        style = f"font-size:{part.letter:.1f}px"
        view = f"0 0 {part.width} {part.height}"
        return el("svg", self._shapes, self._words, viewBox=view, style=style)

    def add(self, kind: str, found: Detections, which: Indices, *, ghost: bool = False) -> None:
        """Draw boxes of one kind; a ghost shows where the other model has one."""
        inside = [int(i) for i in which if self._part.shows(found.boxes[i])]
        for index in inside[:MOST_BOXES]:
            box = self._part.place(found.boxes[index])
            self._outline(box, f"box {kind} ghost" if ghost else f"box {kind}")
            if not ghost:
                label = self._part.labels[int(found.class_ids[index])]
                words = f"{SIGNS[kind]} {label} {found.scores[index]:.2f}".strip()
                self._label(words, box, f"box {kind}")

    def _outline(self, box: _Corners, style: str) -> None:
        left, top, right, bottom = box
        line = f"M{left:.1f} {top:.1f}H{right:.1f}V{bottom:.1f}H{left:.1f}Z"
        rim = el("path", d=line, class_="rim")
        self._shapes.append(el("g", rim, el("path", d=line), class_=style))

    def _label(self, words: str, box: _Corners, style: str) -> None:
        """Write at the first free place around the box; nowhere if there is none."""
        width, height = len(words) * self._part.letter * _LETTER, self._part.letter * 1.2
        for left, top in _places(box, width, height):
            left = min(max(0.0, left), self._part.width - width)
            spot = (left, top, left + width, top + height)
            inside = top >= 0 and spot[3] <= self._part.height
            if inside and not any(_overlap(spot, taken) for taken in self._taken):
                self._taken.append(spot)
                text = el("text", words, x=left, y=top + height * 0.8)
                self._words.append(el("g", text, class_=style))
                return


def _places(box: _Corners, width: float, height: float) -> list[tuple[float, float]]:
    left, top, right, bottom = box
    gap = height * 0.2
    above, below, middle = top - height - gap, bottom + gap, (top + bottom - height) / 2
    return [
        (left, above),
        (left, below),
        (right - width, above),
        (right - width, below),
        (right + gap, middle),
        (left - width - gap, middle),
        (left, above - height),
        (left, below + height),
    ]


def _overlap(one: _Corners, other: _Corners) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def reference_side(
    part: Part, pixels: Html, found: Differences, reference: Detections, candidate: Detections
) -> Html:
    """What FP32 found; dashed, what only the candidate has."""
    panel = Panel(part, pixels)
    panel.add("missed", reference, found.missed)
    panel.add("moved", reference, found.moved[:, 0])
    panel.add("agreed", reference, found.agreed[:, 0])
    panel.add("extra", candidate, found.extra, ghost=True)
    return panel.picture()


def candidate_side(
    part: Part, pixels: Html, found: Differences, reference: Detections, candidate: Detections
) -> Html:
    """What the candidate found; dashed, what it missed and from where boxes moved."""
    panel = Panel(part, pixels)
    panel.add("extra", candidate, found.extra)
    panel.add("moved", candidate, found.moved[:, 1])
    panel.add("agreed", candidate, found.agreed[:, 1])
    panel.add("missed", reference, found.missed, ghost=True)
    panel.add("moved", reference, found.moved[:, 0], ghost=True)
    return panel.picture()
