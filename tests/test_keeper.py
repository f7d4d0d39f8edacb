"""The model in service: followed, tried, watched, taken back. Bundles and links are real."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge.app.keeper import FOLLOW_S, Keeper
from edge.app.memory import StoredMemory
from edge.core.config import WatchConfig
from edge.core.errors import DataError
from edge.core.service import Conditions, ServiceState
from edge.core.types import Detections, Frame, Image
from edge.engine import publish
from edge.engine.bundle import write_bundle
from edge.host.state import StateStore
from edge.live import ModelSwitch
from edge.watch import Baseline, Canary, CanaryVerdict, check_canaries
from tests.engine.bundles import fields, files
from tests.fakes import FakeDetector, a_frame, one_box

SETTINGS = WatchConfig(
    every_s=1.0, trial_boxes=40, trial_frames=5, least_boxes=20, dwell_s=10.0, come_back=True
)
RIGHT, WRONG = one_box(), Detections.none()


class Hand:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        return stop.is_set()


class FakeServing:
    """A bundle that finds ``found``, judged by a fallback that is right."""

    def __init__(self, name: str, found: Detections = RIGHT, *, canary: bool = True) -> None:
        self.name = name
        self.detector = FakeDetector(found)
        self.fallback: FakeDetector | None = FakeDetector(RIGHT)
        answer = found if canary else Detections.none()
        self.fault = ""
        self.baseline: Baseline | None = None
        self.canaries = (Canary("canaries/00.png", a_frame(), answer),)
        self.fallback_canaries = (Canary("canaries/00.png", a_frame(), RIGHT),)
        self.closed = False

    def check_canaries(self) -> CanaryVerdict:
        return check_canaries(self.detector, self.canaries)

    def close(self) -> None:
        self.closed = True


@dataclass
class Line:
    """A service with its builds; ``open`` bundles are looked up by name."""

    folder: Path
    clock: Hand = field(default_factory=Hand)
    conditions: Conditions = field(default_factory=Conditions)
    bundles: dict[str, FakeServing] = field(default_factory=dict)
    opened: list[FakeServing] = field(default_factory=list)
    kept: list[Frame] = field(default_factory=list)
    settings: WatchConfig = SETTINGS
    refusals: dict[str, Exception] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.models = self.folder / "models"
        self.store = StateStore(self.folder / "state.db")
        self.memory = StoredMemory(self.store)

    def publish(self, found: Detections = RIGHT, *, canary: bool = True) -> FakeServing:
        sources = files(self.folder)
        bundle = write_bundle(self.models, sources, fields(), key=self.folder / "key")
        publish.publish(self.models, bundle)
        self.bundles[bundle.name] = FakeServing(bundle.name, found, canary=canary)
        return self.bundles[bundle.name]

    def start(self, serving: FakeServing) -> Keeper:
        serving.closed = False
        self.opened.append(serving)
        self.switch = ModelSwitch(serving.detector)
        self.keeper = Keeper(
            self.models,
            self.switch,
            serving,  # type: ignore[arg-type]
            self.open,  # type: ignore[arg-type]
            self.memory,
            self.conditions,
            self.settings,
            self.clock,
            lambda frame, engine, fallback: self.kept.append(frame),
        )
        return self.keeper

    def open(self, path: Path) -> FakeServing:
        if path.name in self.refusals:
            raise self.refusals[path.name]
        if path.name not in self.bundles:
            raise DataError(f"{path.name} was changed")
        serving = self.bundles[path.name]
        assert serving not in self.opened or serving.closed, "opened twice"
        serving.closed = False
        self.opened.append(serving)
        return serving

    def inspect(self, frames: int) -> None:
        """Frames go through the loop's model; one every two seconds is shown to the keeper."""
        for _ in range(frames):
            self.show(a_frame(90).image)

    def show(self, image: Image) -> None:
        """One of them."""
        self.clock.time += max(2 * self.settings.every_s, FOLLOW_S)
        frame = Frame(image, 0, self.clock.time, "cam")
        self.keeper.tap.emit(frame, self.switch(frame))
        self.keeper.step()

    @property
    def current(self) -> str | None:
        return publish.in_use(self.models)


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


def proven(line: Line) -> FakeServing:
    """A bundle in service that has passed its trial."""
    first = line.publish()
    line.memory.confirm(first.name)
    line.start(first).step()
    return first


