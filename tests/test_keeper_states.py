"""Whatever happens, in any order: one open model inspects, and no rejected one returns."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from edge.app.memory import bundle_to_start
from edge.engine import publish
from edge.engine.bundle import verify
from tests.test_keeper import RIGHT, SETTINGS, WRONG, FakeServing, Line


class Service(RuleBasedStateMachine):
    """Publications, restarts, faults and frames, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.line = Line(Path(self._folder.name))
        self.frames = self.inspected = 0

    @initialize()
    def starts(self) -> None:
        self.line.start(self.line.publish())

    @rule()
    def a_good_bundle_is_published(self) -> None:
        self.line.publish()

    @rule()
    def a_collapsed_bundle_is_published(self) -> None:
        self.line.publish(WRONG)

    @rule()
    def a_bundle_with_wrong_canaries_is_published(self) -> None:
        self.line.publish(canary=False)

    @rule()
    def a_changed_bundle_is_published(self) -> None:
        del self.line.bundles[self.line.publish().name]

    @rule()
    def an_operator_rolls_back(self) -> None:
        if publish.before(self.line.models) not in (None, self.line.current):
            publish.rollback(self.line.models)

    @rule(found=st.sampled_from([RIGHT, WRONG]))
    def the_engine_changes_its_mind(self, found: object) -> None:
        self.serving.detector._found = found  # type: ignore[assignment]

    @rule()
    def the_engine_answers_nonsense(self) -> None:
        self.serving.fault = "head holds NaN"

    @rule(count=st.integers(1, 60))
    def frames_come(self, count: int) -> None:
        self.line.inspect(count)
        self.frames += count

    @rule(seconds=st.floats(0, 1e7))
    def nothing_happens_for_long(self, seconds: float) -> None:
        self.line.clock.time += seconds
        self.line.keeper.step()

    @rule()
    def it_is_restarted(self) -> None:
        """Power is cut: what was open is gone, what is published and remembered stays."""
        name = bundle_to_start(self.line.models, self.line.memory)
        assert name is not None
        if name not in self.line.bundles:  # it was changed: the service would not start
            return
        for bundle in self.line.bundles.values():
            bundle.closed, bundle.fault = True, ""
        self.line.start(self.line.bundles[name])

    @property
    def serving(self) -> FakeServing:
        return self.line.keeper._serving  # type: ignore[return-value]

    @invariant()
    def what_inspects_is_open_and_is_the_bundle_in_service(self) -> None:
        if not hasattr(self.line, "keeper"):
            return
        assert not self.serving.closed
        running = self.line.switch._detector
        assert running is (
            self.serving.fallback if self.line.keeper._on_fallback else self.serving.detector
        )

    @invariant()
    def a_rejected_bundle_is_not_in_service(self) -> None:
        """Unless the one before was rejected too: then there is nothing else to start with."""
        earlier = hasattr(self.line, "keeper") and publish.before(self.line.models)
        if earlier and not self.line.memory.rejected(earlier):
            assert not self.line.memory.rejected(self.serving.name)

    @invariant()
    def exactly_one_valid_bundle_is_current(self) -> None:
        if hasattr(self.line, "keeper"):
            assert self.line.current is not None
            verify(self.line.models / "current", key=self.line.folder / "key")

    def teardown(self) -> None:
        self.line.store.close()
        self._folder.cleanup()


TestService = Service.TestCase
TestService.settings = settings(
    max_examples=40, stateful_step_count=20, deadline=None, derandomize=True
)
assert SETTINGS.come_back  # so that every state can be left
