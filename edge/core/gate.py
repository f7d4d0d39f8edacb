"""The gate: what a candidate must keep of the FP32 model, and whether it does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge.core.build import Agreement, Score


@dataclass(frozen=True, slots=True)
class Gate:
    """What a candidate must keep of the FP32 model; docs/decisions/0009 has the evidence.

    Attributes:
        f1_50: least agreement at IoU 0.50: is it still found?
        f1_85: least agreement at IoU 0.85: is it still in place? Tells good from bad where 0.50
            does not: a graph that lost 23 points of mAP still had 0.983 at IoU 0.50.
        map_drop: most mAP50-95 it may lose where there are labels, 0..1.
        accept_unproven: let too little evidence pass, as the operator's own decision.
    """

    f1_50: float = 0.975
    f1_85: float = 0.95
    map_drop: float = 0.005
    accept_unproven: bool = False


def judge(score: Score, reference_map: float | None, doubts: Sequence[str], gate: Gate) -> str:
    """Why this score does not pass; empty if it does.

    Args:
        score: of the candidate on the held-out images.
        reference_map: mAP50-95 of the FP32 model on the same images, with labels.
        doubts: reasons why there is too little evidence.
        gate: the limits.
    """
    failures = list(_agreement_failures(score.agreement, gate))
    if reference_map is not None and score.map is not None:
        drop = reference_map - score.map
        if drop > gate.map_drop:
            failures.append(f"mAP50-95 fell by {drop * 100:.2f} points (at most {_points(gate)})")
    if not failures and doubts and not gate.accept_unproven:
        failures.append(f"unproven: {'; '.join(doubts)}")
    return "; ".join(failures)


def judge_engine(engine: Score, graph: Score | None, same: Agreement, gate: Gate) -> str:
    """Why an engine is not the graph it was built from; empty if it is.

    The referee runs the Q/DQ graph with the very numbers that the engine should compute with, so
    both must find the same: measured, they differ by 0.2 points at most, good graph or bad.

    Args:
        engine: what the built engine scored.
        graph: what its own graph scored on the referee.
        same: agreement of the engine's findings with those of its graph.
        gate: the limits; mAP may differ by ``map_drop`` either way.
    """
    if graph is not None and graph.map is not None and engine.map is not None:
        distance = abs(engine.map - graph.map)
        if distance > gate.map_drop:
            return (
                f"the engine is {distance * 100:.2f} points of mAP50-95 away from its own graph "
                f"on the referee (at most {_points(gate)})"
            )
        return ""
    return "; ".join(f"engine and its graph: {one}" for one in _agreement_failures(same, gate))


def praise(score: Score, reference_map: float | None, doubts: Sequence[str]) -> str:
    """By how much a score passes, on one line."""
    words = []
    if score.agreement is not None and score.agreement.f1_85 is not None:
        agreement = score.agreement
        words.append(f"agreement {agreement.f1_50:.3f} / {agreement.f1_85:.3f}")
    if reference_map is not None and score.map is not None:
        points = round((score.map - reference_map) * 100, 2) + 0.0  # never "-0.00"
        words.append(f"mAP50-95 {points:+.2f} points")
    if doubts:
        words.append(f"accepted though unproven: {'; '.join(doubts)}")
    return ", ".join(words) or "the reference itself"


def _agreement_failures(agreement: Agreement | None, gate: Gate) -> Iterator[str]:
    if agreement is None or agreement.f1_50 is None or agreement.f1_85 is None:
        yield "no evidence: neither model found anything on the held-out images"
        return
    for threshold, value, least in (
        ("0.50", agreement.f1_50, gate.f1_50),
        ("0.85", agreement.f1_85, gate.f1_85),
    ):
        if value < least:
            yield f"agreement at IoU {threshold} is {value:.4f} (at least {least:g})"


def _points(gate: Gate) -> str:
    return f"{gate.map_drop * 100:g}"
