"""Canaries: a few held-out images that travel in a bundle with what its engines find in them.

A service shows them to its engine again, at start and later: another answer means that driver,
memory or files are not what they were.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge.app.referee import Findings
from edge.core.types import Detections

FOLDER = "canaries"
ANSWERS = f"{FOLDER}/answers.json"
MOST = 8


def choose(found: Mapping[str, Detections], most: int = MOST) -> list[str]:
    """Images that show every class, then many boxes; the last one shows none, if there is one.

    Args:
        found: what the FP32 model found, by image.
        most: how many to choose.
    """
    busy = sorted((name for name in found if len(found[name])), key=lambda n: (-len(found[n]), n))
    empty = sorted(found.keys() - set(busy))[:1]
    chosen: list[str] = []
    seen: set[int] = set()
    room = most - len(empty)
    for name in busy:
        classes = set(found[name].class_ids.tolist())
        if len(chosen) < room and not classes <= seen:
            chosen.append(name)
            seen |= classes
    more = [name for name in busy if name not in chosen]
    return [*chosen, *more[: room - len(chosen)], *empty]


def write_canaries(
    names: Sequence[str],
    paths: Mapping[str, Path],
    answers: Mapping[str, Findings],
    work: Path,
) -> dict[str, Path]:
    """The answers as a file of JSON; every file for the bundle, by its name there.

    Args:
        names: of the images.
        paths: where they are.
        answers: findings of ``engine`` and, where there is one, ``fallback``.
        work: folder to write into.
    """
    files: dict[str, Path] = {}
    rows = []
    for number, name in enumerate(names):
        file = f"{FOLDER}/{number:02d}{paths[name].suffix.lower()}"
        files[file] = paths[name]
        found = {who: _plain(findings.service[name]) for who, findings in answers.items()}
        rows.append({"file": file, "image": name, **found})
    output = work / "answers.json"
    output.write_text(json.dumps({"canaries": rows}, indent=1) + "\n", encoding="utf-8")
    return {**files, ANSWERS: output}


def _plain(found: Detections) -> list[dict[str, Any]]:
    rows = zip(found.boxes, found.scores, found.class_ids, strict=True)
    return [
        {
            "box": [round(float(side), 3) for side in box],
            "score": round(float(score), 5),
            "class_id": int(class_id),
        }
        for box, score, class_id in rows
    ]
