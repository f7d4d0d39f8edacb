"""The GPU's device nodes, and which of them this user may not open."""

from __future__ import annotations

import grp
import os
from pathlib import Path

NODES = ("nvmap", "nvhost-gpu", "nvhost-ctrl-gpu", "nvidiactl", "nvidia0", "dri/renderD128")
"""What CUDA opens, on JetPack 5 to 7 and on a PC; ``cuInit`` fails without them and names none."""


def refused(folder: Path = Path("/dev")) -> str:
    """What this user may not open, its group, and the remedy, as a sentence; empty: nothing."""
    for name in NODES:
        node = folder / name
        if node.exists() and not os.access(node, os.R_OK | os.W_OK):
            group = _group(node.stat().st_gid)
            return (
                f"{node} belongs to the group {group}, which this user is not in: "
                f"sudo usermod -aG {group} $USER, then log in again"
            )
    return ""


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
