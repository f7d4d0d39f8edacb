"""A model is timed again once it has the board to itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edge.app.timing import ABOUT, AloneTimes
from edge.core.service import Conditions
from edge.core.types import Detections
from edge.watch import Canary
from tests.fakes import FakeDetector, a_frame

CANARIES = tuple(Canary(f"{n}.png", a_frame(), Detections.none()) for n in range(5))


class Bench:
    """A clock that goes on by what the model is said to take."""

    def __init__(self) -> None:
        self.takes: Iterator[float] = iter(())
        self.now = 0.0
        self.asked = 0
        self.told: list[tuple[str, str]] = []
        self.conditions = Conditions()
        self.times = AloneTimes(
            self.conditions, lambda kind, text: self.told.append((kind, text)), self.seconds
        )

    def seconds(self) -> float:
        self.asked += 1
        if self.asked % 2 == 0:
            self.now += next(self.takes)
        return self.now

    def run(self, name: str, *takes_s: float) -> None:
        self.takes = iter(takes_s)
        self.times.take(name, FakeDetector(), CANARIES)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_quickest_counts_since_all_else_only_adds(bench: Bench) -> None:
    bench.run("first", 0.9, 0.011, 0.010, 0.012, 0.010)
    assert bench.times.alone_s == pytest.approx(0.010)
    assert not bench.told


def test_a_model_that_is_slower_than_the_one_before_is_told_until_another_is_not(
    bench: Bench,
) -> None:
    bench.run("first", *[0.010] * 5)
    bench.run("second", *[0.014] * 5)
    assert "14.0 ms in second, 10.0 ms in first" in bench.conditions.warnings()[ABOUT]
    assert [kind for kind, _ in bench.told] == ["slower"]
    bench.run("third", *[0.015] * 5)
    assert not bench.conditions.warnings(), "it is as quick as the one before"


def test_the_same_model_again_is_no_news(bench: Bench) -> None:
    bench.run("first", *[0.010] * 5)
    bench.run("first", *[0.050] * 5)
    assert not bench.told


def test_without_canaries_it_is_not_known(bench: Bench) -> None:
    bench.times.take("first", FakeDetector(), ())
    assert bench.times.alone_s is None
