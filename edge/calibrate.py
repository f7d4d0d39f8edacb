"""Images -> ranges -> Q/DQ -> engine -> scores -> gate: what may be published, and why.

The story of a build without any library of the outside: how a graph is quantised, built and scored
is handed in as :class:`Steps`. Every candidate is scored on the held-out images and judged by one
gate; the ladder descends from INT8 to FP32 and keeps the numbers and the reason of every step.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge.core.build import (
    RANGE_METHODS,
    Agreement,
    Asked,
    Calibrator,
    Candidate,
    Placement,
    Precision,
    RangeMethod,
    Rung,
    Score,
    Scored,
)
from edge.core.errors import EdgeError
from edge.core.gate import Gate, judge, judge_engine, praise

MOST_BLOCKS_BACK = 8
"""Mixed precision gives up after this many blocks are back in FP16: it must end in minutes."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime that runs engines built from graphs, not graphs as they are.

    Attributes:
        name: for people, e.g. ``TensorRT 8.6.0``.
        build: candidate with a graph -> the same with engine and facts.
        same: candidate with an engine, its graph -> agreement of their findings.
    """

    name: str
    build: Callable[[Candidate], Candidate]
    same: Callable[[Candidate], Agreement]


@dataclass(frozen=True, slots=True)
class Steps:
    """How things are done; the order in which they are done is this module's.

    Attributes:
        model: the FP32 graph, which is also the reference.
        quantised: range method, placement and blocks kept float -> Q/DQ graph.
        half: -> FP16 graph.
        score: graph or engine -> its score against the reference.
        blocks_by_noise: range method -> blocks, the one that disturbs the head most first.
        runtime: builds engines; None: graphs are run as they are.
        own: the model's own Q/DQ graph, if it came quantised; no ranges are searched then.
        tried: told of every rung as soon as it is judged.
    """

    model: Path
    quantised: Callable[[RangeMethod, Placement, Collection[str]], Path]
    half: Callable[[], Path]
    score: Callable[[Path], Scored]
    blocks_by_noise: Callable[[RangeMethod], Sequence[str]]
    runtime: Runtime | None = None
    own: Path | None = None
    tried: Callable[[Rung], None] = lambda rung: None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where the ladder ended.

    Attributes:
        chosen: the candidate to publish; None: nothing passed.
        fallback: what the service falls back to when it doubts the chosen one; None: the chosen
            one is not quantised.
        ladder: every step to it.
        scored: every candidate that could be scored, passed or not.
    """

    chosen: Candidate | None
    fallback: Candidate | None
    ladder: tuple[Rung, ...]
    scored: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Search:
    """Where INT8 candidates come from.

    Attributes:
        methods: ranges for the graph's Q/DQ, one candidate each.
        calibrators: TensorRT's own, tried where no graph passed.
        neck: also try the placement that quantises the neck, for speed.
    """

    methods: Sequence[RangeMethod] = RANGE_METHODS
    calibrators: Sequence[Calibrator] = ()
    neck: bool = False


