"""Images -> ranges -> Q/DQ -> scores -> gate: which precision may be published, and why.

The story of a build without any library of the outside: how a graph is quantised, run and scored
is handed in as :class:`Steps`. Every candidate is scored on the held-out images and judged by one
gate; the ladder descends from INT8 to FP32 and keeps the numbers and the reason of every step.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge.core.build import RANGE_METHODS, Agreement, Placement, Precision, RangeMethod, Rung, Score
from edge.core.errors import EdgeError

Asked = Literal["auto", "int8", "fp16", "fp32"]

MOST_BLOCKS_BACK = 8
"""Mixed precision gives up after this many blocks are back in FP16: it must end in minutes."""


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


@dataclass(frozen=True, slots=True)
class Candidate:
    """One graph of the ladder.

    Attributes:
        name: unique in a ladder, e.g. ``int8 minmax``.
        precision: what it computes in.
        model: the ONNX file.
        method: how its ranges were found; None without INT8.
        kept_float: blocks that are back in FP16.
    """

    name: str
    precision: Precision
    model: Path
    method: RangeMethod | None = None
    kept_float: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scored:
    """What the referee says of a candidate; ``doubts``: why that is too little to judge by."""

    score: Score
    doubts: tuple[str, ...] = ()
    engine_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Steps:
    """How things are done; the order in which they are done is this module's.

    Attributes:
        model: the FP32 graph, which is also the reference.
        quantised: range method, placement and blocks kept float -> Q/DQ graph.
        half: -> FP16 graph.
        score: graph -> its score against the reference.
        blocks_by_noise: range method -> blocks, the one that disturbs the head most first.
        tried: told of every rung as soon as it is judged.
    """

    model: Path
    quantised: Callable[[RangeMethod, Placement, Collection[str]], Path]
    half: Callable[[], Path]
    score: Callable[[Path], Scored]
    blocks_by_noise: Callable[[RangeMethod], Sequence[str]]
    tried: Callable[[Rung], None] = lambda rung: None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where the ladder ended.

    Attributes:
        chosen: the candidate to publish; None: nothing passed.
        ladder: every step to it.
        scored: every candidate that could be scored, passed or not.
    """

    chosen: Candidate | None
    ladder: tuple[Rung, ...]
    scored: tuple[Candidate, ...]


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


class Ladder:
    """Descends from INT8 to FP32 until a candidate passes."""

    def __init__(self, steps: Steps, gate: Gate, reference_map: float | None) -> None:
        """Prepare; ``reference_map`` is the FP32 model's mAP50-95 on the held-out images."""
        self._steps = steps
        self._gate = gate
        self._reference_map = reference_map
        self._rungs: list[Rung] = []
        self._scored: list[Candidate] = []

    def descend(
        self, asked: Asked, methods: Sequence[RangeMethod] = RANGE_METHODS, *, neck: bool = False
    ) -> Outcome:
        """Try what was asked for, most precise promise of speed first.

        Args:
            asked: ``int8`` publishes INT8 or mixed precision, or nothing; ``auto`` descends.
            methods: range methods to try.
            neck: also try the placement that quantises the neck, for speed.
        """
        chosen = None
        if asked in ("auto", "int8"):
            chosen = self._int8(methods, neck) or self._mixed(methods)
        if chosen is None and asked in ("auto", "fp16"):
            chosen = self._tried("fp16", Precision.FP16, self._steps.half)
        if chosen is None and asked in ("auto", "fp32"):
            chosen = self._tried("fp32", Precision.FP32, lambda: self._steps.model)
        return Outcome(chosen, tuple(self._rungs), tuple(self._scored))

    def _int8(self, methods: Sequence[RangeMethod], neck: bool) -> Candidate | None:
        """Every range method is scored, and the best that passes wins."""
        passed = [
            candidate
            for method in methods
            if (candidate := self._quantised(f"int8 {method}", method, "convs"))
        ]
        if not passed:
            return None
        best = max(passed, key=self._quality)
        if neck and best.method:
            return self._quantised(f"int8 {best.method} neck", best.method, "neck") or best
        return best

    def _mixed(self, methods: Sequence[RangeMethod]) -> Candidate | None:
        """The worst blocks go back to FP16, one more at a time, with the best range method."""
        scored = [rung for rung in self._rungs if rung.score is not None]
        if not scored:
            return None
        best = max(scored, key=_rung_quality)
        if best.score and not judge(best.score, self._reference_map, (), self._gate):
            return None  # it lacks proof, not precision: FP16 layers bring no more boxes
        method = next(m for m in methods if best.candidate == f"int8 {m}")
        blocks = self._steps.blocks_by_noise(method)
        for count in range(1, min(MOST_BLOCKS_BACK, len(blocks) - 1) + 1):
            kept = tuple(blocks[:count])
            name = f"mixed {method} -{' -'.join(kept)}"
            if candidate := self._quantised(name, method, "convs", kept):
                return candidate
        return None

    def _quantised(
        self, name: str, method: RangeMethod, placement: Placement, kept: tuple[str, ...] = ()
    ) -> Candidate | None:
        precision = Precision.MIXED if kept else Precision.INT8
        return self._tried(
            name,
            precision,
            lambda: self._steps.quantised(method, placement, kept),
            method=method,
            kept=kept,
        )

    def _tried(
        self,
        name: str,
        precision: Precision,
        make: Callable[[], Path],
        *,
        method: RangeMethod | None = None,
        kept: tuple[str, ...] = (),
    ) -> Candidate | None:
        """Make, score and judge one candidate; None unless it passed. What fails is a rung too."""
        try:
            model = make()
            scored = self._steps.score(model)
        except EdgeError as error:
            self._add(Rung(name, precision, None, False, f"could not be made: {error}"))
            return None
        doubts = () if precision is Precision.FP32 else scored.doubts
        gate = self._gate if precision is not Precision.FP16 else _without_proof(self._gate)
        failure = judge(scored.score, self._reference_map, doubts, gate)
        if precision is Precision.FP32:
            failure = ""  # it is the reference itself
        self._add(
            Rung(
                name,
                precision,
                scored.score,
                passed=not failure,
                reason=failure or _praise(scored.score, self._reference_map, scored.doubts),
                engine_ms=scored.engine_ms,
                size_mb=model.stat().st_size / 1e6,
                unproven=bool(scored.doubts),
            )
        )
        candidate = Candidate(name, precision, model, method, kept)
        self._scored.append(candidate)
        return None if failure else candidate

    def _add(self, rung: Rung) -> None:
        self._rungs.append(rung)
        self._steps.tried(rung)

    def _quality(self, candidate: Candidate) -> tuple[float, float]:
        return _rung_quality(next(r for r in self._rungs if r.candidate == candidate.name))


def _without_proof(gate: Gate) -> Gate:
    """FP16 is the fallback: too few boxes to prove it hold back INT8, not FP16."""
    return Gate(gate.f1_50, gate.f1_85, gate.map_drop, accept_unproven=True)


def _rung_quality(rung: Rung) -> tuple[float, float]:
    """Agreement where it counts, then mAP."""
    score = rung.score
    if score is None or score.agreement is None:
        return (0.0, 0.0)
    return (score.agreement.f1_85 or 0.0, score.map or 0.0)


def _praise(score: Score, reference_map: float | None, doubts: Sequence[str]) -> str:
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
