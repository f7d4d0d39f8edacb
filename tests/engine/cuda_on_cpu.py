"""The kernels' real source, compiled by g++ and run on the CPU, behind PyCUDA's way of launching.

"Device" memory is host memory here too.
"""

from __future__ import annotations

import ctypes
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.core.config import DetectConfig
from edge.core.types import Detections, Image, PixelFormat, Size
from edge.engine.kernels.compiling import SOURCES
from edge.engine.kernels.postprocess import HeadShape, Postprocess, read_result
from edge.engine.kernels.preprocess import launch_preprocess, preprocess_kernel, taps
from edge.vision.letterbox import Letterbox

HERE = Path(__file__).parent


class CpuKernels:
    """What ``pycuda.driver.module_from_buffer`` gives, without a GPU."""

    def __init__(self, library: Path) -> None:
        self._launch = ctypes.CDLL(str(library)).launch

    @classmethod
    def compile(cls, folder: Path) -> CpuKernels | None:
        """None where there is no g++."""
        if shutil.which("g++") is None:
            return None
        library = folder / "kernels.so"
        # Floats as on the GPU: no fused multiply-add.
        flags = ["-std=c++17", "-O2", "-ffp-contract=off", "-shared", "-fPIC", f"-I{SOURCES}"]
        source = HERE / "cuda_on_cpu.cpp"
        subprocess.run(["g++", *flags, "-o", str(library), str(source)], check=True, timeout=100)
        return cls(library)

    def get_function(self, name: str) -> _Function:
        return _Function(self._launch, name)


class _Function:
    def __init__(self, launch: Any, name: str) -> None:
        self._launch, self._name = launch, name

    def prepare(self, arguments: str) -> _Function:
        self._format = arguments
        return self

    def prepared_async_call(self, grid: Any, block: Any, stream: Any, *arguments: Any) -> None:
        packed = struct.pack(self._format, *arguments)
        three = ctypes.c_int * 3
        assert self._launch(self._name.encode(), three(*grid), three(*block), packed) == 0


def preprocess(
    kernels: Any, image: Image, pixel_format: PixelFormat, model: Size, *, half: bool = False
) -> NDArray[Any]:
    """The tensor (1, 3, H, W) that the kernel makes; where it wrote nothing there are NaN."""
    height = image.shape[0] if pixel_format == "bgr" else image.shape[0] * 2 // 3
    letterbox = Letterbox.fit(Size(image.shape[1], height), model)
    table = taps(letterbox)
    kind = np.float16 if half else np.float32
    tensor = np.full((1, 3, model.height, model.width), np.nan, kind)
    cell = np.array([image.ctypes.data], np.uint64)
    kernel = preprocess_kernel(kernels, pixel_format, half=half)
    addresses = (cell.ctypes.data, table.ctypes.data, tensor.ctypes.data)
    launch_preprocess(kernel, None, addresses, letterbox)
    return tensor


def postprocess(
    kernels: Any, head: NDArray[np.float32], letterbox: Letterbox, settings: DetectConfig
) -> Detections:
    """Detections from a head (1, 4 + C, A), by the kernels; memory starts as garbage."""
    stage = Postprocess(kernels, HeadShape(head.shape[1] - 4, head.shape[2]), settings)
    work = np.full(stage.memory.bytes, 0xA5, np.uint8)
    result = np.full(stage.memory.result_bytes, 0xA5, np.uint8)
    work[:16] = 0
    addresses = (head.ctypes.data, work.ctypes.data, result.ctypes.data)
    stage.launch(None, *addresses, letterbox=letterbox)
    return read_result(result, settings.max_boxes)
