"""A build's verdict in words: what is published, why, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from edge.core.build import BuildReport, Interval, Precision, Rung
from edge.report.figures import counted, interval, points, share

Tone = Literal["good", "warn", "bad"]
Measure = Literal["f1_50", "f1_85", "map"]

NAMES = {
    Precision.INT8: "INT8",
    Precision.MIXED: "Mixed precision",
    Precision.FP16: "FP16",
    Precision.FP32: "FP32",
}
QUANTISED = (Precision.INT8, Precision.MIXED)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first screen's words.

    Attributes:
        tone: good: quantised and proven; warn: usable, but not that; bad: nothing published.
        badge: one or two words.
        headline: one sentence.
        why: sentences with the numbers.
        next_steps: what to do, most useful first; commands stand between backticks.
        subject: the candidate whose numbers belong here: the published one, or the closest.
    """

    tone: Tone
    badge: str
    headline: str
    why: tuple[str, ...]
    next_steps: tuple[str, ...]
    subject: Rung | None


def verdict(report: BuildReport) -> Verdict:
    """Say what a build came to."""
    published = published_rung(report)
    if published is None:
        return _nothing(report)
    if published.precision in QUANTISED:
        return _quantised(report, published)
    return _fallback(report, published)


def published_rung(report: BuildReport) -> Rung | None:
    """The candidate that was published, if any.

    Raises:
        ValueError: what was published is not in the ladder: the page would call it nothing.
    """
    if report.published is None:
        return None
    for rung in report.ladder:
        if rung.candidate == report.published:
            return rung
    raise ValueError(f"{report.published!r} was published, but is not in the ladder")


def closest_rung(report: BuildReport) -> Rung | None:
    """The quantised candidate nearest to passing.

    That is one without a number beyond the limits, if there is one; then the one whose boxes are
    most in place; then the one with the best mAP.
    """

    def nearness(rung: Rung) -> tuple[bool, float, float]:
        found = rung.score.agreement if rung.score else None
        in_place = (found.f1_85 if found else None) or 0.0
        return not beyond_limit(report, rung), in_place, (rung.score and rung.score.map) or 0.0

    scored = [rung for rung in report.ladder if rung.precision in QUANTISED and rung.score]
    return max(scored, key=nearness, default=None)


def limit(report: BuildReport, name: str) -> float | None:
    """A limit of the gate: ``f1_50``, ``f1_85`` or ``map_drop``, 0..1; None if not recorded."""
    value = report.asked.get(name)
    return float(value) if isinstance(value, (int, float)) else None


def map_change(report: BuildReport, rung: Rung) -> float | None:
    """The mAP50-95 of a candidate minus FP32's, 0..1; None without labels."""
    if rung.score is None or rung.score.map is None or report.reference.map is None:
        return None
    return rung.score.map - report.reference.map


def beyond_limit(report: BuildReport, rung: Rung) -> frozenset[Measure]:
    """Which numbers of a candidate the gate refuses."""
    return frozenset(_beyond(report, rung))


def _beyond(report: BuildReport, rung: Rung) -> Iterator[Measure]:
    agreement = rung.score.agreement if rung.score else None
    if agreement is not None:
        if _under(agreement.f1_50, limit(report, "f1_50")):
            yield "f1_50"
        if _under(agreement.f1_85, limit(report, "f1_85")):
            yield "f1_85"
    change, most = map_change(report, rung), limit(report, "map_drop")
    if change is not None and most is not None and -change > most:
        yield "map"


def _under(value: float | None, least: float | None) -> bool:
    return value is not None and least is not None and value < least


def _quantised(report: BuildReport, rung: Rung) -> Verdict:
    name = NAMES[rung.precision]
    why = (_evidence(report, rung), _compared_with_labels(report, rung))
    if rung.unproven:
        return Verdict(
            "warn",
            "Unproven",
            f"{name} is published, but unproven",
            (f"Too little evidence, accepted by hand. {_because(rung)}", *why),
            (_MORE_EVIDENCE, "Watch the first parts on the line yourself until that is done."),
            rung,
        )
    return Verdict(
        "good",
        "Published",
        f"{name} is published",
        (*_remarks(report, rung), *why),
        (
            "Its bundle is `current` in the output folder from now on; the one before is kept, "
            "see `edge models` and `edge rollback`.",
            "How fast this machine is with it, camera to detections: `edge bench`",
        ),
        rung,
    )


def _remarks(report: BuildReport, rung: Rung) -> Iterator[str]:
    if rung.precision is Precision.MIXED:
        yield "INT8 alone did not pass; the blocks that it harms most compute in FP16."
    if doubtful := _reaches_below(report, rung):
        yield (
            f"It passes, but at IoU {' and '.join(doubtful)} the interval reaches below the limit: "
            "more held-out images would settle it."
        )


