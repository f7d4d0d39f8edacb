"""What goes wrong on the line, each with the words that have to tell it; and in which order."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from psutil import Process

from edge.engine import publish
from edge.sinks.web.viewers import ViewerLoad
from tests.faults.device import Clip, Device, as_it_is, garbled, nothing
from tests.soak.line import Line, UnnoticedError, dark, over_exposed, smaller
from tests.soak.networks import Illness, collapsed, overflowing, patiently, sick


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        name: for the figures.
        begin: makes it so.
        told: whether the service says so, or does what it should.
        end: takes it away again.
        mended: whether what it did to the service is over, besides that the line runs well.
    """

    name: str
    begin: Callable[[], None]
    told: Callable[[], bool]
    end: Callable[[], None] = lambda: None
    mended: Callable[[], bool] = lambda: True


Kind = Callable[[Line, str, random.Random], Fault]
"""What it is on this line, with a camera that nothing else is wrong with, and chance."""


def _on_camera(name: str, spoil: Callable[[Device], None], *states: str) -> Kind:
    """A fault of one camera, which has to be told as one of these states."""

    def kind(line: Line, camera: str, _chance: random.Random) -> Fault:
        device, clip, since = line.cameras[camera], line.clips[camera], line.mark()
        repaired: list[int] = []

        def told() -> bool:
            words = rf"{camera}: ({'|'.join(states)}): "
            return line.said(words, since) is not None or line.state_of(camera) in states

        def repair() -> None:
            repaired[:] = [line.mark(), device.described]
            device.unplug()
            device.clip, device.spoil, device.repeat = clip, as_it_is, None
            device.plug_in()

        def mended() -> bool:
            mark, described = repaired
            again = line.said(f"{camera}: live after", mark) is not None
            return again and device.described > described and line.state_of(camera) == "live"

        return Fault(f"{name}: {camera}", lambda: spoil(device), told, repair, mended)

    return kind


def _shows(change: Callable[[Clip], Clip]) -> Callable[[Device], None]:
    def spoil(device: Device) -> None:
        device.clip = change(device.clip)

    return spoil


def _freeze(device: Device) -> None:
    device.repeat = 0


def _fall_silent(device: Device) -> None:
    device.spoil = nothing


def _garble(device: Device) -> None:
    device.spoil = garbled


def _bundle(name: str, illness: Illness, told: str) -> Kind:
    """A bundle is published; the service has to say ``told`` of it."""

    def kind(line: Line, _camera: str, _chance: random.Random) -> Fault:
        published: list[str] = []
        since = line.mark()

        def begin() -> None:
            published.append(line.builder.publish(illness))

        def so() -> bool:
            return line.said(f"{told}: {published[0]}", since) is not None

        return Fault(name, begin, so)

    return kind


def tampered(line: Line, _camera: str, _chance: random.Random) -> Fault:
    """A file of a new bundle is changed behind its signature."""
    names: list[str] = []
    since = line.mark()

    def begin() -> None:
        bundle = patiently(line.builder.build)
        with (bundle / "engine.onnx").open("r+b") as engine:
            engine.seek(1000)
            engine.write(b"other weights")
        names.append(bundle.name)
        patiently(lambda: publish.publish(line.builder.models, bundle))

    return Fault(
        "bundle: tampered with",
        begin,
        lambda: line.said(f"rolled back: {names[0]} is rejected.*was changed", since) is not None,
    )


def overflow(line: Line, camera: str, _chance: random.Random) -> Fault:
    """A picture brighter than any before makes the engine answer NaN: the fallback takes over."""
    device, clip = line.cameras[camera], line.clips[camera]
    since = line.mark()
    published: list[str] = []

    def begin() -> None:
        device.clip = over_exposed(clip)

    def end() -> None:
        device.clip = clip
        published.append(line.builder.publish(overflowing))

    return Fault(
        f"engine answers NaN: {camera}",
        begin,
        lambda: line.said(r"fallback: .*NaN", since) is not None,
        end,
        lambda: line.said(f"confirmed: {published[0]}", since) is not None,
    )


def rolled_back(line: Line, _camera: str, _chance: random.Random) -> Fault:
    """An operator goes back to the bundle before, which was proven when it was in service."""
    since = line.mark()
    now: list[str] = []

    def begin() -> None:
        line.builder.publish()
        line.wait(lambda: line.said("confirmed: ", since) is not None, "a bundle is confirmed")
        now.append(patiently(lambda: publish.rollback(line.builder.models))[1])

    return Fault(
        "bundle: rolled back by an operator",
        begin,
        lambda: line.said(f"(swap|confirmed): {now[0]}", since) is not None,
    )


