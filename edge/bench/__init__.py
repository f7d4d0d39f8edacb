"""How fast is it? The network alone against the whole way of a frame, in turns, stage by stage."""

from edge.bench.comparing import Comparison, compare
from edge.bench.machine import Look, MachineWatch
from edge.bench.percentiles import nearest_rank, spread
from edge.bench.rounds import BenchReport, bench
from edge.bench.subjects import (
    OneFrameAtATime,
    OnGpu,
    Stagewise,
    Subject,
    TimedPipeline,
    subject_of,
)
from edge.bench.table import Entry, Row, tabulate
from edge.bench.tally import Tally

__all__ = [
    "BenchReport",
    "Comparison",
    "Entry",
    "Look",
    "MachineWatch",
    "OnGpu",
    "OneFrameAtATime",
    "Row",
    "Stagewise",
    "Subject",
    "Tally",
    "TimedPipeline",
    "bench",
    "compare",
    "nearest_rank",
    "spread",
    "subject_of",
    "tabulate",
]
