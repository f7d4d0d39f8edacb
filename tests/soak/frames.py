"""`make soak-frames`: the real service for 100,000 frames; it holds no more at the end.

The service runs as a process of its own, with a tiny network so that it takes minutes: rendered
line, mailbox, ONNX Runtime, JSON lines with rotation, metrics and the live view with one viewer.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from edge.sinks.web.viewers import ViewerLoad
from tests.engine.models import colour_model, saved

CONFIG = """
cameras:
  - {name: a, uri: 'pattern://?size=64x64&fps=1000'}
model: colours.onnx
sinks:
  jsonl: {path: results.jsonl, rotate_mb: 1.0, keep: 2}
  web: {port: 0}
"""
SETTLED = 0.2  # share of the run after which caches are full
MOST_GROWTH_MB = 8.0


@dataclass(frozen=True)
class Sample:
    """What the service holds after so many frames; ``rss_mb`` of 10**6 bytes."""

    frames: int
    rss_mb: float
    threads: int
    descriptors: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100_000)
    frames = parser.parse_args().frames
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        samples = soak(Path(folder), frames)
    settled = [sample for sample in samples if sample.frames >= SETTLED * frames]
    growth = settled[-1].rss_mb - settled[0].rss_mb
    flat = (
        growth < MOST_GROWTH_MB
        and len({sample.threads for sample in settled}) == 1
        and max(s.descriptors for s in settled) - min(s.descriptors for s in settled) <= 2
    )
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    report = {"machine": machine, "seconds": round(time.monotonic() - start), "flat": flat}
    print(json.dumps({**report, "samples": [asdict(sample) for sample in samples]}, indent=1))
    sys.exit(not flat)


def soak(folder: Path, frames: int) -> list[Sample]:
    saved(colour_model(size=(64, 64)), folder / "colours.onnx")
    (folder / "edge.yaml").write_text(CONFIG)
    command = [sys.executable, "-m", "edge", "run", "-c", "edge.yaml"]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as service:
        assert service.stderr is not None
        url = next(word for word in service.stderr.readline().split() if "://" in word)
        with ViewerLoad(url, 1):
            samples = sampled(psutil.Process(service.pid), url, frames)
        service.send_signal(signal.SIGTERM)
        if service.wait(20) != 0:
            sys.exit(f"the service ended with exit code {service.returncode}")
    return samples


def sampled(service: psutil.Process, url: str, frames: int) -> list[Sample]:
    samples: list[Sample] = []
    pause = threading.Event()
    while not samples or samples[-1].frames < frames:
        pause.wait(0.5)
        done = inspected(url)
        if done >= len(samples) * frames // 20:
            rss_mb = round(service.memory_info().rss / 1e6, 1)
            samples.append(Sample(done, rss_mb, service.num_threads(), service.num_fds()))
            print(samples[-1], file=sys.stderr)
    return samples


def inspected(url: str) -> int:
    with urllib.request.urlopen(url + "/metrics", timeout=20) as answer:
        found = re.search(r'^edge_frames_total\{camera="a"\} (\S+)', answer.read().decode(), re.M)
    return int(float(found[1])) if found else 0


if __name__ == "__main__":
    main()
