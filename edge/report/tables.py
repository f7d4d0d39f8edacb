"""The page's tables: the ladder, agreement in detail, classes, and plain lists of facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge.core.build import Agreement, BuildReport, ClassAgreement, Interval, Rung
from edge.report.figures import (
    UNKNOWN,
    amount,
    counted,
    duration,
    interval,
    points,
    share,
    signed,
)
from edge.report.markup import Child, Html, el, join
from edge.report.verdict import NAMES, QUANTISED, beyond_limit, map_change, published_rung

MOST_CLASSES = 100
"""Shown of one candidate, worst first; ``report.json`` has all."""
CLASSES_AT_ONCE = 15
"""Shown before "all classes" is opened."""
MOST_REASONS = 200
WIDE_FACT = 32  # letters from which a value has a line of its own


def ladder(report: BuildReport) -> Html:
    """Every candidate with its numbers, its verdict, and the reason on a line of its own."""
    heads = (
        "",
        "mAP50-95",
        "Change, points",
        "mAP50",
        "F1 at 0.50",
        "F1 at 0.85",
        "Time, ms",
        "Size, MB",
    )
    reference = el(
        "tbody",
        el(
            "tr",
            el("th", el("span", "FP32"), el("small", "the reference"), scope="row"),
            _cells(
                None, share(report.reference.map), None, share(report.reference.map50), *[None] * 4
            ),
        ),
        class_="reference",
    )
    rungs = [_rung(report, rung) for rung in report.ladder]
    return _table(("Candidate", *heads), [reference, *rungs], "ladder")


def _rung(report: BuildReport, rung: Rung) -> Html:
    score, beyond = rung.score, beyond_limit(report, rung)
    found, outcome = score.agreement if score else None, _outcome(report, rung)
    return el(
        "tbody",
        el(
            "tr",
            el("th", el("span", rung.candidate), el("small", what_it_is(rung)), scope="row"),
            el("td", badges(report, rung)),
            _number(share(score.map if score else None), "map" in beyond),
            _number(points(map_change(report, rung)), "map" in beyond),
            _number(share(score.map50 if score else None)),
            _number(share(found.f1_50 if found else None), "f1_50" in beyond),
            _number(share(found.f1_85 if found else None), "f1_85" in beyond),
            _number(amount(rung.engine_ms)),
            _number(amount(rung.size_mb)),
        ),
        el("tr", el("td", rung.reason, colspan=9), class_="reason"),
        class_="passed" if rung.passed else "unproven" if outcome is None else "failed",
        data_published=rung == published_rung(report),
    )


def what_it_is(rung: Rung) -> str:
    """Precision, and of an engine that was built, what came out."""
    name, engine = NAMES[rung.precision], rung.engine
    if engine is None:
        return name
    words = [f"{name} engine", f"built in {duration(engine.build_seconds)}"]
    if rung.precision in QUANTISED:
        words.insert(1, f"{engine.int8_layers} of {engine.layers} layers run INT8")
    if engine.images:
        words.append(f"calibrated by TensorRT with {counted(engine.images, 'image')}")
    return ", ".join(words)


def badges(report: BuildReport, rung: Rung) -> Html:
    """A candidate's verdict in a word or two."""
    words = [
        _outcome(report, rung),
        ("Unproven", "warn") if rung.unproven else None,
        ("Fallback", "good") if rung.candidate == report.fallback else None,
    ]
    shown = [el("span", pair[0], class_=f"badge {pair[1]}") for pair in words if pair]
    return join([shown[0], *[[" ", badge] for badge in shown[1:]]])


def _outcome(report: BuildReport, rung: Rung) -> tuple[str, str] | None:
    """Word and tone; None where thin evidence alone kept it back: that is no failure."""
    if rung == published_rung(report):
        return "Published", "good filled"
    if rung.passed:
        return "Passed", "good"
    if rung.score is None:
        return "Not made", "bad"
    return ("Failed", "bad") if beyond_limit(report, rung) or not rung.unproven else None


def agreement(report: BuildReport) -> Html:
    """Agreement of every candidate with FP32, in full."""
    heads = (
        *("F1 at 0.50", "F1 at 0.85", "Recall at 0.50", "False boxes an image"),
        *("Mean IoU", "Score shift", "Boxes", "Images"),
    )
    rows = [
        el("tbody", _agreement_row(rung, rung.score.agreement))
        for rung in report.ladder
        if rung.score and rung.score.agreement
    ]
    return _table(("Candidate", *heads), rows, "agreement")