class Ladder:
    """Descends from INT8 to FP32 until a candidate passes, as a graph and as an engine."""

    def __init__(self, steps: Steps, gate: Gate, reference_map: float | None) -> None:
        """Prepare; ``reference_map`` is the FP32 model's mAP50-95 on the held-out images."""
        self._steps = steps
        self._gate = gate
        self._reference_map = reference_map
        self._rungs: list[Rung] = []
        self._scored: dict[str, tuple[Candidate, Scored]] = {}

    def descend(self, asked: Asked, search: Search | None = None) -> Outcome:
        """Try what was asked for, the greatest promise of speed first.

        Args:
            asked: ``int8`` publishes INT8 or mixed precision, or nothing; ``auto`` descends.
            search: where INT8 candidates come from.
        """
        search = search or Search()
        chosen = fallback = None
        if asked in ("auto", "int8"):
            chosen = self._int8(search) or self._calibrated(search) or self._mixed(search)
        if chosen is not None:
            fallback = self._fallback()
        if chosen is None and asked in ("auto", "fp16"):
            chosen = self._fp16()
        if chosen is None and asked in ("auto", "fp32"):
            chosen = self._fp32()
        scored = tuple(candidate for candidate, _ in self._scored.values())
        return Outcome(chosen, fallback, tuple(self._rungs), scored)

    def _int8(self, search: Search) -> Candidate | None:
        """Every range method is scored as a graph; the best that passes is built."""
        if self._steps.own is not None:
            own = Candidate("int8 own Q/DQ", Precision.INT8, self._steps.own)
            return self._built(self._tried(own, lambda: own))
        passed = [
            candidate
            for method in search.methods
            if (candidate := self._quantised(f"int8 {method}", method, "convs"))
        ]
        if not passed:
            return None
        best = max(passed, key=self._quality)
        if search.neck and best.method:
            neck = self._quantised(f"int8 {best.method} neck", best.method, "neck")
            if built := self._built(neck):
                return built
        return self._built(best)

    def _calibrated(self, search: Search) -> Candidate | None:
        """TensorRT's own calibrators: no graph holds their ranges, so only the engine is scored."""
        runtime = self._steps.runtime
        if runtime is None:
            return None
        for calibrator in search.calibrators:
            name = f"int8 {calibrator} on {runtime.name}"
            plain = Candidate(name, Precision.INT8, self._steps.model, calibrator=calibrator)
            if candidate := self._tried(plain, lambda plain=plain: runtime.build(plain)):  # type: ignore[misc]
                return candidate
        return None

    def _mixed(self, search: Search) -> Candidate | None:
        """The worst blocks go back to FP16, one more at a time, with the best range method."""
        names = [f"int8 {method}" for method in search.methods]
        scored = [self._scored[name] for name in names if name in self._scored]
        if not scored:
            return None
        best, says = max(scored, key=lambda pair: _quality(pair[1].score))
        found = says.score.agreement
        nothing_found = found is None or found.f1_85 is None
        if nothing_found or not judge(says.score, self._reference_map, (), self._gate):
            return None  # it lacks proof, not precision: FP16 layers bring no more boxes
        assert best.method
        blocks = self._steps.blocks_by_noise(best.method)
        for count in range(1, min(MOST_BLOCKS_BACK, len(blocks) - 1) + 1):
            kept = tuple(blocks[:count])
            name = f"mixed {best.method} -{' -'.join(kept)}"
            candidate = self._quantised(name, best.method, "convs", kept)
            if candidate and (built := self._built(candidate)):
                return built
        return None

    def _fallback(self) -> Candidate | None:
        """FP16 judges INT8 in service, and takes over; a fallback is proven like anything else."""
        if self._steps.runtime is None:
            return Candidate("fp32", Precision.FP32, self._steps.model)
        return self._fp16() or self._fp32()

    def _fp16(self) -> Candidate | None:
        # FP16 takes no ranges from images: it is no finding that they show too few boxes.
        return self._plain(
            Precision.FP16, self._steps.half, replace(self._gate, accept_unproven=True)
        )

    def _fp32(self) -> Candidate | None:
        return self._plain(
            Precision.FP32, lambda: self._steps.model, replace(self._gate, accept_unproven=True)
        )

    def _plain(
        self, precision: Precision, graph: Callable[[], Path], gate: Gate
    ) -> Candidate | None:
        """A candidate without INT8: built at once where the runtime builds."""
        runtime = self._steps.runtime
        name = precision.value if runtime is None else f"{precision.value} on {runtime.name}"
        plain = Candidate(name, precision, self._steps.model)

        def make() -> Candidate:
            candidate = replace(plain, graph=graph())
            return candidate if runtime is None else runtime.build(candidate)

        return self._tried(plain, make, gate=gate)

    def _quantised(
        self, name: str, method: RangeMethod, placement: Placement, kept: tuple[str, ...] = ()
    ) -> Candidate | None:
        precision = Precision.MIXED if kept else Precision.INT8
        plain = Candidate(name, precision, self._steps.model, method, kept)
        return self._tried(
            plain, lambda: replace(plain, graph=self._steps.quantised(method, placement, kept))
        )

    def _built(self, graph: Candidate | None) -> Candidate | None:
        """The engine of a graph that passed, if it is what the graph promised."""
        runtime = self._steps.runtime
        if graph is None or runtime is None:
            return graph
        plain = replace(graph, name=f"{graph.name} on {runtime.name}")
        _, promised = self._scored[graph.name]

        def unlike_its_graph(engine: Candidate, scored: Scored) -> str:
            if engine.facts is not None and engine.facts.int8_layers == 0:
                return f"none of the engine's {engine.facts.layers} layers runs INT8"
            same = runtime.same(engine)
            return judge_engine(scored.score, promised.score, same, self._gate)

        return self._tried(plain, lambda: runtime.build(plain), also=unlike_its_graph)

    def _tried(
        self,
        plain: Candidate,
        make: Callable[[], Candidate],
        *,
        also: Callable[[Candidate, Scored], str] = lambda candidate, scored: "",
        gate: Gate | None = None,
    ) -> Candidate | None:
        """Make, score and judge one candidate; None unless it passed. What fails is a rung too."""
        try:
            candidate = make()
            scored = self._steps.score(candidate.file)
            is_reference = candidate.file == self._steps.model
            failure = judge(scored.score, self._reference_map, scored.doubts, gate or self._gate)
            failure = "" if is_reference else failure or also(candidate, scored)
        except EdgeError as error:
            reason = f"could not be made: {error}"
            self._add(Rung(plain.name, plain.precision, None, False, reason))
            return None
        self._scored[candidate.name] = candidate, scored
        doubts = () if is_reference else scored.doubts
        self._add(
            Rung(
                candidate.name,
                candidate.precision,
                scored.score,
                passed=not failure,
                reason=failure or praise(scored.score, self._reference_map, doubts),
                engine_ms=scored.engine_ms,
                size_mb=candidate.file.stat().st_size / 1e6,
                unproven=bool(scored.doubts),
                engine=candidate.facts,
            )
        )
        return None if failure else candidate

    def _add(self, rung: Rung) -> None:
        self._rungs.append(rung)
        self._steps.tried(rung)

    def _quality(self, candidate: Candidate) -> tuple[float, float]:
        return _quality(self._scored[candidate.name][1].score)


def _quality(score: Score) -> tuple[float, float]:
    """Agreement where it counts, then mAP."""
    if score.agreement is None:
        return (0.0, 0.0)
    return (score.agreement.f1_85 or 0.0, score.map or 0.0)
