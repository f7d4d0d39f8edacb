"""Process that measures one form of a model: ``python -m edge.app.measure_child JOB``."""

from __future__ import annotations

import sys

from edge.app.forms import measure_from_job

if __name__ == "__main__":
    sys.stdout.write(measure_from_job(sys.argv[1]) + "\n")
