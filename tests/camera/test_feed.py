from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from edge.camera.feed import RecordedFeed, SupervisedFeed
from edge.camera.health import PictureJudge
from edge.core.config import CameraConfig
from edge.core.errors import CameraError, CameraStalledError, ConfigError, DataError
from edge.core.ports import Camera, CameraFeed
from edge.core.types import CameraEvent, CameraState, CameraStatus, Frame, Size
from tests.camera.fakes import FakeCamera, FakeClock, frame, noisy_picture

REFUSED = CameraError("rtsp://cam: connection refused")


def settings(**changes: object) -> CameraConfig:
    return CameraConfig.model_validate({"name": "press-3", "uri": "rtsp://cam/1", **changes})


def opening(*cameras: Camera | Exception) -> Callable[[], Camera]:
    """Each opening gives the next camera, or raises; the last one for ever."""
    left = list(cameras)

    def open_next() -> Camera:
        camera = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(camera, Exception):
            raise camera
        return camera

    return open_next


def feed_of(
    *cameras: Camera | Exception, clock: FakeClock | None = None, **changes: object
) -> SupervisedFeed:
    config = settings(**changes)
    expected = Size(*map(int, config.size.split("x"))) if config.size else None
    judge = PictureJudge(frozen_s=1, expected=expected)
    used = FakeClock() if clock is None else clock
    return SupervisedFeed(opening(*cameras), config, judge, used, jitter=lambda _, most: most)


def told(events: Iterator[CameraEvent]) -> list[str]:
    """Events as words: ``frame 3`` or the state's name."""
    return [f"frame {e.index}" if isinstance(e, Frame) else e.state.value for e in events]


def test_frames_flow_after_connecting_and_live() -> None:
    feed: CameraFeed = feed_of(FakeCamera([frame(0), frame(1), None]))
    assert told(iter(feed)) == ["connecting", "live", "frame 0", "frame 1", "ended"]


def test_a_lost_camera_is_opened_again_and_its_index_goes_on() -> None:
    first = FakeCamera([frame(0), frame(1), CameraError("gone")])
    feed = feed_of(first, REFUSED, FakeCamera([frame(0), None]))
    assert told(iter(feed)) == [
        "connecting", "live", "frame 0", "frame 1", "lost", "lost", "live", "frame 2", "ended",
    ]  # fmt: skip
    assert feed.reopened == 2
    assert first.closed


def test_what_a_lost_camera_showed_is_told_with_its_end() -> None:
    feed = feed_of(REFUSED, FakeCamera([frame(0), None]))
    statuses = [event for event in feed if isinstance(event, CameraStatus)]
    assert statuses[2].state is CameraState.LIVE
    assert statuses[2].reason == "64x48, after: rtsp://cam: connection refused"
    assert statuses[2].reopened == 1


def test_a_stall_is_a_state_of_its_own() -> None:
    feed = feed_of(
        FakeCamera([frame(0), CameraStalledError("no frame for 2 s")]), FakeCamera([None])
    )
    assert "stalled" in told(iter(feed))


def test_waits_double_up_to_the_longest_and_a_refusal_is_left_alone() -> None:
    clock = FakeClock()
    refusal = CameraError("401", retry_after_s=30.0)
    feed = feed_of(*[REFUSED] * 5, refusal, FakeCamera([None]), clock=clock, reopen_max_s=4.0)
    told(iter(feed))
    assert clock.waits == [0.5, 1.0, 2.0, 4.0, 4.0, 30.0]


def test_the_back_off_starts_anew_only_after_the_camera_was_live_for_a_while() -> None:
    clock = FakeClock()
    brief, again = [FakeCamera([frame(0), CameraError("gone")]) for _ in range(2)]
    steady = FakeCamera([frame(0), lambda: clock.pass_by(11.0), frame(1), CameraError("gone")])
    told(iter(feed_of(brief, again, steady, FakeCamera([None]), clock=clock)))
    assert clock.waits == [0.5, 1.0, 0.5]


def test_gaps_in_the_index_are_counted_as_drops() -> None:
    feed = feed_of(
        FakeCamera([frame(3), frame(4), frame(9), CameraError("x")]), FakeCamera([frame(1), None])
    )
    told(iter(feed))
    assert feed.dropped == 3 + 4 + 1


def test_a_frozen_camera_shows_nothing_and_is_opened_again() -> None:
    clock = FakeClock()

    def stuck() -> Iterator[Frame | Callable[[], None]]:
        while True:
            yield frame(0, noisy_picture(0))
            yield lambda: clock.pass_by(0.5)

    camera = FakeCamera(stuck())
    feed = feed_of(camera, FakeCamera([frame(0, noisy_picture(0)), frame(1), None]), clock=clock)
    # Repeats pass until they are known for such; the new opening shows the same: still frozen.
    assert told(iter(feed)) == [
        "connecting", "live", "frame 0", "frame 0", "frame 0", "frozen", "live", "frame 2", "ended",
    ]  # fmt: skip
    assert camera.closed
    assert feed.reopened == 1


