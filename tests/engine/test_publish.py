from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge.core.errors import InputMissingError
from edge.engine.bundle import verify, write_bundle
from edge.engine.publish import BusyError, exclusive, list_bundles, publish, rollback
from tests.engine.bundles import fields, files

KILLED_BUILDS = """
import functools, os, signal, sys

calls = fatal = 0

def step():
    global calls
    calls += 1
    if calls == fatal:
        os.kill(os.getpid(), signal.SIGKILL)

def stepwise(real):
    def call(*arguments, **options):
        step()  # before, and after
        result = real(*arguments, **options)
        step()
        return result
    return functools.partial(call)  # no method of the class that keeps it

for name in ("fsync", "rename", "replace", "symlink", "mkdir"):
    setattr(os, name, stepwise(getattr(os, name)))

from pathlib import Path  # only now: before 3.11 it keeps the functions that it finds

from edge.engine.bundle import write_bundle
from edge.engine.publish import publish
from tests.engine.bundles import fields

calls = fatal = 0
work, out = Path(sys.argv[1]), Path(sys.argv[2])
sources = {"model.onnx": work / "model.onnx", "ranges.json": work / "ranges.json"}
for line in sys.stdin:
    fatal = int(line)
    if (child := os.fork()) == 0:
        publish(out, write_bundle(out, sources, fields(), key=work.parent / "device.key"))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Reads step numbers; each starts a build that is killed at this step, and answers how it ended."""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "models"


def built(tmp_path: Path, out: Path) -> Path:
    return write_bundle(out, files(tmp_path / "work"), fields(), key=tmp_path / "device.key")


def test_publishing_remembers_what_was_in_use(tmp_path: Path, out: Path) -> None:
    first, second = built(tmp_path, out), built(tmp_path, out)
    assert publish(out, first) is None
    assert publish(out, second) == first.name
    assert (out / "current").resolve() == second
    assert (out / "previous").resolve() == first
    assert str((out / "current").readlink()) == f"builds/{second.name}"
    assert [(b.path.name, b.current, b.previous) for b in list_bundles(out)] == sorted(
        [(first.name, False, True), (second.name, True, False)], reverse=True
    )


def test_rolling_back_goes_back_and_forth(tmp_path: Path, out: Path) -> None:
    first, second = built(tmp_path, out), built(tmp_path, out)
    publish(out, first)
    publish(out, second)
    assert rollback(out) == (second.name, first.name)
    assert (out / "current").resolve() == first
    assert rollback(out) == (first.name, second.name)


@pytest.mark.parametrize("published", [0, 1])
def test_there_may_be_nothing_to_roll_back_to(tmp_path: Path, out: Path, published: int) -> None:
    for _ in range(published):
        publish(out, built(tmp_path, out))
    with pytest.raises(InputMissingError, match="no earlier bundle"):
        rollback(out)


def test_publishing_twice_keeps_the_previous_one(tmp_path: Path, out: Path) -> None:
    first, second = built(tmp_path, out), built(tmp_path, out)
    publish(out, first)
    publish(out, second)
    assert publish(out, second) == first.name
    assert (out / "previous").resolve() == first


def test_only_a_bundle_of_this_folder_is_published(tmp_path: Path, out: Path) -> None:
    elsewhere = built(tmp_path, tmp_path / "other")
    out.mkdir()
    for path in (elsewhere, out / "builds" / "none", tmp_path):
        with pytest.raises(InputMissingError, match="no bundle of"):
            publish(out, path)
    assert not (out / "current").exists()


def test_nothing_was_ever_built_here(out: Path) -> None:
    assert list_bundles(out) == ()


def _hold(out: Path, held: object, done: object) -> None:
    with exclusive(out):
        held.set()  # type: ignore[attr-defined]
        done.wait(60)  # type: ignore[attr-defined]


def test_two_builds_do_not_publish_at_once(tmp_path: Path, out: Path) -> None:
    bundle = built(tmp_path, out)
    context = multiprocessing.get_context("spawn")
    held, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(out, held, done))
    other.start()
    assert held.wait(60)
    for work in (lambda: publish(out, bundle), lambda: built(tmp_path, out)):
        with pytest.raises(BusyError, match="another build is publishing") as caught:
            work()
        assert caught.value.exit_code == 75
    assert other.pid
    os.kill(other.pid, signal.SIGKILL)  # the lock goes with whoever holds it
    other.join()
    assert publish(out, bundle) is None


def test_a_build_killed_at_any_step_leaves_one_whole_bundle_in_use(
    tmp_path: Path, out: Path
) -> None:
    key = tmp_path / "device.key"
    publish(out, built(tmp_path, out))
    publish(out, built(tmp_path, out))
    command = [sys.executable, "-c", KILLED_BUILDS, str(tmp_path / "work"), str(out)]
    root = Path(__file__).parents[2]
    outcomes = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    ) as builds:
        assert builds.stdin
        assert builds.stdout
        for step in range(1, 100):
            before = (out / "current").resolve()
            print(step, file=builds.stdin, flush=True)
            if (ended := int(builds.stdout.readline())) == 0:
                break  # one more step than there are
            assert ended == -signal.SIGKILL
            for link in ("current", "previous"):
                verify(out / link, key=key)
            outcomes.append((out / "current").resolve() != before)
    assert len(outcomes) > 20
    assert outcomes == sorted(outcomes), "old up to one step, new from there on"
    assert set(outcomes) == {False, True}
    publish(out, built(tmp_path, out))
    assert not list((out / "builds").glob(".*"))
    for listed in list_bundles(out):
        verify(listed.path, key=key)
