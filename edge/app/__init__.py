"""The one place that names concrete parts: it opens, wires and closes them for every verb."""

from edge.app.build import BuildRequest, build
from edge.app.bundles import models, rollback
from edge.app.doctor import doctor
from edge.app.engines import EngineSettings, RuntimeAsked
from edge.app.forms import bench_table
from edge.app.measure import bench_against, bench_model, bench_viewers
from edge.app.parts import bundle_key
from edge.app.recalibrate import recalibrate
from edge.app.run import serve_file
from edge.app.service import RunReport, demo, load_service_config, serve
from edge.app.stills import ImageResult, detect_images, evaluate, export, render
from edge.app.users import ROLES, add_program, add_user, change_password, remove_user, users
from edge.host.install import install, uninstall

__all__ = [
    "ROLES",
    "BuildRequest",
    "EngineSettings",
    "ImageResult",
    "RunReport",
    "RuntimeAsked",
    "add_program",
    "add_user",
    "bench_against",
    "bench_model",
    "bench_table",
    "bench_viewers",
    "build",
    "bundle_key",
    "change_password",
    "demo",
    "detect_images",
    "doctor",
    "evaluate",
    "export",
    "install",
    "load_service_config",
    "models",
    "recalibrate",
    "remove_user",
    "render",
    "rollback",
    "serve",
    "serve_file",
    "uninstall",
    "users",
]
