"""The hand-over: newest wins, nobody starves, statuses and failures always arrive."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.errors import CameraError
from edge.core.mailbox import Mailbox
from edge.core.types import CameraState, CameraStatus, Frame, LoopEvent, Pulse
from tests.fakes import a_frame, a_status


def drain(mailbox: Mailbox) -> list[tuple[str, object]]:
    mailbox.close()
    return [described(event) for event in mailbox]


def described(event: LoopEvent) -> tuple[str, object]:
    if isinstance(event, Frame):
        return event.camera, event.index
    return ("pulse", None) if isinstance(event, Pulse) else (event.camera, event.state)


def test_a_newer_frame_replaces_an_unread_one_and_is_counted() -> None:
    mailbox = Mailbox()
    for index in range(5):
        mailbox.put(a_frame(index))
    assert mailbox.replaced == {"cam": 4}
    assert drain(mailbox) == [("cam", 4)]


def test_a_pulse_is_for_a_loop_that_has_nothing_to_do() -> None:
    mailbox = Mailbox()
    mailbox.put(Pulse(a_frame()))
    mailbox.put(Pulse(a_frame()))  # one waits already
    mailbox.put(a_frame(3))
    assert drain(mailbox) == [("pulse", None), ("cam", 3)]
    busy = Mailbox()
    busy.put(a_frame(4))
    busy.put(Pulse(a_frame()))
    assert drain(busy) == [("cam", 4)]


def test_a_fast_camera_does_not_starve_a_slow_one() -> None:
    mailbox = Mailbox()
    mailbox.put(a_frame(0, "slow"))
    for index in range(100):
        mailbox.put(a_frame(index, "fast"))
    assert drain(mailbox) == [("slow", 0), ("fast", 99)]


def test_a_replaced_frame_keeps_its_cameras_place_in_the_queue() -> None:
    mailbox = Mailbox()
    for camera, index in (("a", 0), ("b", 0), ("a", 1)):
        mailbox.put(a_frame(index, camera))
    assert drain(mailbox) == [("a", 1), ("b", 0)]


def test_status_changes_are_never_replaced_and_come_before_frames() -> None:
    mailbox = Mailbox()
    first, second = a_status("a"), a_status("b")
    mailbox.put(a_frame(0))
    mailbox.put(first)
    mailbox.put(second)
    mailbox.close()
    events = list(mailbox)
    assert events[:2] == [first, second]
    assert not isinstance(events[2], CameraStatus)


def test_the_error_it_was_closed_with_reaches_the_reader_after_what_was_left() -> None:
    mailbox = Mailbox()
    mailbox.put(a_frame(7))
    mailbox.close(CameraError("unplugged"))
    mailbox.close(CameraError("too late to matter"))
    reader = iter(mailbox)
    assert isinstance(next(reader), Frame)
    with pytest.raises(CameraError, match="unplugged"):
        next(reader)


def test_nothing_is_taken_in_after_close() -> None:
    mailbox = Mailbox()
    mailbox.close()
    mailbox.put(a_frame(0))
    assert list(mailbox) == []


def test_a_waiting_reader_wakes_when_the_mailbox_is_closed() -> None:
    mailbox = Mailbox()
    reader = threading.Thread(target=lambda: list(mailbox))
    reader.start()
    mailbox.close()
    reader.join(timeout=10)
    assert not reader.is_alive()


def test_a_frame_from_before_its_camera_was_lost_is_not_read_behind_that() -> None:
    mailbox = Mailbox()
    mailbox.put(a_frame(0, "other"))
    mailbox.put(a_frame(7))
    mailbox.put(a_status(state=CameraState.LOST))
    assert drain(mailbox) == [("cam", 7), ("cam", CameraState.LOST), ("other", 0)]


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["frame", "status"]))))
def test_each_cameras_events_are_read_in_the_order_they_were_put(
    puts: list[tuple[str, str]],
) -> None:
    mailbox = Mailbox()
    states = list(CameraState)
    for index, (camera, kind) in enumerate(puts):
        state = states[index % len(states)]
        mailbox.put(a_frame(index, camera) if kind == "frame" else a_status(camera, state))
    read = drain(mailbox)
    for camera in ("a", "b"):
        put = [
            (camera, index if kind == "frame" else states[index % len(states)])
            for index, (name, kind) in enumerate(puts)
            if name == camera
        ]
        kept = [event for event in put if event in read]
        assert [event for event in read if event[0] == camera] == kept
        frames = [event for event in put if isinstance(event[1], int)]
        assert [event for event in kept if isinstance(event[1], int)] == frames[-1:]
