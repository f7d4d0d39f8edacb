"""Everything that knows inference runtimes: ask here for an ``Engine``, or a whole ``Detector``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.core.build import Precision
from edge.core.config import DetectConfig
from edge.core.errors import ConfigError
from edge.core.ports import Engine, OpenDetector
from edge.detect import CpuDetector

if TYPE_CHECKING:
    from edge.engine.gpu_frames import PinnedPools
    from edge.engine.manifest import Manifest


def open_engine(model: Path, *, threads: int | None = None, key: Path | None = None) -> Engine:
    """Check a model, load it and run it once, so that the first frame is as quick as the rest.

    Args:
        model: an ONNX file with the head of YOLOv8; or a bundle's folder, or a link to one.
        threads: CPU threads that compute; none: one for each physical core this process may use.
        key: this device's key, which bundles are signed under; not needed for an ONNX file.

    Raises:
        InputMissingError: there is no such file or key.
        DataError: the file is not a model that Edge can run, or the bundle was changed, or built
            for another machine; the message says what to do.
        ConfigError: a bundle is to be opened without a key.
        MissingLibraryError: the runtime is not installed.
    """
    from edge.engine.manifest import MANIFEST  # what a runtime needs is loaded when it is asked for

    if (model / MANIFEST).exists():
        manifest = _verified(model, key)
        part = _Part(model.resolve(), manifest, manifest.engine, manifest.precision)
        return _engine(part, threads)
    from edge.engine.onnx_cpu import OnnxCpuEngine

    return OnnxCpuEngine(model, threads=threads)


def open_fallback(bundle: Path, *, threads: int | None = None, key: Path) -> Engine | None:
    """The engine that judges a bundle's own in service, and takes over from it; None: it has none.

    Raises:
        DataError: the bundle was changed, or built for another machine.
        MissingLibraryError: the runtime is not installed.
    """
    part = _fallback(bundle, key)
    return None if part is None else _engine(part, threads)


def open_detector(
    model: Path,
    settings: DetectConfig | None = None,
    *,
    threads: int | None = None,
    key: Path | None = None,
    pools: PinnedPools | None = None,
) -> OpenDetector:
    """The fastest ``Detector`` for a model: wholly on the GPU where a bundle has kernels for that.

    Args:
        model: an ONNX file; or a bundle's folder, or a link to one.
        settings: what counts as a detection.
        threads: CPU threads of ONNX Runtime.
        key: this device's key.
        pools: of frames, pinned once for all detectors of this process.

    Raises:
        EdgeError: as :func:`open_engine`.
    """
    from edge.engine.manifest import MANIFEST

    if not (model / MANIFEST).exists():
        return CpuDetector(open_engine(model, threads=threads), settings)
    manifest, folder = _verified(model, key), model.resolve()
    part = _Part(folder, manifest, manifest.engine, manifest.precision)
    return _detector(part, settings, threads, pools)


def open_fallback_detector(
    bundle: Path,
    settings: DetectConfig | None = None,
    *,
    key: Path,
    pools: PinnedPools | None = None,
) -> OpenDetector | None:
    """A ``Detector`` of the engine that judges a bundle's own in service; None: it has none.

    Raises:
        EdgeError: as :func:`open_fallback`.
    """
    part = _fallback(bundle, key)
    return None if part is None else _detector(part, settings, None, pools)


def _verified(bundle: Path, key: Path | None) -> Manifest:
    from edge.engine.bundle import verify

    if key is None:
        raise ConfigError(f"{bundle}: a bundle is opened under this device's key; none was given")
    return verify(bundle.resolve(), key=key)  # the link may move while this goes on


def _fallback(bundle: Path, key: Path) -> _Part | None:
    manifest = _verified(bundle, key)
    if manifest.fallback is None:
        return None
    named = Precision.FP32 if manifest.machine.runtime == "onnxruntime" else Precision.FP16
    return _Part(bundle.resolve(), manifest, manifest.fallback, named)


@dataclass(frozen=True, slots=True)
class _Part:
    """One of the networks of a bundle that was verified."""

    folder: Path
    manifest: Manifest
    name: str
    precision: Precision

    def content(self, name: str) -> bytes:
        from edge.engine.bundle import verified_file

        return verified_file(self.folder, self.manifest, name)


def _engine(part: _Part, threads: int | None) -> Engine:
    if part.manifest.machine.runtime == "onnxruntime":
        from edge.engine.onnx_cpu import OnnxCpuEngine

        return OnnxCpuEngine(part.folder / part.name, threads=threads)
    from edge.engine.tensorrt_engine import TensorRtEngine

    plan = part.content(part.name)
    return TensorRtEngine(plan, labels=part.manifest.labels, precision=part.precision)


def _detector(
    part: _Part, settings: DetectConfig | None, threads: int | None, pools: PinnedPools | None
) -> OpenDetector:
    kernels = part.manifest.kernels
    if kernels is None:
        return CpuDetector(_engine(part, threads), settings)
    from edge.engine.gpu_detector import GpuDetector

    detector = GpuDetector(
        part.content(part.name),
        part.content(kernels),
        labels=part.manifest.labels,
        precision=part.precision,
        settings=settings,
        pools=pools,
    )
    try:
        detector.prepare(detector.input_size)
    except BaseException:
        detector.close()
        raise
    return detector
