"""How much a link takes, found out from when pictures were sent and taken."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sinks.web.grade import Grade, grade_of_quality, grade_of_width
from edge.sinks.web.pace import FORGOTTEN_S, RARELY_S, Pace

KILOBYTES = {Grade.FULL: 120, Grade.HALF: 30, Grade.QUARTER: 8}
STEP_S = 0.01


@dataclass
class Link:
    """Pictures over a link of so many kB/s and seconds of delay there and back, one after another.

    Attributes:
        grades: of each picture sent.
        ages: from sending to having, seconds.
    """

    kilobytes_a_second: float
    delay_s: float = 0.0
    fps: float = 10.0
    acknowledges: bool = True
    now: float = 0.0
    grades: list[Grade] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    _idle_at: float = 0.0
    _on_their_way: list[tuple[float, int, float]] = field(default_factory=list)

    def run(self, pace: Pace, seconds: float) -> None:
        """A camera offers pictures; the newest is sent whenever the pace allows."""
        end, due, waiting = self.now + seconds, self.now, False
        pace.acknowledges = self.acknowledges
        while self.now < end:
            self.now += STEP_S
            self._deliver(pace)
            if self.now >= due:
                due, waiting = due + 1 / self.fps, True
            if waiting and pace.may_send(self.now):
                waiting = False
                self._send(pace)

    def _send(self, pace: Pace) -> None:
        seq = pace.sent(self.now)
        self.grades.append(pace.grade)
        began = max(self.now, self._idle_at)
        self._idle_at = began + KILOBYTES[pace.grade] / self.kilobytes_a_second
        self._on_their_way.append((self._idle_at + self.delay_s, seq, self.now))

    def _deliver(self, pace: Pace) -> None:
        while self._on_their_way and self._on_their_way[0][0] <= self.now:
            at, seq, sent_s = self._on_their_way.pop(0)
            self.ages.append(at - sent_s)
            if self.acknowledges:
                pace.taken(seq, self.now)
            else:
                pace.buffered(seq, self.now)


@pytest.mark.parametrize("acknowledges", [True, False], ids=["acknowledges", "never does"])
@pytest.mark.parametrize(
    ("link", "grade"),
    [
        (100_000, Grade.FULL),
        (1500, Grade.FULL),
        (150, Grade.HALF),
        (40, Grade.QUARTER),
        (8, Grade.QUARTER),
    ],
)
def test_a_slower_link_gets_smaller_pictures(link: float, grade: Grade, acknowledges: bool) -> None:
    pace, line = Pace(), Link(link, 0.02, acknowledges=acknowledges)
    line.run(pace, 60)
    assert line.grades[0] is Grade.FULL
    assert pace.grade is grade
    assert line.grades.count(grade) > 0.9 * len(line.grades) - 5


def test_a_slow_link_gets_the_newest_picture_not_old_ones() -> None:
    line = Link(20)
    line.run(Pace(), 120)
    late = line.ages[len(line.ages) // 2 :]
    assert max(late) < 3 * KILOBYTES[Grade.QUARTER] / 20


def test_a_quick_link_misses_nothing_even_with_a_long_way() -> None:
    line = Link(100_000, delay_s=0.12, fps=20)
    line.run(Pace(), 30)
    assert len(line.ages) > 0.95 * 30 * 20
    assert set(line.grades) == {Grade.FULL}


def test_a_link_that_recovers_gets_big_pictures_again() -> None:
    pace, line = Pace(), Link(20)
    line.run(pace, 60)
    assert line.grades[-1] is Grade.QUARTER
    line.kilobytes_a_second = 10_000
    line.run(pace, 60)
    assert pace.grade is Grade.FULL


def test_bigger_pictures_are_tried_more_rarely_each_time_they_fail() -> None:
    pace, line = Pace(), Link(240)  # quick enough for half size, too slow for full size
    line.run(pace, 2000)
    changes = [n for n in range(1, len(line.grades)) if line.grades[n] < line.grades[n - 1]]
    assert 2 <= len(changes) <= 2000 / RARELY_S + 6
    assert line.grades.count(Grade.FULL) < 0.02 * len(line.grades) + 20


def test_a_viewer_that_says_nothing_any_more_gets_a_picture_now_and_then() -> None:
    pace, sent = Pace(), 0
    pace.acknowledges = True
    for step in range(6000):
        if pace.may_send(step * STEP_S):
            pace.sent(step * STEP_S)
            sent += 1
    assert 60 / FORGOTTEN_S - 1 <= sent <= 60 / FORGOTTEN_S + 2
    assert pace.grade is Grade.QUARTER


def test_having_one_picture_settles_all_before_it() -> None:
    pace = Pace()
    for now in (0.0, 0.01):  # quick: several at a time
        pace.taken(pace.sent(now), now)
    numbers = [pace.sent(1.0) for _ in range(3)]
    assert not pace.may_send(1.0)
    pace.taken(numbers[-1], 1.01)
    assert pace.may_send(1.01)
    pace.taken(numbers[0], 1.02)  # too late, and harmless


@given(st.lists(st.tuples(st.integers(-5, 400), st.floats(0, 3), st.booleans()), max_size=300))
def test_whatever_a_viewer_claims_memory_is_bounded(
    claims: list[tuple[int, float, bool]],
) -> None:
    pace, now = Pace(), 0.0
    for seq, pause_s, buffered in claims:
        now += pause_s
        if pace.may_send(now):
            pace.sent(now)
        (pace.buffered if buffered else pace.taken)(seq, now)
        assert len(pace._sent_s) <= 3
        assert pace.grade in Grade


@pytest.mark.parametrize(
    ("width", "grade"),
    [
        *((None, Grade.FULL), (4000, Grade.FULL), (1280, Grade.FULL), (641, Grade.FULL)),
        *((640, Grade.HALF), (321, Grade.HALF), (320, Grade.QUARTER), (1, Grade.QUARTER)),
    ],
)
def test_the_smallest_picture_that_fills_the_width_is_sent(width: int | None, grade: Grade) -> None:
    assert grade_of_width(width) is grade


@pytest.mark.parametrize(
    ("quality", "best", "grade"),
    [
        *((95, 80, Grade.FULL), (75, 80, Grade.FULL), (70, 80, Grade.HALF)),
        *((64, 80, Grade.QUARTER), (10, 80, Grade.QUARTER), (10, 10, Grade.FULL)),
    ],
)
def test_a_quality_that_is_insisted_on_is_the_nearest_there_is(
    quality: int, best: int, grade: Grade
) -> None:
    assert grade_of_quality(quality, best) is grade
    assert all(10 <= each.quality(best) <= best for each in Grade)
