"""The ladder: every rung is reached by a case made for it, and nothing passes by itself."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from edge.calibrate import Ladder, Runtime, Search, Steps
from edge.core.build import (
    Agreement,
    Candidate,
    EngineFacts,
    Placement,
    Precision,
    RangeMethod,
    Rung,
    Score,
    Scored,
)
from edge.core.errors import DataError
from edge.core.gate import Gate, judge

REFERENCE_MAP = 0.6
PROVEN: tuple[str, ...] = ()


def an_agreement(f1_85: float = 0.98, f1_50: float = 0.99) -> Agreement:
    return Agreement(f1_50, f1_85, None, None, 0.99, 0.0, 0.97, 0.0, 500, 50)


def a_score(f1_85: float = 0.98, f1_50: float = 0.99, map_: float | None = 0.6) -> Score:
    return Score(map_, map_, an_agreement(f1_85, f1_50))


GOOD, COLLAPSED = a_score(), a_score(0.0, 0.02, 0.005)
SAME = an_agreement()
ONLY_MINMAX = Search(methods=("minmax",))


@dataclass
class Workshop:
    """Makes files named after what was asked for; each name has the score that the case gives."""

    folder: Path
    scores: dict[str, Score] = field(default_factory=dict)
    doubts: tuple[str, ...] = PROVEN
    blocks: tuple[str, ...] = ("head", "neck", "stem")
    refused: Collection[str] = ()
    made: list[str] = field(default_factory=list)
    builds: bool = False
    int8_layers: int = 60
    same: Agreement = SAME
    own: bool = False
    rungs: list[Rung] = field(default_factory=list)

    def steps(self) -> Steps:
        return Steps(
            model=self._file("fp32"),
            quantised=self._quantised,
            half=lambda: self._file("fp16"),
            score=lambda model: Scored(self.scores.get(model.stem, GOOD), self.doubts),
            blocks_by_noise=lambda method: self.blocks,
            runtime=Runtime("TRT", self._built, lambda _: self.same) if self.builds else None,
            own=self._file("own") if self.own else None,
            tried=self.rungs.append,
        )

    def _built(self, candidate: Candidate) -> Candidate:
        engine = self._file(f"{candidate.graph.stem}-{candidate.calibrator or 'engine'}")
        facts = EngineFacts(80, self.int8_layers, images=0, build_seconds=1.0)
        return replace(candidate, engine=engine, facts=facts)

    def _quantised(self, method: RangeMethod, placement: Placement, kept: Collection[str]) -> Path:
        return self._file("-".join([method, placement, *kept]))

    def _file(self, name: str) -> Path:
        if name in self.refused:
            raise DataError(f"{name} is refused")
        self.made.append(name)
        path = self.folder / f"{name}.onnx"
        path.write_bytes(b"x")
        return path


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def every_int8(score: Score) -> dict[str, Score]:
    return {f"{method}-convs": score for method in ("minmax", "percentile", "mse", "entropy")}


def test_the_best_int8_candidate_that_passes_is_chosen(workshop: Workshop) -> None:
    workshop.scores = {**every_int8(a_score(0.96)), "mse-convs": a_score(0.99)}
    outcome = Ladder(workshop.steps(), Gate(), REFERENCE_MAP).descend("auto")
    assert outcome.chosen is not None
    assert (outcome.chosen.name, outcome.chosen.precision) == ("int8 mse", Precision.INT8)
    assert [rung.candidate for rung in outcome.ladder] == [
        "int8 minmax",
        "int8 percentile",
        "int8 mse",
        "int8 entropy",
    ]


def test_one_collapsed_range_method_does_not_spoil_the_others(workshop: Workshop) -> None:
    workshop.scores = {"entropy-convs": COLLAPSED}
    outcome = Ladder(workshop.steps(), Gate(), REFERENCE_MAP).descend("auto")
    verdicts = {rung.candidate: rung.passed for rung in outcome.ladder}
    assert verdicts == {
        "int8 minmax": True,
        "int8 percentile": True,
        "int8 mse": True,
        "int8 entropy": False,
    }


def test_one_layer_that_breaks_int8_goes_back_to_fp16(workshop: Workshop) -> None:
    workshop.scores = {**every_int8(COLLAPSED), "minmax-convs-head": a_score(0.5)}
    outcome = Ladder(workshop.steps(), Gate(), REFERENCE_MAP).descend("int8")
    assert outcome.chosen is not None
    assert outcome.chosen.precision is Precision.MIXED
    assert outcome.chosen.kept_float == ("head", "neck")


def test_blocks_are_measured_only_where_no_int8_candidate_passes(workshop: Workshop) -> None:
    workshop.blocks = ()
    outcome = Ladder(workshop.steps(), Gate(), REFERENCE_MAP).descend("auto")
    assert all(rung.precision is Precision.INT8 for rung in outcome.ladder)


@pytest.mark.parametrize(
    ("asked", "chosen"), [("auto", Precision.FP16), ("int8", None)], ids=["auto", "int8"]
)
def test_where_nothing_quantised_passes_auto_descends_and_int8_publishes_nothing(
    workshop: Workshop, asked: str, chosen: Precision | None
) -> None:
    workshop.scores = every_int8(COLLAPSED)
    workshop.scores |= {
        f"minmax-convs{kept}": COLLAPSED for kept in ("-head", "-head-neck", "-head-neck-stem")
    }
    outcome = Ladder(workshop.steps(), Gate(), REFERENCE_MAP).descend(asked)  # type: ignore[arg-type]
    assert (outcome.chosen and outcome.chosen.precision) is chosen
    assert all(rung.reason for rung in outcome.ladder)


def test_fp32_is_the_last_rung_and_always_holds(workshop: Workshop) -> None:
    workshop.scores = {"fp16": COLLAPSED}
    workshop.refused = list(every_int8(GOOD))
    outcome = Ladder(workshop.steps(), Gate(), REFERENCE_MAP).descend("auto")
    assert outcome.chosen is not None
    assert outcome.chosen.precision is Precision.FP32
    assert "could not be made: minmax-convs is refused" in outcome.ladder[0].reason


def test_too_little_evidence_holds_back_int8_but_not_fp16(workshop: Workshop) -> None:
    workshop.doubts = ("12 reference boxes, fewer than 50",)
    outcome = Ladder(workshop.steps(), Gate(), REFERENCE_MAP).descend("auto")
    assert outcome.chosen is not None
    assert outcome.chosen.precision is Precision.FP16
    assert "unproven: 12 reference boxes" in outcome.ladder[0].reason
    assert all(rung.unproven for rung in outcome.ladder)


def test_no_layer_goes_back_to_fp16_for_want_of_evidence(workshop: Workshop) -> None:
    workshop.doubts = ("12 reference boxes, fewer than 50",)
    outcome = Ladder(workshop.steps(), Gate(), REFERENCE_MAP).descend("int8")
    assert outcome.chosen is None
    assert {rung.precision for rung in outcome.ladder} == {Precision.INT8}


def test_no_layer_goes_back_to_fp16_where_neither_model_finds_anything(workshop: Workshop) -> None:
    workshop.scores = every_int8(Score(None, None, None))
    outcome = Ladder(workshop.steps(), Gate(), None).descend("int8")
    assert outcome.chosen is None
    assert {rung.precision for rung in outcome.ladder} == {Precision.INT8}


def test_an_operator_may_accept_what_is_unproven_and_the_report_says_so(
    workshop: Workshop,
) -> None:
    workshop.doubts = ("12 reference boxes, fewer than 50",)
    gate = Gate(accept_unproven=True)
    outcome = Ladder(workshop.steps(), gate, REFERENCE_MAP).descend("auto")
    assert outcome.chosen is not None
    assert outcome.chosen.precision is Precision.INT8
    assert "accepted though unproven: 12 reference boxes" in outcome.ladder[0].reason


def test_the_faster_neck_placement_must_pass_the_same_gate(workshop: Workshop) -> None:
    workshop.scores = {"minmax-neck": a_score(0.2)}
    outcome = Ladder(workshop.steps(), Gate(), REFERENCE_MAP).descend(
        "int8", Search(["minmax"], neck=True)
    )
    assert outcome.chosen is not None
    assert outcome.chosen.name == "int8 minmax"
    assert not outcome.ladder[-1].passed


def test_every_rung_is_told_as_soon_as_it_is_judged(workshop: Workshop) -> None:
    outcome = Ladder(workshop.steps(), Gate(), REFERENCE_MAP).descend("auto")
    assert tuple(workshop.rungs) == outcome.ladder


def test_where_engines_are_built_what_passed_as_a_graph_must_pass_again_as_an_engine(
    workshop: Workshop,
) -> None:
    workshop.builds = True
    outcome = Ladder(workshop.steps(), Gate(), REFERENCE_MAP).descend("auto", ONLY_MINMAX)
    assert [(rung.candidate, rung.passed) for rung in outcome.ladder] == [
        ("int8 minmax", True),
        ("int8 minmax on TRT", True),
        ("fp16 on TRT", True),
    ]
    assert outcome.chosen is not None
    assert outcome.chosen.file.stem == "minmax-convs-engine"
    assert outcome.fallback is not None
    assert outcome.fallback.file.stem == "fp16-engine"


@pytest.mark.parametrize(
    ("engine", "int8_layers", "same", "reason"),
    [
        (a_score(map_=0.62), 60, SAME, "2.00 points of mAP50-95 away from its own graph"),
        (a_score(map_=None), 60, an_agreement(0.9), "engine and its graph: agreement at IoU 0.85"),
        (COLLAPSED, 60, SAME, "agreement at IoU 0.50 is 0.0200"),
        (GOOD, 0, SAME, "none of the engine's 80 layers runs INT8"),
    ],
    ids=["mAP unlike its graph's", "finds unlike its graph", "collapsed", "no INT8 in it"],
)
def test_an_engine_that_is_not_what_its_graph_promised_is_not_published(
    workshop: Workshop, engine: Score, int8_layers: int, same: Agreement, reason: str
) -> None:
    workshop.builds, workshop.int8_layers, workshop.same = True, int8_layers, same
    workshop.scores = {"minmax-convs-engine": engine}
    outcome = Ladder(workshop.steps(), Gate(), REFERENCE_MAP).descend("auto", ONLY_MINMAX)
    refused = outcome.ladder[1]
    assert (refused.candidate, refused.passed) == ("int8 minmax on TRT", False)
    assert reason in refused.reason
    assert outcome.chosen is not None
    assert outcome.chosen.name == "fp16 on TRT"


@pytest.mark.parametrize(
    ("score", "chosen"),
    [(GOOD, "int8 trt-entropy on TRT"), (COLLAPSED, None)],
    ids=["keeps its accuracy", "collapses"],
)
def test_an_engine_of_tensorrts_own_calibrator_is_judged_by_its_own_score(
    workshop: Workshop, score: Score, chosen: str | None
) -> None:
    workshop.builds = True
    workshop.scores = {"fp32-trt-entropy": score}
    search = Search(methods=(), calibrators=("trt-entropy",))
    outcome = Ladder(workshop.steps(), Gate(), REFERENCE_MAP).descend("int8", search)
    assert (outcome.chosen and outcome.chosen.name) == chosen
    assert outcome.ladder[0].passed is (chosen is not None)


def test_the_fallback_is_fp32_where_fp16_does_not_pass(workshop: Workshop) -> None:
    workshop.builds = True
    workshop.scores = {"fp16-engine": COLLAPSED}
    outcome = Ladder(workshop.steps(), Gate(), REFERENCE_MAP).descend("int8", ONLY_MINMAX)
    assert outcome.fallback is not None
    assert outcome.fallback.name == "fp32 on TRT"


def test_a_model_that_came_quantised_keeps_its_own_pairs_and_passes_the_same_gate(
    workshop: Workshop,
) -> None:
    workshop.own = True
    outcome = Ladder(workshop.steps(), Gate(), REFERENCE_MAP).descend("auto")
    assert outcome.chosen is not None
    assert (outcome.chosen.name, outcome.chosen.file.stem) == ("int8 own Q/DQ", "own")
    workshop.scores = {"own": COLLAPSED}
    outcome = Ladder(workshop.steps(), Gate(), REFERENCE_MAP).descend("int8")
    assert outcome.chosen is None
    assert [rung.candidate for rung in outcome.ladder] == ["int8 own Q/DQ"]


@pytest.mark.parametrize(
    ("score", "reference_map", "doubts", "failure"),
    [
        (a_score(), 0.6, (), ""),
        (a_score(f1_50=0.9749), None, (), "agreement at IoU 0.50 is 0.9749 (at least 0.975)"),
        (a_score(f1_85=0.222, f1_50=0.983), None, (), "IoU 0.85 is 0.2220"),
        (a_score(map_=0.5951), 0.6, (), ""),
        (a_score(map_=0.594), 0.6, (), "mAP50-95 fell by 0.60 points (at most 0.5)"),
        (a_score(map_=None), 0.6, (), ""),
        (a_score(), 0.6, ("few boxes",), "unproven: few boxes"),
        (Score(None, None, None), None, (), "no evidence"),
    ],
    ids=[
        "good",
        "not found again",
        "found but out of place",
        "just within the mAP budget",
        "beyond it",
        "no labels",
        "too little evidence",
        "nothing found",
    ],
)
def test_the_gate_says_by_how_much_a_candidate_fails(
    score: Score, reference_map: float | None, doubts: tuple[str, ...], failure: str
) -> None:
    reason = judge(score, reference_map, doubts, Gate())
    assert (failure in reason) if failure else not reason