def test_the_canaries_are_shown_to_a_proven_bundle_at_every_start(line: Line) -> None:
    first = line.publish()
    line.memory.confirm(first.name)
    first.detector._found = WRONG  # another driver, or a file that was damaged
    line.start(first).step()
    assert line.switch._detector is first.fallback
    assert "canary" in line.conditions.reasons()[ServiceState.FALLBACK]


def test_a_published_bundle_is_taken_tried_and_confirmed(line: Line) -> None:
    first = proven(line)
    second = line.publish()
    line.inspect(1)
    assert line.switch(a_frame()) is RIGHT
    assert not first.closed  # until the trial is over
    line.inspect(30)
    assert first.closed
    assert line.memory.confirmed(second.name)
    assert line.current == second.name


def test_a_bundle_that_answers_its_canaries_wrongly_never_sees_a_frame(line: Line) -> None:
    first = proven(line)
    second = line.publish(canary=False)
    line.inspect(1)
    assert second.closed
    assert line.switch._detector is first.detector
    assert line.current == first.name  # a restart runs what runs now
    assert "canary" in line.memory.rejected(second.name)


def test_a_bundle_that_fails_while_another_is_being_built_is_put_back_afterwards(
    line: Line,
) -> None:
    first = proven(line)
    second = line.publish(WRONG)
    line.inspect(1)
    with publish.exclusive(line.models):  # a build copies its files
        line.inspect(30)
        assert line.switch._detector is first.detector
        assert line.current == second.name
    line.inspect(1)
    assert line.current == first.name


def test_a_bundle_that_was_changed_is_rejected_and_the_one_before_goes_on(line: Line) -> None:
    first = proven(line)
    broken = line.publish()
    del line.bundles[broken.name]
    line.inspect(1)
    assert line.current == first.name
    assert "was changed" in line.memory.rejected(broken.name)


def test_a_bundle_with_other_classes_waits_for_a_restart_and_is_not_rejected(line: Line) -> None:
    first = proven(line)
    second = line.publish()
    second.detector.labels = ("scratch",)
    line.inspect(5)
    assert line.switch._detector is first.detector
    assert second.closed
    assert not line.memory.rejected(second.name)
    assert line.current == second.name
    (told,) = [event for event in line.store.history() if event.kind == "passed over"]
    assert "Restart the service" in told.text


def test_a_collapsed_bundle_fails_its_trial_and_is_never_tried_again(line: Line) -> None:
    first = proven(line)
    second = line.publish(WRONG)
    line.inspect(40)
    assert line.switch._detector is first.detector
    assert second.closed
    assert line.current == first.name
    assert "agreement with the fallback engine" in line.memory.rejected(second.name)
    publish.publish(line.models, line.models / "builds" / second.name)
    second.closed = False
    line.inspect(5)
    assert line.switch._detector is first.detector  # though somebody published it again
    kinds = [event.kind for event in line.store.history()]
    assert kinds.count("rolled back") == 1
    assert line.kept  # the evidence


def test_a_proven_bundle_that_goes_wrong_is_left_for_its_fallback_and_stays_published(
    line: Line,
) -> None:
    first = proven(line)
    first.detector._found = WRONG
    line.inspect(40)
    assert line.switch._detector is first.fallback
    assert "agreement" in line.conditions.reasons()[ServiceState.FALLBACK]
    assert line.current == first.name


def test_an_engine_that_answers_nonsense_is_left_at_once(line: Line) -> None:
    first = proven(line)
    first.fault = "head holds NaN"
    line.inspect(1)
    assert line.switch._detector is first.fallback
    assert line.conditions.reasons()[ServiceState.FALLBACK] == "head holds NaN"
    line.inspect(400)  # agreement is no reason to trust it again
    assert line.switch._detector is first.fallback
    assert [event.kind for event in line.store.history()].count("fallback") == 1


def test_a_new_bundle_that_answers_nonsense_fails_its_trial(line: Line) -> None:
    first = proven(line)
    second = line.publish()
    line.inspect(1)
    second.fault = "head holds NaN"
    line.inspect(1)
    assert line.switch._detector is first.detector
    assert line.memory.rejected(second.name) == "head holds NaN"


