"""What the service keeps on the disk, in figures, and what cannot be kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge.app.keeping import Witness
from edge.app.storage import Storage
from edge.core.config import CameraConfig, EdgeConfig, JsonlConfig, RecordConfig, SinksConfig
from edge.core.errors import UnavailableError
from edge.core.types import Detections
from edge.host.crashes import CrashGuard
from edge.host.state import StateStore
from edge.sinks.evidence import Evidence
from edge.sinks.isolated import Isolated
from edge.sinks.record import Record
from tests.fakes import ListSink, a_frame, one_box
from tests.sinks.parts import until


def config(folder: Path) -> EdgeConfig:
    jsonl = JsonlConfig(path=folder / "results.jsonl", rotate_mb=1.0, keep=2)
    return EdgeConfig(
        cameras=[CameraConfig(name="a", uri="pattern://")], sinks=SinksConfig(jsonl=jsonl)
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StateStore]:
    with closing(StateStore(tmp_path / "state" / "state.db")) as opened:
        yield opened


def figures(storage: Storage) -> dict[tuple[str, ...], float]:
    return {(one.metric.name, *one.labels): one.value for one in storage.readings()}


def test_what_is_used_stands_beside_its_budget(tmp_path: Path, store: StateStore) -> None:
    (tmp_path / "results.jsonl").write_bytes(b"x" * 1000)
    (tmp_path / "results.jsonl.1").write_bytes(b"x" * 500)
    bundle = tmp_path / "models" / "builds" / "b" / "canaries"
    bundle.mkdir(parents=True)
    (bundle / "00.png").write_bytes(b"x" * 300)
    storage = Storage(config(tmp_path), tmp_path / "models", CrashGuard(store), store)
    told = figures(storage)
    assert told["edge_disk_used_bytes", "results"] == 1500
    assert told["edge_disk_budget_bytes", "results"] == 3e6
    assert told["edge_disk_used_bytes", "bundles"] == 300
    assert told["edge_safe_mode",] == 0
    assert told["edge_state_failures_total",] == 0
    assert not list(storage.worries())


def test_recent_detections_that_cannot_be_kept_worry(tmp_path: Path) -> None:
    settings = RecordConfig(least_free_mb=1_000_000.0)
    storage = Storage(config(tmp_path), None, None, None)
    with closing(Record(settings, tmp_path / "recent", ("dent",))) as record:
        storage.record = record
        assert not list(storage.worries())
        record.emit(a_frame(), one_box())
        until(lambda: record.report().failures == 1, "refused")
        ((about, why),) = storage.worries()
        assert (about, "least_free_mb" in why) == ("record", True)
        assert figures(storage)["edge_disk_used_bytes", "recent"] == 0
        assert figures(storage)["edge_disk_budget_bytes", "recent"] == 500e6


def test_a_sink_that_fails_worries_until_it_works_again(tmp_path: Path) -> None:
    class Broken(ListSink):
        broken = True

        def emit(self, frame: object, detections: object) -> None:
            if self.broken:
                raise UnavailableError("disk full")

    sink = Broken()
    storage = Storage(config(tmp_path), None, None, None)
    storage.sinks = [Isolated(sink, "jsonl")]
    storage.sinks[0].emit(a_frame(), Detections.none())
    ((about, _),) = storage.worries()
    assert about == "sink jsonl"
    assert figures(storage)["edge_sink_failures_total", "jsonl"] == 1
    sink.broken = False
    storage.sinks[0].emit(a_frame(), Detections.none())
    assert not list(storage.worries())


def test_a_state_that_the_disk_refuses_worries(tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("")
    with closing(StateStore(tmp_path / "in the way" / "state.db")) as store:
        storage = Storage(config(tmp_path), None, CrashGuard(store), store)
        assert [about for about, _ in storage.worries()] == ["state"]
        assert figures(storage)["edge_state_failures_total",] > 0


@pytest.mark.parametrize(
    ("kind", "cases"), [("fallback", 1), ("rolled back", 1), ("faulted", 1), ("drift", 0)]
)
def test_what_has_consequences_leaves_evidence(
    tmp_path: Path, store: StateStore, kind: str, cases: int
) -> None:
    evidence = Evidence(tmp_path / "evidence", 10.0, ("dent",))
    evidence.saw(a_frame(), one_box(), Detections.none())
    Witness(store, evidence).record(kind, "they disagree")
    assert store.history()[0].kind == kind
    assert evidence.report().cases == cases
    storage = Storage(config(tmp_path), None, None, store)
    storage.evidence = evidence
    assert figures(storage)["edge_evidence_cases",] == cases
