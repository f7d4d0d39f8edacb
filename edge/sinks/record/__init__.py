"""Recent detections: the newest frames with their pictures, bounded, for people to look at."""

from edge.sinks.record.entry import Entry, Wanted
from edge.sinks.record.export import coco_lines, csv_lines
from edge.sinks.record.sink import Record, RecordReport

__all__ = ["Entry", "Record", "RecordReport", "Wanted", "coco_lines", "csv_lines"]