def capture_killed(line: Line, _camera: str, chance: random.Random) -> Fault:
    """A capture process is killed, as a decoder's crash or the kernel would."""
    killed: list[Process] = []

    def begin() -> None:
        killed.append(chance.choice(line.process.children()))
        killed[0].kill()

    def told() -> bool:
        left = line.process.children()
        return killed[0] not in left and len(left) == len(line.cameras)

    return Fault("capture process killed", begin, told)


def state_corrupted(line: Line, _camera: str, chance: random.Random) -> Fault:
    """Somebody's editor was opened on the state's file while nothing was being written to it."""
    since, file = line.mark(), line.state / "state.db"

    def begin() -> None:
        line.wait(lambda: time.time() - file.stat().st_mtime > 1.0, "the state rests")
        file.write_bytes(chance.randbytes(20_000))
        line.builder.publish()  # so that something has to be remembered

    return Fault(
        "state file corrupted",
        begin,
        lambda: line.said("state.db: damaged .* begun anew", since) is not None,
        lambda: None,
        lambda: line.said("confirmed: ", since) is not None,
    )


def disk_full(line: Line, _camera: str, _chance: random.Random) -> Fault:
    """Not a byte is free where state, bundles and collected frames are, and a bundle is bad."""
    since, held = line.mark(), ExitStack()

    def begin() -> None:
        assert line.disk
        bundle = patiently(lambda: line.builder.build(collapsed))
        held.enter_context(line.disk.full())
        patiently(lambda: publish.publish(line.builder.models, bundle))

    return Fault(
        "disk full",
        begin,
        lambda: (
            line.said(r"state.db: cannot be saved .*\n(.*\n)*.*rolled back: ", since) is not None
            or line.said(r"rolled back: .*\n(.*\n)*.*state.db: cannot be saved ", since) is not None
        ),
        held.close,
    )


def viewers(line: Line, _camera: str, chance: random.Random) -> Fault:
    """People come to watch for some seconds, one of whom never reads, and leave again."""
    load = ViewerLoad(line.url, chance.randint(2, 6), never_reading=1)
    stay_s, came = chance.uniform(2, 8), [0.0]

    def begin() -> None:
        load.start()
        came[0] = time.monotonic()

    def end() -> None:
        if not all(load.stop().frames):
            raise UnnoticedError("a viewer got no picture")

    return Fault("viewers", begin, lambda: time.monotonic() - came[0] > stay_s, end)


CAMERA_KINDS: tuple[Kind, ...] = (
    _on_camera("camera unplugged", Device.unplug, "lost"),
    _on_camera("camera silent", _fall_silent, "stalled", "lost"),
    _on_camera("camera frozen", _freeze, "frozen"),
    _on_camera("camera black", _shows(dark), "black"),
    _on_camera("camera garbled", _garble, "stalled", "lost"),
    _on_camera("camera of another size", _shows(smaller), "resized"),
    capture_killed,
)
BUNDLE_KINDS: tuple[Kind, ...] = (
    _bundle("bundle: exchanged", overflowing, "confirmed"),
    _bundle("bundle: INT8 collapsed", collapsed, "rolled back"),
    _bundle("bundle: answers NaN", sick, "rolled back"),
    tampered,
    rolled_back,
    overflow,
    state_corrupted,
)
DISK_KINDS: tuple[Kind, ...] = (disk_full,)

EVERY_KIND = len(BUNDLE_KINDS) + len(DISK_KINDS)
"""Rounds after which every fault came once."""


def rounds(chance: random.Random, *, disk: bool) -> Iterator[Sequence[Kind]]:
    """What comes together, for ever: one fault of a bundle or the disk, some of cameras, viewers.

    Every kind comes once before any comes again.
    """
    engine = _shuffled_for_ever([*BUNDLE_KINDS, *(DISK_KINDS if disk else ())], chance)
    cameras = _shuffled_for_ever(CAMERA_KINDS, chance)
    while True:
        together = [next(engine), next(cameras)]
        if chance.random() < 0.4:
            together.append(viewers)
        yield together


def _shuffled_for_ever(kinds: Sequence[Kind], chance: random.Random) -> Iterator[Kind]:
    while True:
        yield from chance.sample(kinds, len(kinds))
