from __future__ import annotations

import subprocess
import sys

import pytest

BLOCK = "import sys; sys.modules.update(dict.fromkeys({names!r}.split())); "


@pytest.mark.parametrize(
    ("module", "blocked"),
    [
        ("edge.camera", "av gi cv2 numpy pydantic PIL simplejpeg onnxruntime"),
        ("edge.camera.pattern", "av gi pydantic PIL simplejpeg onnxruntime"),
        ("edge.camera.feed", "av gi cv2 PIL simplejpeg onnxruntime"),
        ("edge.camera.recording", "av gi cv2 pydantic PIL simplejpeg"),
        ("edge.camera.rtsp", "av gi cv2 pydantic PIL simplejpeg"),
        ("edge.camera.csi", "av gi cv2 pydantic PIL simplejpeg"),
        ("edge.camera.gst_child", "av gi cv2 numpy pydantic PIL simplejpeg"),
        ("edge.camera.gstreamer", "av gi cv2 pydantic PIL simplejpeg"),
    ],
)
def test_a_module_needs_only_its_own_libraries(module: str, blocked: str) -> None:
    code = BLOCK.format(names=blocked) + f"import {module}"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("library", "uri", "remedy"),
    [("av", "clip.mp4", "pip install av"), ("av", "rtsp://127.0.0.1/x", "pip install av")],
)
def test_a_missing_library_is_an_error_with_its_remedy(library: str, uri: str, remedy: str) -> None:
    code = (
        "import pathlib, tempfile, os; os.chdir(tempfile.mkdtemp()); "
        "pathlib.Path('clip.mp4').touch(); "
        "import importlib.util; find = importlib.util.find_spec; "
        f"importlib.util.find_spec = lambda name: None if name == {library!r} else find(name); "
        "from edge.camera import open_camera; from edge.core.clock import MonotonicClock; "
        f"open_camera('c', {uri!r}, stall_s=1, clock=MonotonicClock())"
    )
    code = BLOCK.format(names=library) + code
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MissingLibraryError" in done.stderr
    assert remedy in done.stderr
