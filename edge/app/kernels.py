"""Which GPU kernels go into a bundle: the last bundle's, if they are still the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.core.errors import EdgeError, MissingLibraryError, UnavailableError
from edge.engine.bundle import verified_file
from edge.engine.durable import read_key
from edge.engine.kernels import compile_kernels, kernels_id
from edge.engine.manifest import MANIFEST, read_signed
from edge.engine.publish import CURRENT


@dataclass(frozen=True, slots=True)
class Kernels:
    """What works on the GPU before and after the network.

    Attributes:
        cubin: machine code for one kind of GPU.
        identity: of their source and flags.
    """

    cubin: bytes
    identity: str


def find_kernels(
    compute_capability: str | None, out: Path, key: Path
) -> tuple[Kernels | None, tuple[str, ...]]:
    """Kernels for a GPU: those of the bundle in use, or compiled anew; else why there are none.

    Args:
        compute_capability: of the GPU, e.g. ``8.7``; None: there is none to use.
        out: folder of all builds.
        key: this device's key.
    """
    if compute_capability is None:
        return None, ()
    identity = kernels_id(compute_capability)
    try:
        cubin = _kept(out / CURRENT, key, identity) or compile_kernels(compute_capability)
    except (MissingLibraryError, UnavailableError) as error:
        slower = "the CPU prepares every frame and reads every answer, which is slower"
        return None, (f"the bundle has no GPU kernels, so {slower}. {error}",)
    return Kernels(cubin, identity), ()


def _kept(bundle: Path, key: Path, identity: str) -> bytes | None:
    """Signature first: what somebody put there must not be signed into the next bundle."""
    folder = bundle.resolve()
    try:
        manifest = read_signed(folder / MANIFEST, read_key(key))
        if manifest.kernels is None or manifest.kernels_id != identity:
            return None
        return verified_file(folder, manifest, manifest.kernels)
    except (OSError, EdgeError):
        return None
