"""The one place that names concrete parts: it opens, wires and closes them for every verb."""

from edge.app.doctor import doctor
from edge.app.measure import bench, bench_viewers
from edge.app.service import RunReport, demo, load_service_config, serve
from edge.app.stills import ImageResult, detect_images, evaluate, export, render

__all__ = [
    "ImageResult",
    "RunReport",
    "bench",
    "bench_viewers",
    "demo",
    "detect_images",
    "doctor",
    "evaluate",
    "export",
    "load_service_config",
    "render",
    "serve",
]
