"""The process of a recalibration that was started from the page.

Reads the configuration as JSON from its standard input; says how it goes on its standard output,
a line of JSON each: ``step, done, of``, ``rung``, at last ``result``.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge.app.recalibrate import recalibrate
from edge.core.build import Rung
from edge.core.config import EdgeConfig
from edge.core.errors import EdgeError

_OOM_SCORE = "900"  # as edge-recalibrate.service: the first to go when memory is short
_STDOUT = 1


def main() -> None:
    """Recalibrate with what is left over of the machine, and say how it ended."""
    config = EdgeConfig.model_validate_json(sys.stdin.buffer.read())
    _give_way()
    try:
        report = recalibrate(config, _told, _tried)
        result = {key: report[key] for key in ("from", "to", "passed", "reason")}
    except EdgeError as error:
        result = {"passed": False, "reason": str(error)}
    except KeyboardInterrupt:
        return  # whoever stopped it knows why
    _say({"result": result})


def _told(what: str, done: int, of: int) -> None:
    _say({"step": what, "done": done, "of": of})


def _tried(rung: Rung) -> None:
    verdict = "passed" if rung.passed else "failed"
    _say({"rung": f"{rung.candidate}: {verdict}: {rung.reason}"})


def _say(message: dict[str, Any]) -> None:
    """A line at once; a service that is gone ends this process by the broken pipe."""
    os.write(_STDOUT, json.dumps(message).encode() + b"\n")


def _give_way() -> None:
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
    with suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
