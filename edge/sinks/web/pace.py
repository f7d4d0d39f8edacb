"""How much a viewer's link takes: how many pictures at a time, and how big.

A viewer acknowledges each picture when it has it. The time from sending to that is all that is
known of the link, of everything on the way, and of a browser that paints slowly. While it is short
several pictures may be on their way, so that a long link is kept busy; as soon as it is not, one
at a time, so that the next one sent is the newest. When even that takes long, smaller pictures
follow; bigger ones are tried again after a while, and more rarely each time that this fails.

A viewer that never acknowledges counts as having a picture once the system's buffer took it.
"""

from __future__ import annotations

from edge.sinks.web.grade import Grade

QUICK_S = 0.15
"""Below this the link is idle most of the time, seconds."""

SLOW_S = 0.4
"""Above this pictures become smaller, seconds: an operator sees the delay."""

FORGOTTEN_S = 5.0
"""A picture not acknowledged for this long holds up the next one no more, seconds."""

TRY_S = 10.0
"""After this long without trouble bigger pictures are tried, seconds; doubles up to ``RARELY_S``
each time they turn out to be too big within ``PROOF_S``."""

RARELY_S = 300.0
PROOF_S = 30.0

_MANY = 3  # on their way at once while the link is quick
_NEWEST = 0.3  # weight of the last delay in the mean


class Pace:
    """Of one viewer. Times are monotonic seconds.

    Attributes:
        grade: the best that the link takes.
        acknowledges: whether the viewer says when it has a picture.
    """

    def __init__(self) -> None:
        self.grade = Grade.FULL
        self.acknowledges = False
        self._sent_s: dict[int, float] = {}
        self._next = 0
        self._delay_s: float | None = None
        self._counts_from = 0
        self._changed_s = float("-inf")
        self._bigger_s = float("-inf")
        self._patience_s = TRY_S

    def may_send(self, now: float) -> bool:
        """Whether another picture may be sent now."""
        forgotten = [seq for seq, sent_s in self._sent_s.items() if now - sent_s > FORGOTTEN_S]
        for seq in forgotten:
            self._learn(seq, now)
        quick = self._delay_s is not None and self._delay_s < QUICK_S
        return len(self._sent_s) < (_MANY if quick else 1)

    def sent(self, now: float) -> int:
        """A picture is being sent; returns its number, from 0."""
        seq = self._next
        self._next += 1
        self._sent_s[seq] = now
        return seq

    def buffered(self, seq: int, now: float) -> None:
        """The system's buffer took this picture."""
        if not self.acknowledges and seq in self._sent_s:
            self._learn(seq, now)

    def taken(self, seq: int, now: float) -> None:
        """The viewer has this picture, and needs none that was sent before it."""
        self.acknowledges = True
        if seq in self._sent_s:
            for earlier in [other for other in self._sent_s if other < seq]:
                del self._sent_s[earlier]
            self._learn(seq, now)

    def _learn(self, seq: int, now: float) -> None:
        delay_s = now - self._sent_s.pop(seq)
        if seq < self._counts_from:
            return  # it was of another grade
        before = self._delay_s
        self._delay_s = delay_s if before is None else before + _NEWEST * (delay_s - before)
        if self._delay_s > SLOW_S and self.grade < Grade.QUARTER:
            self._smaller(now)
        elif self._delay_s < QUICK_S and self.grade > Grade.FULL:
            self._try_bigger(now)

    def _smaller(self, now: float) -> None:
        in_vain = now - self._bigger_s < PROOF_S
        self._patience_s = min(RARELY_S, 2 * self._patience_s) if in_vain else TRY_S
        self._change(Grade(self.grade + 1), now)

    def _try_bigger(self, now: float) -> None:
        if now - self._changed_s >= self._patience_s:
            self._bigger_s = now
            self._change(Grade(self.grade - 1), now)

    def _change(self, grade: Grade, now: float) -> None:
        self.grade = grade
        self._changed_s = now
        self._counts_from = self._next
        self._delay_s = None
