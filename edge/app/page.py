"""What the report's page shows beside the numbers: curves, score pairs, pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from edge.app.graphs import Graphs
from edge.app.image_set import ImageSet
from edge.app.referee import Findings, Referee
from edge.calibrate import Outcome
from edge.core.errors import EdgeError
from edge.core.types import Frame
from edge.quantize.collect import Histograms
from edge.report.curves import precision_recall
from edge.report.differences import score_pairs, worst_images
from edge.report.extras import (
    Curve,
    Disagreement,
    PageExtras,
    Role,
    TensorHistogram,
    Thumbnail,
)
from edge.report.pictures import thumbnail

WORST = 6
MOST_THUMBNAILS = 120
MOST_HISTOGRAMS = 6

Frames = Callable[[Sequence[str]], Iterator[tuple[str, Frame]]]


def page_extras(referee: Referee, outcome: Outcome, images: ImageSet, graphs: Graphs) -> PageExtras:
    """Everything the page can show of a build; pictures show the first of its candidates.

    Args:
        referee: has what FP32 and the candidates found.
        outcome: which candidates were scored, and which was chosen.
        images: which were used for what.
        graphs: have the ranges that were tried.
    """
    # The quantised ones first: their differences are the telling ones.
    order = sorted(outcome.scored, key=lambda c: (c.method is None, c != outcome.chosen))
    shown = [(one.name, referee.findings[one.file]) for one in order]
    ranges = {str(method): graphs.ranges(method) for method in {c.method for c in order} if method}
    return PageExtras(
        curves=tuple(_curves(referee, shown)),
        scores=tuple(
            score_pairs(name, referee.reference.service, found.service) for name, found in shown[:3]
        ),
        histograms=_few_histograms(graphs.histograms, ranges) if ranges else (),
        disagreements=tuple(_disagreements(referee, *shown[0], images.frames)) if shown else (),
        contact_sheet=tuple(_contact_sheet(images)),
    )


def _few_histograms(
    histograms: Histograms, ranges: dict[str, dict[str, float]]
) -> tuple[TensorHistogram, ...]:
    """The tensors whose range methods differ most: there the choice matters."""

    def disagreement(tensor: str) -> float:
        chosen = [method[tensor] for method in ranges.values()]
        return max(chosen) / min(chosen)

    names = sorted(histograms.tensors, key=disagreement, reverse=True) if ranges else []
    return tuple(
        TensorHistogram(
            name,
            histograms.tensors[name].counts,
            histograms.tensors[name].limit / len(histograms.tensors[name].counts),
            {method: of[name] for method, of in ranges.items()},
        )
        for name in names[:MOST_HISTOGRAMS]
    )


def _curves(referee: Referee, shown: Sequence[tuple[str, Findings]]) -> Iterator[Curve]:
    if not referee.truths:
        return
    for name, found in [("FP32", referee.reference), *shown]:
        yield precision_recall(name, found.scoring, referee.truths, referee.labels)


def _disagreements(
    referee: Referee, name: str, found: Findings, frames: Frames
) -> Iterator[Disagreement]:
    reference = referee.reference.service
    for image, frame in frames(worst_images(reference, found.service, WORST)):
        yield Disagreement(frame.bgr(), reference[image], found.service[image], name, image)


def _contact_sheet(images: ImageSet) -> Iterator[Thumbnail]:
    share, left_out = MOST_THUMBNAILS // 4, images.left_out
    roles: tuple[tuple[str, Role], ...] = (
        *((name, "left_out") for name in _spread(tuple(left_out), share)),
        *((name, "held_out") for name in _spread(images.selection.held_out, share)),
        *((name, "calibration") for name in _spread(images.selection.calibration, 2 * share)),
    )
    for name, role in roles:
        try:
            ((_, frame),) = images.frames([name])
        except EdgeError:  # what cannot be read has no picture; the page names it all the same
            continue
        yield Thumbnail(name, thumbnail(frame.bgr()), role, left_out.get(name, ""))


def _spread(names: Sequence[str], most: int) -> Sequence[str]:
    """At most so many of the names, evenly from first to last."""
    step = max(1, -(-len(names) // most))
    return names[::step]
