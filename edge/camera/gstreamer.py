"""What CSI cameras and hardware decoding share: GStreamer in a process of its own, NV12 out."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from edge.camera.uri import CameraUri
from edge.core.errors import MissingLibraryError
from edge.core.types import Image

CHILD = "edge.camera.gst_child"
SYSTEM_PYTHON = "/usr/bin/python3"

SINK = (
    "video/x-raw,format=NV12 ! "
    "appsink name=sink emit-signals=true sync=false max-buffers=1 drop=true"
)
"""The end of a pipeline: frames in system memory, the newest only."""

_PLUGINS = "lib/*/gstreamer-1.0"
_BINDINGS = (
    "lib/python3/dist-packages/gi",
    "lib/*/girepository-1.0/Gst-1.0.typelib",
    "lib/*/girepository-1.0/GstVideo-1.0.typelib",
)
_INSTALL_GI = "sudo apt install python3-gi gir1.2-gstreamer-1.0 gir1.2-gst-plugins-base-1.0"


def python_with_gi() -> str:
    """The interpreter that can use GStreamer: this one, or the system's.

    Raises:
        MissingLibraryError: there is none.
    """
    if find_spec("gi") is not None:
        return sys.executable
    if Path(SYSTEM_PYTHON).exists():
        return SYSTEM_PYTHON
    raise MissingLibraryError(f"no Python with GStreamer's bindings here. Run: {_INSTALL_GI}")


def has_plugins(*files: str, root: Path = Path("/usr")) -> bool:
    """Whether the system's Python can use these plugins of GStreamer; nothing is started."""
    wanted = (*_BINDINGS, *(f"{_PLUGINS}/{file}" for file in files))
    return all(any(root.glob(pattern)) for pattern in wanted)


def missing_library(
    uri: CameraUri, kind: str, text: str, remedy: str
) -> MissingLibraryError | None:
    """The error for a person, if what the capture process reports is a missing library.

    Args:
        uri: of the camera.
        kind: class of the reported error.
        text: of the reported error.
        remedy: for a missing element.
    """
    if kind == "MissingElementError":
        return MissingLibraryError(f"{uri.public}: GStreamer lacks an element ({text}). {remedy}")
    if kind in ("ImportError", "ModuleNotFoundError", "ValueError"):
        return MissingLibraryError(f"{uri.public}: {text}. Run: {_INSTALL_GI}")
    return None


def bgr_from_nv12(image: Image) -> Image:
    """uint8 (H * 3 / 2, W) NV12, BT.601 in video range, to uint8 (H, W, 3)."""
    import cv2

    return np.asarray(cv2.cvtColor(image, cv2.COLOR_YUV2BGR_NV12), np.uint8)
