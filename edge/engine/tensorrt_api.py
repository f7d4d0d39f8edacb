"""What the installed TensorRT can do. Versions differ here and nowhere else.

8.x and 10.x take precision from builder flags, and have INT8 calibrators; 11 and TensorRT-RTX are
strongly typed: the graph alone says what is computed in what.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.core.errors import MissingLibraryError, UnavailableError
from edge.engine.tensorrt_log import TensorRtLog

MODULES = ("tensorrt", "tensorrt_rtx")
"""In the order in which they are looked for."""

_REMEDY = (
    "On a Jetson it comes with JetPack: sudo apt-get install python3-libnvinfer (never with pip). "
    "Without it, models run on ONNX Runtime: --runtime onnxruntime"
)


@dataclass(frozen=True, slots=True)
class TensorRt:
    """The module and what it offers, asked of the module itself and not of its version.

    Attributes:
        module: ``tensorrt`` or ``tensorrt_rtx``.
        version: its numbers, e.g. (8, 6, 0).
        rtx: it is TensorRT-RTX.
        weakly_typed: precision comes from the flags INT8 and FP16.
        has_calibrators: INT8 ranges can come from a calibrator during the build.
    """

    module: Any
    version: tuple[int, ...]
    rtx: bool
    weakly_typed: bool
    has_calibrators: bool

    @property
    def version_text(self) -> str:
        """As a manifest holds it, e.g. ``8.6.0`` or ``RTX 1.7.1``."""
        return ("RTX " if self.rtx else "") + ".".join(str(part) for part in self.version)

    @property
    def name(self) -> str:
        """For people, e.g. ``TensorRT 8.6.0`` or ``TensorRT-RTX 1.7.1``."""
        return "TensorRT" + ("-" if self.rtx else " ") + self.version_text

    def log(self) -> TensorRtLog:
        """A logger for it."""
        return TensorRtLog(self.module, self.name)

    def network_flags(self) -> int:
        """For ``create_network``: a batch that is part of the shape, as ONNX has it."""
        flag = self.module.NetworkDefinitionCreationFlag
        if self.weakly_typed and hasattr(flag, "EXPLICIT_BATCH"):
            return 1 << int(flag.EXPLICIT_BATCH)
        if hasattr(flag, "STRONGLY_TYPED"):
            return 1 << int(flag.STRONGLY_TYPED)
        return 0

    def own_tactics(self) -> int | None:
        """Kernels of TensorRT's own, without cuBLAS and cuDNN; None where it has only those."""
        source = self.module.TacticSource
        if not hasattr(source, "CUBLAS"):
            return None
        return 1 << int(source.EDGE_MASK_CONVOLUTIONS) | 1 << int(source.JIT_CONVOLUTIONS)

    def share_profiles(self, config: Any) -> None:
        """Let several contexts run an engine of open size, as TensorRT 10 does by itself."""
        feature: Any = getattr(self.module, "PreviewFeature", None)
        if self.version < (10,) and hasattr(feature, "PROFILE_SHARING_0806"):
            config.set_preview_feature(feature.PROFILE_SHARING_0806, True)

    def start(self, kind: str, log: TensorRtLog) -> Any:
        """A new ``Builder`` or ``Runtime``.

        Raises:
            UnavailableError: CUDA does not work here.
        """
        try:
            return getattr(self.module, kind)(log.logger)
        except TypeError as error:  # how its bindings say that the library gave them nothing
            raise UnavailableError(
                f"{self.name} cannot be started: {log.last()}. Check the GPU's driver: nvidia-smi, "
                "or on a Jetson: tegrastats"
            ) from error

    def refuse_unsupported(self, builder: Any, *, int8: bool, fp16: bool) -> None:
        """Ask this GPU whether it computes in these precisions, where TensorRT can tell.

        Raises:
            UnavailableError: it does not.
        """
        asked = (("INT8", int8, "platform_has_fast_int8"), ("FP16", fp16, "platform_has_fast_fp16"))
        for name, wanted, attribute in asked:
            if wanted and not getattr(builder, attribute, True):
                raise UnavailableError(
                    f"this GPU has no fast {name} ({self.name}). Build with --precision fp32"
                )


def load_tensorrt(names: tuple[str, ...] = MODULES) -> TensorRt:
    """Find TensorRT.

    Args:
        names: modules to look for, first one wins.

    Raises:
        MissingLibraryError: none of them can be imported; the message says how to get it.
    """
    failures = []
    for name in names:
        _keep_numpy_alive_for_8()
        try:
            return describe(importlib.import_module(name))
        except ImportError as error:
            failures.append(str(error))
    raise MissingLibraryError(f"TensorRT is not installed ({failures[0]}). {_REMEDY}")


def describe(module: Any) -> TensorRt:
    """What a TensorRT module offers."""
    flags, config = module.BuilderFlag, module.IBuilderConfig
    calibrators = hasattr(module, "IInt8EntropyCalibrator2") and hasattr(config, "int8_calibrator")
    rtx = "rtx" in module.__name__
    return TensorRt(
        module=module,
        version=version_numbers(module.__version__),
        rtx=rtx,
        # TensorRT-RTX knows the flags' names, but ignores them: there the graph decides.
        weakly_typed=not rtx and hasattr(flags, "INT8"),
        has_calibrators=calibrators,
    )


def version_numbers(text: str) -> tuple[int, ...]:
    """The numbers a version starts with: ``10.16.2.10+cuda13`` is (10, 16, 2, 10)."""
    return tuple(_leading_numbers(text))


def _leading_numbers(text: str) -> Iterator[int]:
    for part in text.split("."):
        number = re.match(r"\d+", part)
        if number is None:
            return
        yield int(number.group())
        if number.group() != part:
            return


def _keep_numpy_alive_for_8() -> None:
    # TensorRT 8's Python names np.bool, which NumPy 1.24 to 1.26 do not have.
    if "bool" not in vars(np):  # hasattr() would warn
        np.bool = bool  # type: ignore[misc, assignment, unused-ignore]