def _agreement_row(rung: Rung, found: Agreement) -> Html:
    return el(
        "tr",
        el("th", rung.candidate, scope="row"),
        _with_interval(found.f1_50, found.interval_50),
        _with_interval(found.f1_85, found.interval_85),
        _cells(
            share(found.recall_50),
            share(found.false_per_image, 2),
            share(found.mean_iou),
            signed(found.score_shift),
            f"{found.reference_boxes}",
            f"{found.images}",
        ),
    )


def _with_interval(value: float | None, spread: Interval | None) -> Html:
    return el("td", share(value), el("small", interval(spread)) if spread else None, class_="num")


def classes(report: BuildReport, rung: Rung) -> Html:
    """One candidate by class, the worst in place first; classes that nobody saw are counted."""
    per_class = rung.score.agreement.per_class if rung.score and rung.score.agreement else ()
    seen = [c for c in per_class if c.f1_50 is not None or _maps(report, rung, c)[1] is not None]
    seen.sort(key=lambda c: (c.f1_85 is None, c.f1_85 if c.f1_85 is not None else 0.0, c.label))
    heads = (
        "Class",
        "FP32 boxes",
        "F1 at 0.50",
        "F1 at 0.85",
        "mAP50-95 FP32",
        "Candidate",
        "Points",
    )
    rows = [_class_row(report, rung, c) for c in seen[:MOST_CLASSES]]
    first, rest = rows[:CLASSES_AT_ONCE], rows[CLASSES_AT_ONCE:]
    unseen = len(per_class) - len(seen)
    return join(
        [
            _table(heads, [el("tbody", first)], "classes"),
            el(
                "details",
                el("summary", f"{counted(len(rest), 'more class', 'more classes')}"),
                _table(heads, [el("tbody", rest)], "classes"),
            )
            if rest
            else None,
            _note(
                len(seen) - len(rows),
                "further class is in report.json",
                "further classes are in report.json",
            ),
            _note(
                unseen, "class occurs on no held-out image", "classes occur on no held-out image"
            ),
        ]
    )


def _note(count: int, one: str, many: str) -> Html | None:
    return el("p", f"{counted(count, one, many)}.", class_="note") if count > 0 else None


def _maps(
    report: BuildReport, rung: Rung, one: ClassAgreement
) -> tuple[float | None, float | None]:
    after = rung.score.per_class_map.get(one.label) if rung.score else None
    return report.reference.per_class_map.get(one.label), after


def _class_row(report: BuildReport, rung: Rung, one: ClassAgreement) -> Html:
    before, after = _maps(report, rung, one)
    change = None if before is None or after is None else after - before
    return el(
        "tr",
        el("th", el("bdi", one.label), scope="row"),
        _cells(f"{one.reference_boxes}"),
        _number(share(one.f1_50)),
        _number(share(one.f1_85)),
        _cells(share(before), share(after), points(change)),
    )


def facts(entries: Mapping[str, str | float | int]) -> Html:
    """Names and what they stand for."""
    return el("dl", [_fact(name, value) for name, value in entries.items()], class_="facts")


def _fact(name: str, value: str | float | int) -> Html:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, bool):
        text = "yes" if value else "no"
    wide = "wide" if len(text) > WIDE_FACT else None
    return el("div", el("dt", name.replace("_", " ")), el("dd", text), class_=wide)


def left_out(reasons: Mapping[str, str]) -> Html:
    """Every image that was not used, and why, bounded."""
    rows = [
        el("tr", el("th", el("bdi", name), scope="row"), el("td", reason))
        for name, reason in list(reasons.items())[:MOST_REASONS]
    ]
    more = _note(len(reasons) - MOST_REASONS, "more is in report.json", "more are in report.json")
    return join([_table(("Image", "Reason"), [el("tbody", rows)], "left-out"), more])


def _table(heads: Sequence[str], bodies: Sequence[Child], class_: str) -> Html:
    head = el(
        "thead", el("tr", [el("th", name, scope="col") if name else el("td") for name in heads])
    )
    return el("div", el("table", head, bodies, class_=class_), class_="scroll")


def _cells(*values: str | None) -> list[Html]:
    return [_number(value or "") for value in values]


def _number(value: str, beyond: bool = False) -> Html:
    kind = "num beyond" if beyond else "num unknown" if value == UNKNOWN else "num"
    return el("td", value, class_=kind)
