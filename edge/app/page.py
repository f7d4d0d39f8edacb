"""What the report's page shows beside the numbers: curves, score pairs, pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from edge.app.referee import Findings, Referee
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


@dataclass(frozen=True, slots=True)
class Used:
    """Which images the build used for what, and why some were left out."""

    calibration: Sequence[str]
    held_out: Sequence[str]
    left_out: dict[str, str]


def page_extras(
    referee: Referee,
    shown: Sequence[tuple[str, Findings]],
    used: Used,
    frames: Frames,
    histograms: Sequence[TensorHistogram],
) -> PageExtras:
    """Everything the page can show of these candidates.

    Args:
        referee: has what FP32 found.
        shown: candidates by name; pictures show the first.
        used: the images.
        frames: reads images by name.
        histograms: of a few tensors.
    """
    return PageExtras(
        curves=tuple(_curves(referee, shown)),
        scores=tuple(
            score_pairs(name, referee.reference.service, found.service) for name, found in shown[:3]
        ),
        histograms=histograms,
        disagreements=tuple(_disagreements(referee, *shown[0], frames)) if shown else (),
        contact_sheet=tuple(_contact_sheet(used, frames)),
    )


def few_histograms(
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


def _contact_sheet(used: Used, frames: Frames) -> Iterator[Thumbnail]:
    share = MOST_THUMBNAILS // 4
    roles: tuple[tuple[str, Role], ...] = (
        *((name, "left_out") for name in _spread(tuple(used.left_out), share)),
        *((name, "held_out") for name in _spread(used.held_out, share)),
        *((name, "calibration") for name in _spread(used.calibration, 2 * share)),
    )
    for name, role in roles:
        try:
            ((_, frame),) = frames([name])
        except EdgeError:  # what cannot be read has no picture; the page names it all the same
            continue
        yield Thumbnail(name, thumbnail(frame.bgr()), role, used.left_out.get(name, ""))


def _spread(names: Sequence[str], most: int) -> Sequence[str]:
    """At most so many of the names, evenly from first to last."""
    step = max(1, -(-len(names) // most))
    return names[::step]