def test_a_camera_that_was_away_repeats_nothing() -> None:
    same = [frame(i, noisy_picture(0)) for i in range(5)]
    feed = feed_of(FakeCamera([same[0], REFUSED]), FakeCamera([*same, None]), reopen_min_s=5.0)
    assert "frozen" not in told(iter(feed))


def test_a_black_camera_stays_open_until_the_light_comes_back() -> None:
    dark = frame(1, noisy_picture(0) // 255)
    camera = FakeCamera([frame(0), dark, frame(2), None])
    feed = feed_of(camera)
    assert told(iter(feed)) == [
        "connecting",
        "live",
        "frame 0",
        "black",
        "live",
        "frame 2",
        "ended",
    ]
    assert feed.reopened == 0


def test_the_first_frames_are_live_only_if_the_judge_agrees() -> None:
    feed = feed_of(FakeCamera([frame(0, noisy_picture(0) // 255), frame(1), None]))
    assert told(iter(feed)) == ["connecting", "black", "live", "frame 1", "ended"]


def test_a_new_size_is_told_once_and_live_names_both_sizes() -> None:
    small = [frame(i, noisy_picture(i, 32, 24)) for i in range(3)]
    feed = feed_of(FakeCamera([frame(0), *small]), FakeCamera([small[0], small[1], None]))
    events = list(feed)
    assert told(iter(events)) == [
        "connecting", "live", "frame 0", "resized", "live", "frame 1", "frame 2", "ended",
    ]  # fmt: skip
    live = [e for e in events if isinstance(e, CameraStatus) and e.state is CameraState.LIVE][-1]
    assert "32x24" in live.reason
    assert "64x48" in live.reason


def test_a_size_other_than_expected_stays_a_fault_until_the_right_one_comes() -> None:
    wrong = [frame(i, noisy_picture(i, 32, 24)) for i in range(3)]
    feed = feed_of(FakeCamera([*wrong, frame(3), None]), size="64x48")
    assert told(iter(feed)) == ["connecting", "resized", "live", "frame 3", "ended"]


def test_a_fault_is_logged_when_it_starts_and_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    told(iter(feed_of(*[REFUSED] * 20, FakeCamera([frame(0), None]))))
    assert [record.message for record in caplog.records] == [
        "press-3: lost: rtsp://cam: connection refused",
        "press-3: live after 451.5 s of trouble",
    ]


def test_settings_that_no_waiting_mends_are_raised() -> None:
    with pytest.raises(ConfigError):
        told(iter(feed_of(ConfigError("no such option"))))


def test_close_ends_a_back_off_and_closes_the_camera() -> None:
    feed = feed_of(REFUSED)
    events = iter(feed)
    assert told(islice(events, 2)) == ["connecting", "lost"]
    feed.close()
    feed.close()
    assert list(events) == []


def test_close_ends_a_read_that_waits_in_another_thread() -> None:
    reading, closed = threading.Event(), threading.Event()

    class Waiting:
        def read(self) -> Frame | None:
            reading.set()
            closed.wait(30)
            return None

        def close(self) -> None:
            closed.set()

    feed = feed_of(Waiting())
    heard: list[str] = []
    thread = threading.Thread(target=lambda: heard.extend(told(iter(feed))))
    thread.start()
    assert reading.wait(30)
    feed.close()
    thread.join(30)
    assert heard == ["connecting"]


def test_one_dead_camera_does_not_stop_another() -> None:
    dead, alive = feed_of(REFUSED), feed_of(FakeCamera([frame(i) for i in range(50)]))
    stopping = threading.Thread(target=lambda: [None for _ in dead])
    stopping.start()
    assert told(iter(alive))[-2:] == ["frame 49", "ended"]
    dead.close()
    stopping.join(30)
    assert not stopping.is_alive()


def test_abandoning_the_iteration_closes_the_camera() -> None:
    camera = FakeCamera([frame(0), frame(1)])
    events = iter(feed_of(camera))
    assert told(islice(events, 3)) == ["connecting", "live", "frame 0"]
    del events
    assert camera.closed


def test_a_recording_is_neither_judged_nor_opened_again() -> None:
    black = [frame(i, noisy_picture(0) // 255) for i in range(5)]
    feed: CameraFeed = RecordedFeed(opening(FakeCamera(black)), settings(), FakeClock())
    frames = [f"frame {i}" for i in range(5)]
    assert told(iter(feed)) == ["connecting", "live", *frames, "ended"]


def test_a_broken_recording_is_a_status_and_an_error() -> None:
    camera = FakeCamera([frame(0), CameraError("breaks off after 1 frames")])
    events = iter(RecordedFeed(opening(camera), settings(), FakeClock()))
    assert told(islice(events, 4)) == ["connecting", "live", "frame 0", "lost"]
    with pytest.raises(CameraError, match="breaks off"):
        next(events)
    assert camera.closed


def test_a_recording_of_another_size_than_expected_is_refused() -> None:
    feed = RecordedFeed(opening(FakeCamera([frame(0)])), settings(size="32x24"), FakeClock())
    with pytest.raises(DataError, match="frame 0 is 64x48 pixels, but the settings expect 32x24"):
        told(iter(feed))
