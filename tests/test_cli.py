"""The commands as a user runs them: real processes, real exit codes, real output."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
CALIBRATION = ROOT / "calib_images"


def edge(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=110, check=False
    )


def edge_json(*arguments: str | Path, cwd: Path | None = None) -> Any:
    result = edge(*arguments, "--json", "-", cwd=cwd)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_the_demo_reports_frames_detections_and_latency_from_any_folder(tmp_path: Path) -> None:
    report = edge_json("demo", "--seconds", "4", "--port", "0", cwd=tmp_path)
    assert report["frames"] > 0
    assert report["detections"] > 0
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["p99"]
    assert report["url"].startswith("http://127.0.0.1:")
    assert "ONNX Runtime" in report["engine"]


def test_a_running_service_answers_and_sigterm_ends_it_cleanly(tmp_path: Path) -> None:
    (tmp_path / "edge.yaml").write_text(
        "cameras:\n  - {name: a, uri: 'pattern://?size=320x240&fps=5'}\n"
        "sinks:\n  jsonl: {path: results.jsonl}\n  web: {port: 0}\n"
    )
    command = [sys.executable, "-m", "edge", "run", "-c", "edge.yaml", "--json", "-"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        url = next(word for word in process.stderr.readline().split() if "://" in word)
        wait_until_healthy(url)
        for page in ("/", "/metrics", "/openapi.json"):
            assert urllib.request.urlopen(url + page, timeout=20).status == 200
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    frames = json.loads(out)["frames"]
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert sum("index" in line for line in lines) == frames > 0


def wait_until_healthy(url: str) -> None:
    """Ask until the first frame was inspected; the health page says 503 before."""
    waiting = threading.Event()
    for _ in range(400):
        try:
            with urllib.request.urlopen(url + "/healthz", timeout=20) as answer:
                assert json.load(answer)["state"] == "running"
                return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 503:
                raise
            waiting.wait(0.05)
    pytest.fail("never became healthy")


def test_still_images_give_a_line_each_and_annotated_copies(tmp_path: Path) -> None:
    images = sorted((CALIBRATION / "images").glob("*.jpg"))[:3]
    result = edge("detect", *images, "--out", tmp_path / "out", "--json", "-")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["image"] for row in rows] == [str(image) for image in images]
    assert {"width": 1280, "height": 720}.items() <= rows[0].items()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [i.name for i in images]
    found = [found for row in rows for found in row["detections"]]
    assert found
    assert set(found[0]) == {"box", "score", "class_id", "label"}


def test_a_broken_image_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    good = next((CALIBRATION / "images").glob("*.jpg"))
    (tmp_path / "half.jpg").write_bytes(good.read_bytes()[:5000])
    result = edge("detect", tmp_path / "half.jpg", good, "--json", "-")
    assert result.returncode == 65
    assert "half.jpg" in result.stderr
    assert [json.loads(line)["image"] for line in result.stdout.splitlines()] == [str(good)]


def test_two_images_of_one_name_give_two_annotated_copies(tmp_path: Path) -> None:
    good = next((CALIBRATION / "images").glob("*.jpg")).read_bytes()
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "part.jpg").write_bytes(good)
    edge("detect", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["part-2.jpg", "part.jpg"]


def test_the_shipped_model_keeps_its_promise_on_frames_it_never_saw(tmp_path: Path) -> None:
    assert edge("render", tmp_path, "--seeds", "4000-4007", "--frames", "4").returncode == 0
    report = edge_json("evaluate", "--images", tmp_path / "images", "--labels", tmp_path / "labels")
    assert report["images"] == 32
    assert report["map50"] >= 0.95
    assert {row["label"] for row in report["per_class"]} == {
        "scratch",
        "dent",
        "crack",
        "stain",
        "missing_hole",
    }


def test_a_recording_loses_no_frame_and_ends_by_itself(tmp_path: Path) -> None:
    assert edge("render", tmp_path, "--seeds", "1", "--frames", "7").returncode == 0
    (tmp_path / "edge.yaml").write_text(
        "cameras:\n  - {name: a, uri: 'file://images'}\n"
        "sinks: {web: null, jsonl: {path: out.jsonl}}\n"
    )
    report = edge_json("run", "-c", "edge.yaml", cwd=tmp_path)
    assert (report["frames"], report["dropped"]) == (7, 0)


def test_bench_compares_the_engine_alone_with_the_whole_way_of_a_frame() -> None:
    report = edge_json("bench", "--seconds", "1", "--source", "pattern://?size=320x240&fps=100")
    assert report["ratio"] == pytest.approx(1, abs=0.9)
    assert set(report["stages_ms"]) == {"preprocess", "inference", "postprocess"}
    assert {"p50", "p95", "p99"} <= set(report["latency_ms"])


def test_the_doctor_names_every_check_and_a_taken_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = edge("doctor", "--port", port, "--json", "-")
    assert result.returncode == 69
    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    assert not checks["web port"]["ok"]
    assert "--port" in checks["web port"]["remedy"]
    assert checks["model"]["ok"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--version"], 0, ""),
        ([], 64, "Usage"),
        (["dmo"], 64, "No such command"),
        (["demo", "--prt", "1"], 64, "--port"),
        (["demo", "--seconds", "soon"], 64, "not a valid float"),
        (["render", "x", "--seeds", "a", "--frames", "1"], 64, "no seeds such as"),
        (["render", "x", "--seeds", "1", "--frames", "1", "--size", "9"], 64, "no size|not a size"),
        (["detect", "nowhere.jpg"], 66, "nowhere.jpg"),
        (["detect", "x.jpg", "--model", "nowhere.onnx"], 66, "nowhere.onnx"),
        (["run", "-c", "nowhere.yaml"], 78, "nowhere.yaml: cannot be read"),
        (["evaluate", "--images", "nowhere", "--labels", "nowhere"], 66, "nowhere"),
        (["export", "nowhere.pt", "-o", "x.onnx"], 66, "nowhere.pt"),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, list) else None,
)
def test_exit_codes_are_those_of_sysexits(
    arguments: list[str], code: int, message: str, tmp_path: Path
) -> None:
    result = edge(*arguments, cwd=tmp_path)
    assert result.returncode == code, result.stderr
    assert any(part in result.stdout + result.stderr for part in message.split("|"))
    assert "Traceback" not in result.stderr


def test_a_taken_port_is_named_with_the_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = edge("demo", "--port", port, "--seconds", "1")
    assert result.returncode == 69
    assert port in result.stderr
    assert "--port" in result.stderr


def test_recordings_and_live_cameras_are_not_mixed(tmp_path: Path) -> None:
    (tmp_path / "edge.yaml").write_text(
        "cameras:\n  - {name: a, uri: 'pattern://'}\n  - {name: b, uri: 'file://x.mp4'}\n"
        "sinks: {web: null}\n"
    )
    result = edge("run", "-c", "edge.yaml", cwd=tmp_path)
    assert result.returncode == 78
    assert "?fps=25" in result.stderr


def test_a_closed_output_pipe_is_no_error() -> None:
    image = next((CALIBRATION / "images").glob("*.jpg"))
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "edge", "detect", str(image), str(image), "--json", "-"]
    process = subprocess.run(
        command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    os.close(write)
    assert "Traceback" not in process.stderr
