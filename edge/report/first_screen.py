"""What a reader sees first: the verdict, the numbers that decided, and what to do next."""

from __future__ import annotations

from edge.core.build import Agreement, BuildReport, Interval, Rung
from edge.report.figures import amount, counted, interval, points, share
from edge.report.markup import Child, Html, el
from edge.report.verdict import (
    Measure,
    Verdict,
    beyond_limit,
    limit,
    map_change,
    published_rung,
)


def first_screen(report: BuildReport, said: Verdict) -> Html:
    """The verdict, why, the numbers with their limits, and what to do next."""
    closest = None
    if said.subject is not None and said.subject != published_rung(report):
        closest = el("h3", "The closest candidate: ", said.subject.candidate)
    return el(
        "section",
        el("span", said.badge, class_=f"badge filled {said.tone}"),
        el("h1", said.headline),
        el("div", [el("p", sentence) for sentence in said.why], class_="why"),
        closest,
        _figures(report, said.subject) if said.subject else None,
        el("h3", "What to do next"),
        el("ul", [el("li", _with_code(step)) for step in said.next_steps], _read_warnings(report)),
        class_=f"verdict {said.tone}",
    )


def _with_code(words: str) -> list[Child]:
    """Words in which what stands between backticks is a command."""
    return [el("code", part) if i % 2 else part for i, part in enumerate(words.split("`"))]


def _read_warnings(report: BuildReport) -> Html | None:
    if not report.warnings:
        return None
    words = f"Read the {counted(len(report.warnings), 'warning')} of this build."
    return el("li", el("a", words, href="#warnings"))


def _figures(report: BuildReport, rung: Rung) -> Html:
    """The numbers that decide, each with its limit."""
    found = rung.score.agreement if rung.score else None
    tiles = [
        *(_agreement_tiles(report, rung, found) if found else []),
        _map_tile(report, rung),
        _tile("Inference", amount(rung.engine_ms, "ms"), "one image, where scored")
        if rung.engine_ms is not None
        else None,
        _tile("Size", amount(rung.size_mb, "MB")) if rung.size_mb is not None else None,
    ]
    return el("dl", tiles, class_="figures")


def _agreement_tiles(report: BuildReport, rung: Rung, found: Agreement) -> list[Html]:
    beyond = beyond_limit(report, rung)

    def f1(name: Measure, iou: str, value: float | None, spread: Interval | None) -> Html:
        least = limit(report, name)
        notes = (
            f"95 %: {interval(spread)}" if spread else "",
            "" if least is None else f"at least {least:g}",
        )
        tone = "bad" if name in beyond else None
        return _tile(f"F1 at IoU {iou}", share(value), *notes, tone=tone)

    evidence = (f"on {counted(found.images, 'held-out image')}", "at least 50, and 10 a class")
    return [
        f1("f1_50", "0.50", found.f1_50, found.interval_50),
        f1("f1_85", "0.85", found.f1_85, found.interval_85),
        _tile(
            "FP32 boxes",
            str(found.reference_boxes),
            *evidence,
            tone="warn" if rung.unproven else None,
        ),
    ]


def _map_tile(report: BuildReport, rung: Rung) -> Html | None:
    change, most = map_change(report, rung), limit(report, "map_drop")
    if change is None or rung.score is None:
        return None
    notes = (
        f"{share(report.reference.map)} to {share(rung.score.map)}",
        "" if most is None else f"may lose {most * 100:g}",
    )
    tone = "bad" if "map" in beyond_limit(report, rung) else None
    return _tile("mAP50-95, points", points(change), *notes, tone=tone)


def _tile(name: str, value: str, *notes: str, tone: str | None = None) -> Html:
    small = [el("small", note) for note in notes if note]
    return el("div", el("dt", name), el("dd", el("b", value), small), data_tone=tone)
