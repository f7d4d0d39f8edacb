"""The rooms of the service as it runs: a process of its own, cameras, model, files."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.engine.models import constant_model, saved
from tests.sinks.parts import until
from tests.test_service import head

CONFIG = """
cameras: [{name: c0, uri: 'pattern://?size=64x64&fps=10'}]
model: model.onnx
sinks: {web: {port: 0}, jsonl: {path: results.jsonl}, record: {least_free_mb: 0.0}}
"""
RULES = {"classes": {"red": {"min_score": 0.5}}, "max_age_ms": 60_000}


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The address of a service that ends well afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "edge", "run", "-c", "edge.yaml"],
        cwd=folder,
        env={
            **os.environ,
            "STATE_DIRECTORY": str(folder / "state"),
            "EDGE_KEY_FILE": str(folder / "key"),
            "COLUMNS": "200",
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stderr
            lines = iter(process.stderr.readline, "")
            address = next(found for line in lines if (found := re.search(r"http://\S+", line)))
            yield address[0]
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()


def verdicts(folder: Path) -> list[str | None]:
    """Of every frame so far."""
    lines = (folder / "results.jsonl").read_text().splitlines()
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [row["verdict"] for row in rows if "index" in row]


def recorded(url: str, verdict: str) -> list[Any]:
    items: list[Any] = httpx.get(f"{url}/api/detections?verdict={verdict}").json()["items"]
    return items


def test_rules_set_on_the_page_reach_every_sink_and_hold_after_a_restart(tmp_path: Path) -> None:
    names = {"names": "{0: 'red', 1: 'green', 2: 'blue'}"}
    saved(constant_model(head(3), metadata=names), tmp_path / "model.onnx")
    (tmp_path / "edge.yaml").write_text(CONFIG)
    with running(tmp_path) as url:
        until(lambda: None in verdicts(tmp_path), "frames without a verdict")
        answer = httpx.put(
            f"{url}/api/line/c0",
            json={"version": 0, "rules": RULES, "who": "Ann", "why": "the first rules"},
            headers={"X-Edge": "1"},
        )
        assert answer.status_code == 200
        until(lambda: "ng" in verdicts(tmp_path), "frames that are NG")
        until(lambda: bool(recorded(url, "ng")), "a recorded NG frame")
        assert 'edge_verdicts_total{camera="c0",verdict="ng"}' in httpx.get(f"{url}/metrics").text
        health = httpx.get(f"{url}/api/health").json()
        assert health["latency_ms"]["p50"] <= health["frame_age_ms"]["p50"]
        before = len(verdicts(tmp_path))
    with running(tmp_path) as url:
        until(lambda: len(verdicts(tmp_path)) > before + 20, "frames after the restart")
        assert set(verdicts(tmp_path)[before + 15 :]) == {"ng"}
        told = [event["what"] for event in httpx.get(f"{url}/api/history").json()]
        assert "rules of c0, version 1" in told
        counted = httpx.get(f"{url}/api/counts").json()
        assert sum(row["ng"] for row in counted) > 0