def test_canaries_are_shown_again_and_another_answer_puts_the_line_on_the_fallback(
    line: Line,
) -> None:
    first = proven(line)
    first.canaries = (Canary("canaries/00.png", a_frame(), one_box(class_id=0)),)
    first.detector._found = first.fallback._found = one_box(0.7)  # type: ignore[union-attr]
    line.clock.time += SETTINGS.canaries_s
    line.keeper.step()
    assert line.switch._detector is first.fallback
    assert "canary images get another answer" in line.conditions.reasons()[ServiceState.FALLBACK]
    line.clock.time += SETTINGS.canaries_s
    line.keeper.step()  # the fallback answers otherwise too: nothing here can be trusted
    assert ServiceState.FAULTED in line.conditions.reasons()
    first.fallback._found = RIGHT
    line.clock.time += SETTINGS.canaries_s
    line.keeper.step()
    assert ServiceState.FAULTED not in line.conditions.reasons()


def test_drift_of_the_line_is_told_once_and_switches_nothing(line: Line) -> None:
    first = proven(line)
    line.inspect(700)  # what it looked like
    assert not [event for event in line.store.history(1000) if event.kind == "drift"]
    first.detector._found = first.fallback._found = one_box(0.3)  # type: ignore[union-attr]
    line.inspect(700)
    told = [event.text for event in line.store.history(1000) if event.kind == "drift"]
    assert len(told) == 1
    assert "scores" in told[0]
    assert line.switch._detector is first.detector


def test_it_comes_back_when_both_agree_again(line: Line) -> None:
    first = proven(line)
    first.detector._found = WRONG
    line.inspect(40)
    first.detector._found = RIGHT
    line.inspect(400)
    assert line.switch._detector is first.detector
    assert ServiceState.FALLBACK not in line.conditions.reasons()


def test_another_bundle_ends_the_fallback(line: Line) -> None:
    first = proven(line)
    first.detector._found = WRONG
    line.inspect(40)
    second = line.publish()
    line.inspect(30)
    assert line.switch._detector is second.detector
    assert not line.conditions.reasons()
    assert first.closed


def test_after_a_restart_in_the_middle_of_a_trial_it_begins_again(line: Line) -> None:
    first, second = line.publish(), line.publish(WRONG)
    line.start(second)  # power was cut before it was judged
    line.inspect(40)
    assert line.switch._detector is first.detector
    assert line.current == first.name


def test_the_first_bundle_of_a_line_falls_back_since_there_is_none_before_it(line: Line) -> None:
    first = line.publish(WRONG)
    line.start(first)
    line.inspect(40)
    assert line.switch._detector is first.fallback
    assert ServiceState.FALLBACK in line.conditions.reasons()


def test_a_frame_from_before_the_exchange_is_no_evidence_about_the_model_after_it(
    line: Line,
) -> None:
    proven(line)
    line.publish()
    line.inspect(1)
    stale = Frame(a_frame().image, 0, line.clock.time - 1, "cam")
    line.clock.time += 2 * SETTINGS.every_s
    line.keeper.tap.emit(stale, WRONG)
    compared = line.keeper._watch.compared
    line.keeper.step()
    assert line.keeper._watch.compared == compared


def test_what_a_bundle_knows_of_the_line_need_not_be_learned(line: Line) -> None:
    first = line.publish()
    first.baseline = Baseline.of([90.0] * 20, [RIGHT] * 50, 1)
    line.memory.confirm(first.name)
    line.start(first)
    first.detector._found = first.fallback._found = one_box(0.3)  # type: ignore[union-attr]
    line.inspect(SETTINGS.drift_samples + 1)
    assert "scores" in line.conditions.warnings()["drift"]
    assert line.keeper.figures.drift.drifted == ("scores",)
    first.detector._found = first.fallback._found = RIGHT  # type: ignore[union-attr]
    line.inspect(SETTINGS.drift_samples)
    assert not line.conditions.warnings()


def test_its_figures_say_how_the_model_stands(line: Line) -> None:
    first = proven(line)
    line.inspect(12)
    now = line.keeper.figures
    assert (now.bundle, now.on_fallback, now.on_trial, now.compared) == (
        first.name,
        False,
        False,
        12,
    )
    assert (now.agreement.f1_50, now.agreement.boxes) == (1.0, 24)
    first.detector._found = WRONG
    line.inspect(40)
    assert line.keeper.figures.on_fallback


def test_its_thread_ends_with_the_block_and_closing_lets_go_of_every_model(line: Line) -> None:
    first = proven(line)
    second = line.publish()
    line.inspect(1)
    with line.keeper.keeping():
        pass
    line.keeper.close()
    assert first.closed
    assert second.closed
