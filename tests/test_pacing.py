"""The line comes first: when a build beside it is paused, goes on, or is given up."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.app.pacing import MOST_PAUSED_S, Pace, Pacer, PaceVerdict
from edge.core.config import RecalibrateConfig
from edge.sinks.lately import WINDOW_S

SETTINGS = RecalibrateConfig(model=Path("m.onnx"), images=Path("images"))
RUN, PAUSE, GIVE_UP = Pace


class Line:
    """Asks once a second."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pacer = Pacer(SETTINGS)

    def ask(self, age_s: float | None, seconds: int = 1) -> PaceVerdict:
        for _ in range(seconds):
            self.now += 1
            verdict = self.pacer.decide(self.now, age_s)
        return verdict


@pytest.fixture
def measured() -> Line:
    """A line whose frames are 40 ms old without the build."""
    line = Line()
    line.ask(0.04, round(WINDOW_S) + 1)
    return line


def test_without_a_running_service_nothing_is_measured_and_nothing_paused() -> None:
    assert Line().ask(None, 3).pace is RUN


def test_the_line_is_measured_while_the_build_stands_still() -> None:
    line = Line()
    for _ in range(round(WINDOW_S)):
        assert line.ask(0.5) == PaceVerdict(PAUSE, "the line is measured without it")
    assert line.ask(0.04).pace is RUN  # the window is made of frames without the build
    assert line.ask(0.081).pace is PAUSE


def test_frames_up_to_twice_as_old_as_before_are_none_of_its_concern(measured: Line) -> None:
    assert measured.ask(0.08, 1000).pace is RUN


def test_frames_that_are_young_all_the_same_are_none_of_its_concern() -> None:
    """On a fast GPU 3 ms become 8: no line misses them."""
    line = Line()
    line.ask(0.003, round(WINDOW_S) + 1)
    assert line.ask(SETTINGS.young_ms / 1e3).pace is RUN
    assert line.ask(SETTINGS.young_ms / 1e3 + 0.001).pace is PAUSE


def test_it_is_paused_at_once_and_goes_on_when_the_frames_of_a_whole_window_are_young(
    measured: Line,
) -> None:
    told = measured.ask(0.12)
    assert told == PaceVerdict(PAUSE, "frames were too old (p99 age 120 ms, 40 ms before)")
    assert measured.ask(0.05, round(WINDOW_S) - 1).pace is PAUSE
    assert measured.ask(0.05, 2).pace is RUN


def test_it_is_given_up_when_pausing_does_not_help(measured: Line) -> None:
    assert measured.ask(0.12, round(SETTINGS.patience_s)).pace is PAUSE
    told = measured.ask(0.12, 2)
    assert told.pace is GIVE_UP
    assert "the line itself is slower" in told.reason


def test_it_is_given_up_when_the_line_leaves_no_time(measured: Line) -> None:
    paces: list[Pace] = []
    for age_s in itertools.cycle([0.12, *[0.04] * (round(WINDOW_S) + 1)]):
        if GIVE_UP in paces:
            break
        paces.append(measured.ask(age_s).pace)
    assert paces.count(PAUSE) == pytest.approx(MOST_PAUSED_S, rel=0.1)


def test_a_service_that_ends_lets_it_go_on_and_one_that_comes_back_is_not_measured_again(
    measured: Line,
) -> None:
    assert measured.ask(0.12).pace is PAUSE
    assert measured.ask(None).pace is RUN
    assert measured.ask(0.05).pace is RUN
    assert measured.ask(0.12).pace is PAUSE


@given(st.lists(st.one_of(st.none(), st.floats(0, 10)), max_size=300))
def test_whatever_the_line_does_it_is_never_run_on_a_slow_one(ages: list[float | None]) -> None:
    line = Line()
    for age_s in ages:
        verdict = line.ask(age_s)
        before_s = line.pacer._before_s
        if verdict.pace is RUN and age_s is not None:
            assert before_s is not None
            assert age_s <= max(SETTINGS.slower * before_s, SETTINGS.young_ms / 1e3)
        assert bool(verdict.reason) == (verdict.pace is not RUN)
