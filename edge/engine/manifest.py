"""What a bundle holds, what it was made of, where it may run; signed under this device's key."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from edge.core.build import Precision
from edge.core.config import Strict
from edge.core.errors import DataError
from edge.core.types import Size

SCHEMA = 1
"""Of the manifest. A change that older programs would misread gets the next number."""
MANIFEST = "manifest.json"
"""Its name in a bundle; written last, so a folder without it is no bundle."""
PREPROCESSING = "letterbox border=114 resize=linear colours=rgb scale=1/255 version=1"
"""What :class:`edge.vision.letterbox.Preprocessor` does to an image. An engine was calibrated and
scored behind it; the version changes with every change of that code that moves a pixel."""

_MOST_BYTES = 16 << 20
_REBUILD = "Build it again on this machine: edge build"

_PART = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}"
FileName = Annotated[str, Field(pattern=rf"^{_PART}(/{_PART}){{0,3}}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Runtime = Literal["onnxruntime", "tensorrt"]


class Machine(Strict):
    """Where an engine was built, or is about to run. None: not known, or there is none."""

    runtime: Runtime
    """What executes the engine."""
    runtime_version: str
    """E.g. ``8.6.0``; TensorRT-RTX says so: ``RTX 1.7.1``."""
    gpu: str | None = None
    """As the driver names it; none on a CPU."""
    compute_capability: str | None = None
    """Of the GPU, e.g. ``8.7``."""
    cuda: str | None = None
    """Version of CUDA that the driver offers."""
    driver: str | None = None
    """Version of the GPU's driver."""
    power_mode: str | None = None
    """E.g. ``MAXN``; engines are timed in it, and run in any."""


class FileEntry(Strict):
    """One file of a bundle."""

    sha256: Sha256
    bytes: Annotated[int, Field(ge=0)]


class Source(Strict):
    """The trained model that the engine was made from."""

    name: str
    sha256: Sha256


class CalibrationSet(Strict):
    """The images whose ranges the engine uses."""

    sha256: Sha256
    """Over the sorted digests of the files."""
    images: Annotated[int, Field(ge=0)]


class Manifest(Strict):
    """The whole of ``manifest.json`` but its signature."""

    schema_version: Literal[1] = 1
    created: str
    """UTC, ISO 8601, for people."""
    machine: Machine
    """Where it was built; it runs nowhere else."""
    precision_asked: Literal["auto", "int8", "fp16", "fp32"]
    precision: Precision
    """What was proven and published."""
    source: Source
    calibration: CalibrationSet | None = None
    """None without INT8."""
    preprocessing: str = PREPROCESSING
    labels: tuple[str, ...]
    """Class names, by class id."""
    input_size: Size
    """Of the model's input, model pixels."""
    settings: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    """Of the build, by name."""
    engine: FileName
    """Which of the files is run."""
    fallback: FileName | None = None
    """The FP16 engine that re-judges it."""
    kernels: FileName | None = None
    """What works on the GPU before and after the network; None: the CPU does."""
    kernels_id: Sha256 | None = None
    """Of their source and compiler flags: equal ones need not be compiled again."""
    files: dict[FileName, FileEntry]

    @field_validator("files")
    @classmethod
    def _manifest_is_no_entry(cls, files: dict[str, FileEntry]) -> dict[str, FileEntry]:
        if MANIFEST in files:
            raise ValueError(f"{MANIFEST} cannot list itself")
        return files


def checked(fields: Mapping[str, Any], where: object) -> Manifest:
    """A manifest from plain values, as JSON holds them.

    Raises:
        DataError: a field is missing, unknown, or of another kind.
    """
    if (schema := fields.get("schema_version", SCHEMA)) != SCHEMA:
        raise DataError(
            f"{where}: written by another version of Edge (manifest {schema!r}, this one reads "
            f"{SCHEMA}). {_REBUILD}"
        )
    try:
        manifest = Manifest.model_validate_json(_canonical(fields))
    except (ValidationError, ValueError) as error:
        raise DataError(f"{where}: the manifest cannot be used: {_first_problem(error)}") from error
    for name in filter(None, (manifest.engine, manifest.fallback, manifest.kernels)):
        if name not in manifest.files:
            raise DataError(f"{where}: the manifest runs {name!r}, which it does not list")
    return manifest


def signed(manifest: Manifest, key: bytes) -> bytes:
    """The content of ``manifest.json``, with an HMAC-SHA256 over its canonical JSON."""
    return _rendered(manifest.model_dump(mode="json"), key)


def read_signed(path: Path, key: bytes) -> Manifest:
    """The manifest, once its signature is right; nothing else in it is looked at before.

    Raises:
        DataError: it was changed, or signed under another key.
    """
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    try:
        fields = json.loads(content[:_MOST_BYTES])
        fields.pop("hmac")
        # The whole file is compared: not even its white space may differ from what was signed.
        genuine = hmac.compare_digest(content, _rendered(fields, key))
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path}: damaged, not a signed manifest. {_REBUILD}") from error
    if not genuine:
        raise DataError(
            f"{path}: the signature is wrong. The bundle was changed after it was built, or "
            f"built on another device. {_REBUILD}"
        )
    return checked(fields, path)


def manifest_of(bundle: Path) -> Manifest:
    """What a bundle that was verified says of itself.

    Raises:
        DataError: a field is missing, unknown, or of another kind.
    """
    fields = json.loads((bundle / MANIFEST).read_bytes())
    fields.pop("hmac", None)
    return checked(fields, bundle)


def refuse_other_machine(manifest: Manifest, machine: Machine, where: object) -> None:
    """Both values are named for the first thing in which machine and preprocessing differ.

    Raises:
        DataError: the engine was built, or calibrated, for something else.
    """
    built = manifest.machine
    rows = (
        ("preprocessing", manifest.preprocessing, PREPROCESSING),
        ("runtime", built.runtime, machine.runtime),
        (f"{machine.runtime} version", built.runtime_version, machine.runtime_version),
        ("GPU", built.gpu, machine.gpu),
        ("compute capability", built.compute_capability, machine.compute_capability),
    )
    for what, there, here in rows:
        if there != here:
            raise DataError(
                f"{where}: built for {what} {there or 'none'!r}, but this machine has "
                f"{here or 'none'!r}. {_REBUILD}"
            )


def _rendered(fields: Mapping[str, Any], key: bytes) -> bytes:
    signature = hmac.new(key, _canonical(fields), hashlib.sha256).hexdigest()
    text = json.dumps({**fields, "hmac": signature}, indent=2, sort_keys=True, allow_nan=False)
    return text.encode() + b"\n"


def _canonical(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _first_problem(error: Exception) -> str:
    if isinstance(error, ValidationError):
        problem = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        return f"{place}: {problem['msg']} (got {problem['input']!r:.80})"
    return str(error)
