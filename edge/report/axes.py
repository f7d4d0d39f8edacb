"""The ground of a plot: scales, grid, ticks and titles, as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edge.report.markup import Child, Html, el

STYLES = 7
"""Lines are told apart by seven colours (Okabe and Ito's) and, beyond them, by dashes."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Values to pixels, linear."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where a value lies, pixels; values outside lie on the border."""
        part = (value - self.low) / (self.high - self.low)
        return self.start + min(1.0, max(0.0, part)) * (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction of a plot.

    Attributes:
        title: with the unit.
        low: least value shown.
        high: greatest value shown, above ``low``.
        ticks: value and text of each.
    """

    title: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]


UNIT_TICKS = tuple((tick / 5, f"{tick / 5:.1f}") for tick in range(6))


def round_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round values (1, 2 or 5 times a power of ten apart) from ``low`` to ``high``."""
    apart = (high - low) / most
    power = 10.0 ** math.floor(math.log10(apart))
    step = next(power * digit for digit in (1, 2, 5, 10) if power * digit >= apart * (1 - 1e-9))
    return [at * step for at in range(math.ceil(low / step), math.floor(high / step) + 1)]


@dataclass(frozen=True, slots=True)
class Ground:
    """An empty plot of a given size.

    Attributes:
        x: horizontal scale.
        y: vertical scale.
        grid: lines, ticks and titles.
        width: of all, pixels.
        height: of all, pixels.
    """

    x: Scale
    y: Scale
    grid: Html
    width: int
    height: int

    def plot(self, name: str, *shapes: Child) -> Html:
        """The finished picture; ``name`` says what it shows, for screen readers."""
        return svg(name, self.width, self.height, self.grid, *shapes)


def svg(name: str, width: int, height: int, *shapes: Child) -> Html:
    """A picture that is as wide as its place."""
    box = f"0 0 {width} {height}"
    return el("svg", *shapes, class_="plot", viewBox=box, role="img", aria_label=name)


def ground(x: Axis, y: Axis, width: int = 560, height: int = 360) -> Ground:
    """Lay out a plot with a horizontal and a vertical axis."""
    left, right, top, bottom = 56.0, width - 14.0, 12.0, height - 46.0
    across, up = Scale(x.low, x.high, left, right), Scale(y.low, y.high, bottom, top)
    middle = (top + bottom) / 2
    grid = el(
        "g",
        [el("path", d=f"M{left:g} {up(at):.1f}H{right:g}") for at, _ in y.ticks],
        [el("path", d=f"M{across(at):.1f} {top:g}V{bottom:g}") for at, _ in x.ticks],
        [text(left - 8, up(at) + 4, label, "end") for at, label in y.ticks],
        [text(across(at), bottom + 18, label, "middle") for at, label in x.ticks],
        text((left + right) / 2, height - 6, x.title, "middle", "title"),
        el(
            "g",
            text(0, 0, y.title, "middle", "title"),
            transform=f"translate(13 {middle}) rotate(-90)",
        ),
        class_="grid",
    )
    return Ground(across, up, grid, width, height)


def text(x: float, y: float, words: str, anchor: str = "start", class_: str | None = None) -> Html:
    """Words at a place."""
    return el("text", words, x=float(x), y=float(y), text_anchor=anchor, class_=class_)


def line_style(number: int) -> str:
    """Class names of the colour and dash of a plot's n-th line."""
    return f"c{number % STYLES} d{number // STYLES % 3}"


def legend(entries: Sequence[tuple[str, str]]) -> Html:
    """A list of lines: class names of the style, and what the line is."""
    return el(
        "ul",
        [
            el("li", el("svg", el("path", d="M1 5H25", class_=style), viewBox="0 0 26 10"), words)
            for style, words in entries
        ],
        class_="legend",
    )