def _reaches_below(report: BuildReport, rung: Rung) -> list[str]:
    found = rung.score.agreement if rung.score else None
    if found is None:
        return []
    spreads = (("0.50", found.interval_50, "f1_50"), ("0.85", found.interval_85, "f1_85"))
    return [iou for iou, at, name in spreads if at and _under(at.low, limit(report, name))]


def _fallback(report: BuildReport, rung: Rung) -> Verdict:
    name, tried = NAMES[rung.precision], _tried(report)
    if not tried:
        return Verdict(
            "good",
            "Published",
            f"{name} is published, as asked",
            ("No quantised candidate was asked for.", _evidence(report, rung)),
            ("For INT8, which is faster and smaller on a Jetson: `edge build --precision auto`",),
            rung,
        )
    unproven = _only_unproven(report)
    return Verdict(
        "warn",
        "Unproven" if unproven else "Fallback",
        f"{name} is published; INT8 is unproven" if unproven else f"{name} is published, not INT8",
        (_why_not_quantised(report, tried), _evidence(report, rung)),
        (
            "The published model can be used as it is; INT8 would only be faster and smaller.",
            *_remedies(unproven),
        ),
        rung,
    )


def _nothing(report: BuildReport) -> Verdict:
    tried, unproven = _tried(report), _only_unproven(report)
    return Verdict(
        "bad",
        "Unproven" if unproven else "Refused",
        "Nothing is published: INT8 is unproven" if unproven else "Nothing is published",
        (
            _why_not_quantised(report, tried) if tried else "No candidate could be published.",
            "The model that was in service before this build is still the current one.",
        ),
        (
            *_remedies(unproven),
            "To publish the fastest that is safe: `edge build --precision auto`",
        ),
        closest_rung(report),
    )


_MORE_EVIDENCE = (
    "Add images that show defects, of every class: the gate wants 50 boxes in all and 10 of each "
    "class that the images show. Then build again."
)


def _remedies(unproven: bool) -> tuple[str, ...]:
    if unproven:
        return (_MORE_EVIDENCE, "Or take the risk yourself: `edge build --accept-unproven`")
    return (
        "Look at the worst disagreements: are they defects that matter on this line?",
        "Add calibration images from the line as it is now: every product, every lighting, "
        "100 or more. Then build again.",
    )


def _tried(report: BuildReport) -> list[Rung]:
    return [rung for rung in report.ladder if rung.precision in QUANTISED]


def _only_unproven(report: BuildReport) -> bool:
    """Whether thin evidence, and no bad number, is all that kept the closest one back."""
    closest = closest_rung(report)
    return closest is not None and closest.unproven and not beyond_limit(report, closest)


def _why_not_quantised(report: BuildReport, tried: list[Rung]) -> str:
    closest = closest_rung(report)
    if closest is None:
        return f"No INT8 candidate could be made. {_because(tried[-1])}"
    if refused := [rung for rung in tried if rung.passed]:  # later, when its engine was scored
        return f"{refused[0].candidate} passed, but was not published. {_because(tried[-1])}"
    count = counted(len(tried), "INT8 or mixed candidate")
    return f"Not one of {count} passed. The closest is {_because(closest)}"


def _because(rung: Rung) -> str:
    return f"{rung.candidate}: {rung.reason.rstrip('.')}."


def _evidence(report: BuildReport, rung: Rung) -> str:
    agreement = rung.score.agreement if rung.score else None
    if agreement is None:
        return _because(rung)
    where = (
        f"{rung.candidate} against FP32, {counted(agreement.reference_boxes, 'box', 'boxes')} on "
        f"{counted(agreement.images, 'held-out image')}"
    )
    if agreement.f1_50 is None:
        return f"{where}: no box to compare, so no evidence."
    return (
        f"{where}: F1 {share(agreement.f1_50)} at IoU 0.50{_spread(agreement.interval_50)}, "
        f"{share(agreement.f1_85)} at IoU 0.85{_spread(agreement.interval_85)}."
    )


def _spread(value: Interval | None) -> str:
    return "" if value is None else f" (95 %: {interval(value)})"


def _compared_with_labels(report: BuildReport, rung: Rung) -> str:
    change = map_change(report, rung)
    if change is None or rung.score is None:
        return "There are no labels, so there is no mAP: agreement alone was judged."
    return (
        f"Against the labels, mAP50-95 is {share(rung.score.map)}, where FP32 has "
        f"{share(report.reference.map)}: {points(change)} points."
    )
