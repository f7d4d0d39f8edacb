from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from edge.core.errors import UnavailableError
from edge.engine.cuda import CudaContext
from edge.engine.cuda_graph import GraphDriver
from tests.engine import fake_pycuda


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[fake_pycuda.Driver]:
    driver = fake_pycuda.install(monkeypatch)
    yield driver
    assert driver.graphs == {}


@pytest.fixture
def stream(gpu: fake_pycuda.Driver) -> Iterator[Any]:
    """A stream, in a context that is current as long as the test runs."""
    context = CudaContext()
    with context.current():
        yield context.stream()
    context.close()


def noted(stream: Any, ran: list[str], name: str) -> Callable[[], None]:
    """Work that notes its name when the GPU does it."""
    return lambda: stream.do(lambda: ran.append(name))


def test_recorded_work_runs_as_often_as_it_is_launched_and_not_before(stream: Any) -> None:
    ran: list[str] = []
    graph = GraphDriver().capture(stream, noted(stream, ran, "work"))
    stream.synchronize()
    assert ran == []
    for _ in range(3):
        graph.launch(stream)
    stream.synchronize()
    assert ran == ["work"] * 3
    graph.close()
    graph.close()


def test_a_launch_waits_for_what_the_stream_had_to_do_before(stream: Any) -> None:
    ran: list[str] = []
    graph = GraphDriver().capture(stream, noted(stream, ran, "graph"))
    for name in ("first copy", "second copy"):
        noted(stream, ran, name)()
        graph.launch(stream)
    stream.synchronize()
    assert ran == ["first copy", "graph", "second copy", "graph"]
    graph.close()


def test_work_that_fails_while_it_is_recorded_leaves_no_graph_and_a_usable_stream(
    stream: Any,
) -> None:
    ran: list[str] = []

    def fail() -> None:
        noted(stream, ran, "never")()
        raise KeyError("the work's own error")

    with pytest.raises(KeyError, match="the work's own error"):
        GraphDriver().capture(stream, fail)
    noted(stream, ran, "afterwards")()
    stream.synchronize()
    assert ran == ["afterwards"]


def test_a_recording_that_the_driver_refuses_is_named(gpu: fake_pycuda.Driver, stream: Any) -> None:
    gpu.refuses_capture = True
    with pytest.raises(
        UnavailableError, match=r"cuStreamEndCapture failed: CUDA_ERROR_STREAM_CAPTURE\w+ \(901\)"
    ):
        GraphDriver().capture(stream, lambda: None)


@pytest.mark.usefixtures("gpu")
def test_a_graph_that_cannot_be_made_ready_is_not_left_behind(stream: Any) -> None:
    graphs = GraphDriver()
    graphs._cuda._library.cuGraphInstantiateWithFlags = lambda *arguments: 999
    with pytest.raises(
        UnavailableError, match=r"cuGraphInstantiateWithFlags failed: unknown error \(999\)"
    ):
        graphs.capture(stream, lambda: None)


def test_a_launch_on_a_gpu_that_failed_says_so(gpu: fake_pycuda.Driver, stream: Any) -> None:
    graph = GraphDriver().capture(stream, lambda: None)
    gpu.fault = "an illegal memory access was encountered"
    with pytest.raises(UnavailableError, match=r"cuGraphLaunch failed: unknown error \(700\)"):
        graph.launch(stream)
    gpu.fault = ""
    graph.close()


def test_a_driver_that_is_too_old_is_told_by_the_call_it_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def old_driver(name: str) -> Any:
        return SimpleNamespace(cuStreamBeginCapture_v2=lambda: 0, cuStreamEndCapture=lambda: 0)

    monkeypatch.setattr(ctypes, "CDLL", old_driver)
    with pytest.raises(UnavailableError, match=r"cuGraphInstantiateWithFlags.*CUDA 11\.4 or newer"):
        GraphDriver()
