"""Passwords that systemd hands to the service, and nobody else can read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from edge.core.errors import ConfigError

NAME = "camera-secrets"


def camera_secrets(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Passwords by name, from the lines ``name=password``; empty without any.

    The file is ``$CREDENTIALS_DIRECTORY/camera-secrets``, which systemd fills from
    ``/etc/edge/camera-secrets``. Empty lines and those that begin with ``#`` are left out.

    Raises:
        ConfigError: a line is not of that form, or the file cannot be read; no value is named.
    """
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return {}
    path = Path(folder) / NAME
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as UTF-8 text: {type(error).__name__}") from None
    secrets = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, separator, value = line.partition("=")
        if not separator or not name.strip() or not value:
            raise ConfigError(f"{path}:{number}: is not name=password")
        secrets[name.strip()] = value
    return secrets
