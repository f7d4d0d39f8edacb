"""``report.html``: one page, no script, nothing fetched, that a vision engineer can send on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge.core.build import BuildReport
from edge.core.errors import UnavailableError
from edge.report import pictures, plots, tables
from edge.report.extras import PageExtras
from edge.report.figures import UNKNOWN, amount, counted, duration
from edge.report.first_screen import first_screen
from edge.report.markup import Child, Html, el
from edge.report.panels import SIGNS
from edge.report.verdict import (
    Verdict,
    limit,
    verdict,
)

MOST_WARNINGS = 100
WARNINGS_AT_ONCE = 8
"""Shown before the others are opened."""
MOST_HISTOGRAMS = 6
MOST_SCORE_PLOTS = 4

_STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_LIMITS = {
    "f1_50": "F1 at IoU 0.50, at least",
    "f1_85": "F1 at IoU 0.85, at least",
    "map_drop": "mAP50-95 drop, at most",
}
_AGREEMENT = (
    "Agreement compares a candidate with the FP32 model itself, so it needs no labels. Both look "
    "at the same held-out images, which calibration never saw, with the service's own thresholds. "
    "Boxes of one class are paired greedily, the best score first, all images pooled. F1 at IoU "
    "0.50 says whether an object is still found (harmonic mean of the share of FP32's boxes found "
    "again and the share of the candidate's boxes that FP32 has too), F1 at IoU 0.85 whether its "
    "box is still in place. Both are needed: a graph that lost 23 points of mAP still had 0.983 at "
    "IoU 0.50. Intervals are bootstrap intervals over images, 95 %. Score shift is the "
    "candidate's score minus FP32's, mean over the boxes that both found at IoU 0.50. mAP is "
    "COCO's, against the labels; a point is 0.01. With fewer than 50 FP32 boxes in all, or 10 of a "
    "class that the images show, a result is unproven, whatever its numbers."
)


def write_page(report: BuildReport, extras: PageExtras, output: Path) -> None:
    """Write the page; its size is bounded to about 3 MB, however large the set.

    Raises:
        UnavailableError: it cannot be written.
    """
    try:
        output.write_text(page(report, extras), encoding="utf-8")
    except OSError as error:
        raise UnavailableError(f"{output}: cannot be written: {error.strerror}") from error


def page(report: BuildReport, extras: PageExtras) -> str:
    """The whole document."""
    said = verdict(report)
    name = report.model.get("name", "model")
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("link", rel="icon", href="data:,"),
        el("title", f"{said.headline}: {name}"),
        el("style", Html(_STYLE)),
    )
    sections = _sections(report, extras, said)
    links = [el("a", title, href=f"#{key}") for key, title, content in sections if content]
    parts = [
        el("section", el("h2", title), content, id=key)
        for key, title, content in sections
        if content
    ]
    body = el("body", _bar(report, links), el("main", first_screen(report, said), parts))
    return f"<!DOCTYPE html>\n{el('html', head, body, lang='en')}\n"


def _runtime(report: BuildReport) -> str:
    name = report.machine.get("runtime", UNKNOWN)
    names = {"onnxruntime": "ONNX Runtime", "tensorrt": "TensorRT"}
    return f"{names.get(name, name)} {report.machine.get('runtime_version', '')}".strip()


def _bar(report: BuildReport, links: Sequence[Html]) -> Html:
    about = {
        "Model": report.model.get("name", UNKNOWN),
        "Runtime": _runtime(report),
        "Made": _utc(report.created),
        "Build time": duration(report.seconds),
    }
    facts = [el("div", el("dt", name), el("dd", value)) for name, value in about.items()]
    return el(
        "header",
        el("div", el("b", "Edge"), el("small", "build report"), class_="brand"),
        el("dl", facts, class_="about"),
        el("nav", links),
    )


def _utc(created: str) -> str:
    return created.replace("T", " ").replace("Z", " UTC").replace("+00:00", " UTC")


def _sections(
    report: BuildReport, extras: PageExtras, said: Verdict
) -> list[tuple[str, str, Child]]:
    """Id, title and content of every part; what has no content is left out."""
    return [
        ("ladder", "Candidates", tables.ladder(report)),
        ("warnings", "Warnings", _warnings(report)),
        ("agreement", "Agreement with FP32", _agreement(report)),
        ("classes", "Classes", _classes(report, said)),
        ("curves", "Precision, recall and scores", _curves(extras)),
        ("layers", "Layers and ranges", _layers(report, extras)),
        ("pictures", "Worst disagreements", _pictures(report, extras)),
        ("images", "Images", _images(report, extras)),
        ("build", "Machine and settings", _build(report)),
    ]


def _warnings(report: BuildReport) -> Child:
    if not report.warnings:
        return None
    items = [el("li", warning) for warning in report.warnings[:MOST_WARNINGS]]
    if (more := len(report.warnings) - MOST_WARNINGS) > 0:
        items.append(el("li", f"{counted(more, 'more warning')} in report.json"))
    first, rest = items[:WARNINGS_AT_ONCE], items[WARNINGS_AT_ONCE:]
    folded = el("details", el("summary", f"{len(rest)} more"), el("ul", rest, class_="warnings"))
    return [el("ul", first, class_="warnings"), folded if rest else None]


def _agreement(report: BuildReport) -> Child:
    if not any(rung.score and rung.score.agreement for rung in report.ladder):
        return None
    return [
        el(
            "div",
            _figure(
                "F1 at IoU 0.50: is it still found?",
                plots.agreement(report, "50", limit(report, "f1_50")),
            ),
            _figure(
                "F1 at IoU 0.85: is it still in place?",
                plots.agreement(report, "85", limit(report, "f1_85")),
            ),
            class_="pair",
        ),
        el(
            "p",
            "Small figures and lines: 95 % intervals. Square: reaches the limit; diamond: not.",
            class_="note",
        ),
        tables.agreement(report),
        el("p", _AGREEMENT, class_="definition"),
    ]


def _classes(report: BuildReport, said: Verdict) -> Child:
    scored = [
        r for r in report.ladder if r.score and r.score.agreement and r.score.agreement.per_class
    ]
    if not scored:
        return None
    first = said.subject if said.subject in scored else scored[-1]
    others = [
        el("details", el("summary", rung.candidate), tables.classes(report, rung))
        for rung in scored
        if rung != first
    ]
    return [
        el("h3", first.candidate if first else ""),
        tables.classes(report, first) if first else None,
        el("h3", "The other candidates") if others else None,
        others,
    ]


def _curves(extras: PageExtras) -> Child:
    figures = []
    if extras.curves:
        title = "Precision over recall at IoU 0.50, mean over classes"
        figures.append(_figure(title, plots.precision_recall(extras.curves)))
    for pairs in extras.scores[:MOST_SCORE_PLOTS]:
        title = (
            f"{pairs.candidate}: scores of {counted(len(pairs.scores), 'box', 'boxes')} both found"
        )
        figures.append(_figure(title, plots.score_shift(pairs)))
    return el("div", figures, class_="pair") if figures else None


def _layers(report: BuildReport, extras: PageExtras) -> Child:
    figures = []
    if report.sensitivity:
        title = "One block alone in INT8, worst on top: the further left, the more it harms"
        figures.append(_figure(title, plots.sensitivity(report.sensitivity)))
    for tensor in extras.histograms[:MOST_HISTOGRAMS]:
        figures.append(_figure(tensor.tensor, plots.histogram(tensor)))
    return el("div", figures, class_="pair") if figures else None


def _pictures(report: BuildReport, extras: PageExtras) -> Child:
    shown = extras.disagreements[: pictures.MOST_DISAGREEMENTS]
    if not shown:
        return None
    keys = (
        ("missed", "missed: only FP32 has it"),
        ("extra", "extra: only the candidate has it"),
        ("moved", "moved: IoU under 0.85"),
        ("agreed", "agreed"),
        ("ghost", "dashed: where the other model has it"),
    )
    return [
        el("ul", [_key(kind, words) for kind, words in keys], class_="key"),
        [pictures.comparison(case, report.labels, i) for i, case in enumerate(shown)],
        el("p", pictures.not_shown(len(extras.disagreements)), class_="note"),
    ]


def _key(kind: str, words: str) -> Html:
    return el("li", el("b", SIGNS.get(kind, "")), " ", words, class_=kind)


def _images(report: BuildReport, extras: PageExtras) -> Child:
    reasons = None
    if report.left_out:
        title = f"{counted(len(report.left_out), 'image')} left out, and why"
        few = len(report.left_out) <= 12
        reasons = el("details", el("summary", title), tables.left_out(report.left_out), open=few)
    return [
        tables.facts(report.images),
        pictures.contact_sheet(extras.contact_sheet),
        reasons,
    ]


def _build(report: BuildReport) -> Child:
    memory = amount(report.peak_memory_mb, "MB", 0)
    cost = {
        "build time": duration(report.seconds),
        "peak memory": memory,
        "made": _utc(report.created),
    }
    asked = {_LIMITS.get(name, name): value for name, value in report.asked.items()}
    groups = (("Machine", report.machine), ("Asked for", asked), ("Model", report.model))
    return el(
        "div",
        [el("div", el("h3", title), tables.facts(dict(entries))) for title, entries in groups],
        el("div", el("h3", "Cost of this build"), tables.facts(cost)),
        class_="pair",
    )


def _figure(title: str, content: Html) -> Html:
    return el("figure", el("figcaption", title), content)
