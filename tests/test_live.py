"""The loop: what reaches the sinks, in which order, and how it ends."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest

from edge import live
from edge.core.errors import CameraError, DataError
from edge.core.mailbox import Mailbox
from edge.core.types import CameraEvent, CameraState, Detections, Frame, LoopEvent, Pulse
from tests.fakes import FakeDetector, FakeFeed, FakePipeline, ListSink, a_frame, a_status


def test_every_frame_and_every_camera_change_reaches_every_sink_in_order() -> None:
    sinks = [ListSink(), ListSink()]
    live.run([a_frame(0), a_status(), a_frame(1)], FakeDetector(), sinks)
    expected = [("cam", 0), ("cam", CameraState.LOST), ("cam", 1)]
    assert [sink.seen for sink in sinks] == [expected, expected]


def test_a_recording_is_read_in_lockstep_and_nothing_is_dropped() -> None:
    sink = ListSink()
    live.run(live.Lockstep([FakeFeed([a_frame(i) for i in range(50)])]), FakeDetector(), [sink])
    assert sink.seen == [("cam", i) for i in range(50)]


def test_recordings_take_turns_until_the_longest_ends() -> None:
    short, long = [a_frame(0, "a")], [a_frame(0, "b"), a_frame(1, "b")]
    events = live.Lockstep([FakeFeed(short, name="a"), FakeFeed(long, name="b")])
    sink = ListSink()
    live.run(events, FakeDetector(), [sink])
    assert sink.seen == [("a", 0), ("b", 0), ("b", 1)]


def test_closing_ends_lockstep_after_the_frame_in_hand() -> None:
    events = live.Lockstep([FakeFeed([a_frame(i) for i in range(50)])])

    class CloseAtThird(ListSink):
        def emit(self, frame: Frame, detections: Detections) -> None:
            super().emit(frame, detections)
            if frame.index == 2:
                events.close()

    sink = CloseAtThird()
    live.run(events, FakeDetector(), [sink])
    assert sink.seen == [("cam", 0), ("cam", 1), ("cam", 2)]


def test_the_loop_ends_when_all_live_cameras_have_ended() -> None:
    sink = ListSink()
    feeds = [FakeFeed([a_frame(0, name)], name=name) for name in ("a", "b")]
    with live.newest(feeds) as events:
        live.run(events, FakeDetector(), [sink])
    assert sorted(sink.seen) == [("a", 0), ("b", 0)]
    assert all(feed.closed for feed in feeds)


def test_what_a_capture_thread_died_of_is_raised_in_the_loop() -> None:
    feed = FakeFeed([a_frame(0)], ending=CameraError("csi://0: gone"))
    with pytest.raises(CameraError, match="gone"), live.newest([feed]) as events:
        live.run(events, FakeDetector(), [ListSink()])
    assert feed.closed


def test_a_failing_detector_ends_the_loop_and_no_thread_hangs() -> None:
    class Broken(FakeDetector):
        def __call__(self, frame: Frame) -> Detections:
            raise DataError("head holds NaN")

    feed = EndlessFeed()
    with pytest.raises(DataError, match="NaN"), live.newest([feed]) as events:
        live.run(events, Broken(), [])


def test_the_newest_frame_is_processed_and_the_replaced_ones_are_counted() -> None:
    feed = EndlessFeed()
    taken: list[int] = []

    class WaitForMore(FakeDetector):
        def __call__(self, frame: Frame) -> Detections:
            taken.append(frame.index)
            feed.wait_for(frame.index + 5)
            if len(taken) == 3:
                events.close()
            return super().__call__(frame)

    with live.newest([feed]) as events:
        live.run(events, WaitForMore(), [])
    # While one frame was processed at least four newer ones came; only the newest was taken.
    assert all(later - earlier >= 4 for earlier, later in itertools.pairwise(taken))
    assert events.replaced["cam"] > 0


class EndlessFeed(FakeFeed):
    """Frames without end; a reader can wait until a frame was handed over."""

    def __init__(self) -> None:
        super().__init__([])
        self._made = 0
        self._changed = threading.Condition()

    def __iter__(self) -> Iterator[CameraEvent]:
        while not self.closed:
            yield a_frame(self._made)
            with self._changed:
                self._made += 1
                self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._made > count, timeout=10)


def test_a_pulse_asks_the_engine_and_no_sink_hears_of_it() -> None:
    sink, alive = ListSink(), []
    frames: list[int] = []

    class Asked(FakeDetector):
        def __call__(self, frame: Frame) -> Detections:
            frames.append(frame.index)
            return super().__call__(frame)

    events: list[LoopEvent] = [a_status(), Pulse(a_frame(7)), a_frame(0)]
    live.run(events, Asked(), [sink], alive=lambda: alive.append(len(frames)))
    assert sink.seen == [("cam", CameraState.LOST), ("cam", 0)]
    assert frames == [7, 0]
    assert alive == [1, 2]  # after each inference, and only then


def test_a_failed_inference_is_no_sign_of_life() -> None:
    class Broken(FakeDetector):
        def __call__(self, frame: Frame) -> Detections:
            raise DataError("head holds NaN")

    alive: list[bool] = []
    with pytest.raises(DataError):
        live.run([a_frame(0)], Broken(), [], alive=lambda: alive.append(True))
    assert not alive


@pytest.mark.parametrize("kind", [FakeDetector, FakePipeline], ids=["one by one", "in flight"])
def test_the_model_is_exchanged_between_two_frames_and_no_frame_is_lost(
    kind: type[FakeDetector],
) -> None:
    """Many exchanges from another thread: every frame is seen once, by a model that is in use."""

    class Model(kind):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            super().__init__()
            self.retired = False
            self.seen: list[int] = []

        def __call__(self, frame: Frame) -> Detections:
            self.seen.append(frame.index)
            found = super().__call__(frame)
            assert not self.retired
            return found

    models = [Model()]
    switch = live.ModelSwitch(models[0])
    halfway, exchanged = threading.Event(), threading.Event()

    def events() -> Iterator[Frame]:
        for index in range(400):
            if index == 200:
                halfway.set()
                assert exchanged.wait(20)  # at least one exchange falls into the run
            yield a_frame(index)

    def exchange() -> None:
        last = False
        while not last:
            last = halfway.is_set()
            fresh = Model()
            before = switch.exchange(fresh)
            assert before is models[-1]
            models[-1].retired = True
            models.append(fresh)
        exchanged.set()

    thread = threading.Thread(target=exchange)
    thread.start()
    sink = ListSink()
    # Nothing is in flight while events() waits, as nothing is while a mailbox is empty.
    live.run(events(), switch, [sink], more=lambda: not 190 < len(sink.seen) < 210)
    thread.join()
    assert sink.seen == [("cam", index) for index in range(400)]
    assert sorted(index for model in models for index in model.seen) == list(range(400))
    assert sum(bool(model.seen) for model in models) >= 2


def test_a_pipeline_is_kept_busy_and_its_results_come_in_order() -> None:
    model, sink, in_flight = FakePipeline(), ListSink(), []

    def events() -> Iterator[LoopEvent]:
        for index in range(6):
            in_flight.append(len(model.in_flight))
            yield a_frame(index)
        yield a_status()
        assert not model.in_flight
        yield a_frame(6)

    live.run(events(), model, [sink])
    frames = [("cam", index) for index in range(6)]
    assert sink.seen == [*frames, ("cam", CameraState.LOST), ("cam", 6)]
    assert in_flight == [0, 1, 2, 2, 2, 2]  # there is room whenever the next frame is taken


def test_no_result_waits_for_a_frame_that_is_not_there_yet() -> None:
    model, sink = FakePipeline(), ListSink()
    mailbox = Mailbox()

    for camera in ("a", "b"):
        mailbox.put(a_frame(0, camera))
    reading = iter(mailbox)

    def until_empty() -> Iterator[LoopEvent]:
        yield next(reading)
        assert len(model.in_flight) == 1  # another frame is there: nobody waits for this one
        yield next(reading)
        assert [name for name, _ in sink.seen] == ["a", "b"]

    live.run(until_empty(), model, [sink], more=lambda: mailbox.waiting)


def test_another_thread_gets_the_model_though_frames_are_always_in_flight() -> None:
    switch, asked, answered = live.ModelSwitch(FakePipeline()), threading.Event(), threading.Event()

    def ask() -> None:
        asked.set()
        switch(a_frame())
        answered.set()

    def events() -> Iterator[Frame]:
        yield a_frame(0)
        thread.start()
        assert asked.wait(20)
        for index in itertools.count(1):
            if answered.is_set():
                return
            yield a_frame(index)

    thread, sink = threading.Thread(target=ask), ListSink()
    live.run(events(), switch, [sink])
    thread.join()
    assert sink.seen == [("cam", index) for index in range(len(sink.seen))]


def test_a_model_with_other_classes_is_not_taken() -> None:
    class Other(FakeDetector):
        labels: tuple[str, ...] = ("scratch",)

    switch = live.ModelSwitch(FakeDetector())
    with pytest.raises(ValueError, match="scratch"):
        switch.exchange(Other())
    assert switch.labels == ("dent",)
