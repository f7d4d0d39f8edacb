"""Metrics of a real service, the alerts and the dashboard: Prometheus's own tool checks them."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from edge.app.tending import METRICS
from edge.core.readings import Readings
from edge.sinks.metrics import Metrics
from tests.test_build import ROOT
from tests.test_service import Builds, hear, manager, service

__all__ = ["manager"]

FILES = ROOT / "docs" / "monitoring"
CONFIG = """
cameras: [{name: c0, uri: 'pattern://?size=64x64&fps=20'}]
model: models/current
watch: {every_s: 0.1, trial_boxes: 100, trial_frames: 5, least_boxes: 40}
sinks: {web: {port: 0}, jsonl: {path: results.jsonl}, collect: {folder: collected}}
"""
promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="needs promtool (package prometheus)"
)


def checked(*arguments: str, folder: Path = FILES, given: str = "") -> str:
    done = subprocess.run(
        ["promtool", *arguments],
        cwd=folder,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 and not done.stderr else done.stdout + done.stderr


@pytest.fixture(scope="module")
def exposition(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What a service says that runs a bundle which has passed its trial."""
    folder = tmp_path_factory.mktemp("service")
    Builds(folder).publish(10)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(folder / "notify"))
        listening.settimeout(40)
        with service(folder, config=CONFIG) as process:
            assert process.stderr
            url = process.stderr.readline().partition("Live view: ")[2].split()[0]
            hear(listening, "WATCHDOG=1", 4)
            with urlopen(f"{url}/metrics") as answer:
                yield answer.read().decode()


def exported(exposition: str) -> set[str]:
    """Names as they are asked for: of a histogram also its buckets, sum and count."""
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", exposition, re.MULTILINE))
    parts = {f"{name}_{part}" for name in kinds for part in ("bucket", "sum", "count")}
    return {*kinds, *(part for part in parts if kinds[part.rpartition("_")[0]] == "histogram")}


def asked_for(text: str) -> set[str]:
    return set(re.findall(r"\b(?:edge|process)_[a-z0-9_]+\b", text))


@promtool
def test_the_metrics_keep_prometheus_conventions(exposition: str) -> None:
    assert checked("check", "metrics", given=exposition) == ""


@promtool
def test_so_do_those_that_only_a_jetson_has() -> None:
    each = [metric.at(1, *metric.labels) for metric in METRICS]
    told = Metrics(["dent"], readings=Readings(METRICS, lambda: each)).exposition().decode()
    assert "edge_temperature_celsius{" in told
    assert checked("check", "metrics", given=told) == ""


@promtool
def test_a_metric_against_the_conventions_would_be_found(exposition: str) -> None:
    wrong = exposition.replace("_free_bytes", "_free_kilobytes")
    assert "kilobytes" in checked("check", "metrics", given=wrong)


@promtool
def test_the_alerts_are_sound_and_say_what_their_tests_expect() -> None:
    assert checked("check", "rules", "edge-alerts.yml") == ""
    assert checked("test", "rules", "edge-alerts.test.yml") == ""


@promtool
def test_an_alert_that_never_fires_would_be_found(tmp_path: Path) -> None:
    for name in ("edge-alerts.yml", "edge-alerts.test.yml"):
        shutil.copy(FILES / name, tmp_path)
    rules = tmp_path / "edge-alerts.yml"
    rules.write_text(rules.read_text().replace('{state="live"} == 0', '{state="live"} == 2'))
    assert "EdgeCameraNotLive" in checked("test", "rules", "edge-alerts.test.yml", folder=tmp_path)


def test_every_alert_has_a_test() -> None:
    alerts = re.findall(r"- alert: (\w+)", (FILES / "edge-alerts.yml").read_text())
    tests = (FILES / "edge-alerts.test.yml").read_text()
    assert len(alerts) == len(set(alerts)) >= 20
    assert [alert for alert in alerts if alert not in tests] == []


def test_alerts_and_dashboard_ask_for_what_is_there(exposition: str) -> None:
    there = exported(exposition)
    for name in ("edge-alerts.yml", "edge-dashboard.json"):
        assert asked_for((FILES / name).read_text()) - there - {"edge_line"} == set(), name


def test_the_dashboard_shows_nearly_all_there_is(exposition: str) -> None:
    shown = asked_for((FILES / "edge-dashboard.json").read_text())
    ours = {name for name in exported(exposition) if name.startswith("edge_")}
    left_out = {name for name in ours if name not in shown and not name.endswith("_created")}
    assert {re.sub("_(sum|count|bucket)$", "", name) for name in left_out} <= {
        "edge_frame_age_seconds",
        "edge_service_condition",
        "edge_safe_mode",
        "edge_drifted",
        "edge_config_last_reload_successful",
        "edge_recalibration_last_passed",
    }


def test_every_query_of_the_dashboard_is_of_one_machine() -> None:
    panels = json.loads((FILES / "edge-dashboard.json").read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    assert len(queries) > 30
    for query in queries:
        names = re.findall(r"\b(?:edge|process)_[a-z0-9_]+\{", query)
        assert query.count('instance="$instance"') == len(names) > 0, query


def test_a_real_service_tells_what_it_does(exposition: str) -> None:
    told = dict(re.findall(r"^(edge_\w+(?:\{[^}]*\})?) (\S+)$", exposition, re.MULTILINE))
    assert float(told['edge_frames_total{camera="c0"}']) > 0
    assert float(told['edge_stage_frames_total{engine="engine"}']) > 0
    assert float(told['edge_stage_seconds_total{engine="engine",stage="preprocess"}']) > 0
    assert told['edge_service_state{state="running"}'] == "1.0"
    assert told["edge_config_last_reload_successful"] == "1.0"
    assert float(told["edge_agreement_frames_total"]) > 0
    assert told['edge_agreement_f1_ratio{iou="0.50"}'] == "1.0"
    assert told["edge_engine_faults_total"] == "0.0"
    assert told["edge_recalibration_running"] == "0.0"
    assert float(told["edge_disk_free_bytes"]) > 0
    assert told['edge_sink_failures_total{sink="jsonl"}'] == "0.0"
    assert [name for name in told if name.startswith("edge_bundle_info")]
