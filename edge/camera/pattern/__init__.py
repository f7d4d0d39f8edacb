"""A production line that is rendered: a camera that needs no hardware and knows the truth."""

from edge.camera.pattern.camera import PatternCamera
from edge.camera.pattern.dataset import write_dataset
from edge.camera.pattern.scene import ProductionLine
from edge.camera.pattern.settings import LABELS, LineSettings, Script

__all__ = ["LABELS", "LineSettings", "PatternCamera", "ProductionLine", "Script", "write_dataset"]
