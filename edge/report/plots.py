"""The page's plots, as SVG that needs neither script nor file."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.core.build import RANGE_METHODS, BuildReport, Interval, Rung
from edge.report.axes import (
    UNIT_TICKS,
    Axis,
    Scale,
    ground,
    legend,
    line_style,
    round_ticks,
    svg,
    text,
)
from edge.report.extras import Curve, ScorePairs, TensorHistogram
from edge.report.figures import share, signed
from edge.report.markup import Html, el, join

MOST_CURVES = 14
MOST_PAIRS = 800
MOST_BINS = 160
MOST_BLOCKS = 40


def precision_recall(curves: Sequence[Curve]) -> Html:
    """Precision over recall, a line a candidate, with its area in the legend."""
    shown = curves[:MOST_CURVES]
    plot = ground(Axis("Recall", 0, 1, UNIT_TICKS), Axis("Precision", 0, 1, UNIT_TICKS))
    lines = [
        el("path", d=_line(plot.x, plot.y, curve.recall, curve.precision), class_=line_style(i))
        for i, curve in enumerate(shown)
    ]
    entries = [
        (
            line_style(i),
            f"{_short(curve.candidate, 44)}, area {share(float(np.mean(curve.precision)))}",
        )
        for i, curve in enumerate(shown)
    ]
    drawn = el("g", list(reversed(lines)), class_="lines")  # the first, FP32, lies on top
    return join([plot.plot("Precision over recall at IoU 0.50", drawn), legend(entries)])


def _line(x: Scale, y: Scale, across: Sequence[float], up: Sequence[float]) -> str:
    step = max(1, math.ceil(len(across) / 200))
    places = list(zip(across, up, strict=True))
    return "M" + "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in places[::step] + places[-1:])


def score_shift(pairs: ScorePairs) -> Html:
    """Each box that both found: the candidate's score over FP32's. On the diagonal: unchanged."""
    plot = ground(
        Axis("Score by FP32", 0, 1, UNIT_TICKS),
        Axis("Score by the candidate", 0, 1, UNIT_TICKS),
    )
    step = max(1, math.ceil(len(pairs.scores) / MOST_PAIRS))
    places = zip(pairs.reference[::step], pairs.scores[::step], strict=True)
    dots = "".join(f"M{plot.x(a):.1f} {plot.y(b):.1f}h0" for a, b in places)
    diagonal = el("path", d=f"M{plot.x(0):g} {plot.y(0):g}L{plot.x(1):g} {plot.y(1):g}")
    return plot.plot(
        f"Scores of {pairs.candidate} over scores of FP32",
        el("g", diagonal, class_="ruler"),
        el("path", d=dots, class_="dots"),
    )


def agreement(report: BuildReport, measure: str, least: float | None) -> Html:
    """F1 of every candidate with its 95 % interval, and the limit it has to reach.

    The scale shows the limit's surroundings; what lies further down is written at the border.

    Args:
        report: of the build.
        measure: ``50`` or ``85``, the IoU.
        least: limit of the gate.
    """
    scored = [rung for rung in report.ladder if rung.score and rung.score.agreement]
    low = 0.8 if least is None else max(0.0, 1 - 4 * (1 - least))
    left, right, top, row = 200, 524, 26, 26
    x = Scale(low, 1.0, left, right)
    bottom = top + row * len(scored) + 4
    ticks = [low + (1 - low) * part / 4 for part in range(5)]
    grid = el(
        "g",
        [el("path", d=f"M{x(tick):.1f} {top}V{bottom}") for tick in ticks],
        [text(x(tick), bottom + 18, f"{tick:.3g}", "middle") for tick in ticks],
        class_="grid",
    )
    rows = [
        _interval_row(rung, measure, least, x, top + row * (i + 0.6))
        for i, rung in enumerate(scored)
    ]
    ruler = None
    if least is not None:
        ruler = el(
            "g",
            el("path", d=f"M{x(least):.1f} {top - 6}V{bottom}"),
            text(x(least), top - 11, f"at least {least:g}", "middle"),
            class_="ruler",
        )
    name = f"F1 at IoU 0.{measure} of every candidate"
    return svg(name, 560, bottom + 26, grid, ruler, rows)


def _interval_row(rung: Rung, measure: str, least: float | None, x: Scale, y: float) -> Html:
    found = rung.score.agreement if rung.score else None
    value: float | None = getattr(found, f"f1_{measure}")
    spread: Interval | None = getattr(found, f"interval_{measure}")
    name = text(192, y + 4, _short(rung.candidate, 27), "end", "name")
    if value is None:
        return el("g", name, text(x.start + 6, y + 4, "no evidence"), class_="row unknown")
    tone = "bad" if least is not None and value < least else "good"
    if value < x.low:
        off = text(x.start + 6, y + 4, f"\N{LEFTWARDS ARROW} {share(value)}", class_="off")
        return el("g", name, off, class_=f"row {tone}")
    whisker = None
    if spread is not None:
        whisker = el("path", d=f"M{x(spread.low):.1f} {y:.1f}H{x(spread.high):.1f}")
    # A square passed, a diamond did not: colour is never the only sign.
    turn = f"rotate(45 {x(value):.1f} {y:.1f})" if tone == "bad" else None
    mark = el("rect", x=x(value) - 4.5, y=y - 4.5, width=9, height=9, transform=turn)
    hint = el("title", f"{rung.candidate}: {share(value)}")
    return el("g", hint, name, whisker, mark, class_=f"row {tone}")


def sensitivity(blocks: Sequence[tuple[str, float]]) -> Html:
    """How clean the head stays when one block alone is INT8, worst on top, with the longest line.

    Args:
        blocks: name, and signal over noise in the head, dB: the lower, the worse.
    """
    shown = blocks[:MOST_BLOCKS]
    clean = [value for _, value in shown]
    low, high = min(clean), max(clean)
    margin = max(1.0, (high - low) * 0.06)
    x = Scale(low - margin, high + margin, 150, 524)
    top, row = 8, 22
    bottom = top + row * len(shown) + 4
    ticks = round_ticks(x.low, x.high)
    return svg(
        "Signal over noise by block",
        560,
        bottom + 46,
        el(
            "g",
            [el("path", d=f"M{x(tick):.1f} {top}V{bottom}") for tick in ticks],
            [text(x(tick), bottom + 18, signed(tick, 0), "middle") for tick in ticks],
            text(337, bottom + 40, "Signal over noise in the head, dB", "middle", "title"),
            class_="grid",
        ),
        [
            el(
                "g",
                text(142, top + row * (i + 0.6) + 4, _short(name, 20), "end", "name"),
                el("path", d=f"M{x.end:g} {top + row * (i + 0.6):.1f}H{x(value):.1f}"),
                el("circle", cx=x(value), cy=top + row * (i + 0.6), r=5),
                el("title", f"{name}: {signed(value, 1)} dB"),
                class_="row block",
            )
            for i, (name, value) in enumerate(shown)
        ],
    )


def histogram(tensor: TensorHistogram) -> Html:
    """How often which magnitude occurs (logarithmic), and where each method cuts off."""
    counts, width = _visible(tensor)
    high = max(len(counts) * width, 1e-12)
    most = max(1.0, math.log10(1 + float(counts.max(initial=0))))
    decades = range(0, math.floor(most) + 1, max(1, math.floor(most) // 4))
    plot = ground(
        Axis("Magnitude", 0, high, [(at, f"{at:.4g}") for at in round_ticks(0, high)]),
        Axis("Values", 0, most, [(at, _count(10**at)) for at in decades]),
        height=280,
    )
    steps = "".join(
        f"V{plot.y(math.log10(1 + float(count))):.1f}H{plot.x((i + 1) * width):.1f}"
        for i, count in enumerate(counts)
    )
    area = el("path", d=f"M{plot.x(0):.1f} {plot.y(0):.1f}{steps}V{plot.y(0):.1f}Z", class_="area")
    ranges = sorted(tensor.ranges.items(), key=lambda entry: -entry[1])
    lines = [
        el(
            "path",
            d=f"M{plot.x(value):.1f} {plot.y.end:.1f}V{plot.y.start:.1f}",
            class_=_method(name),
        )
        for name, value in ranges
    ]
    entries = [(_method(name), f"{name} {value:.4g}") for name, value in ranges]
    drawn = plot.plot(f"Values of {tensor.tensor}", area, el("g", lines, class_="lines"))
    return join([drawn, legend(entries)])


def _visible(tensor: TensorHistogram) -> tuple[NDArray[np.float64], float]:
    """Counts up to the last value or range, in few enough bins; and the width of these."""
    counts = np.asarray(tensor.counts, np.float64)
    last = int(counts.nonzero()[0].max(initial=0)) + 1
    furthest = math.ceil(max(tensor.ranges.values(), default=0.0) / tensor.bin_width)
    bins = min(max(last, furthest + 1), max(4 * last, MOST_BINS))
    together = math.ceil(bins / MOST_BINS)
    padded = np.zeros(math.ceil(bins / together) * together)
    padded[: min(last, len(padded))] = counts[: min(last, len(padded))]
    return padded.reshape(-1, together).sum(axis=1), tensor.bin_width * together


def _method(name: str) -> str:
    known: Sequence[str] = RANGE_METHODS
    return line_style(known.index(name) if name in known else len(known))


def _count(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _short(name: str, most: int) -> str:
    """A name with its middle left out: candidates of a ladder differ at the end."""
    if len(name) <= most:
        return name
    tail = most * 3 // 5
    return f"{name[: most - 1 - tail]}…{name[-tail:]}"
