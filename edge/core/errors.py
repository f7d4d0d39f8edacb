"""Every failure that Edge can explain.

A message says what happened, with what, and what to do. Exit codes are those of ``sysexits.h``.
A library's own error is wrapped at its room's border, with ``raise ... from error``.
"""

from __future__ import annotations

EX_OK = 0
EX_USAGE = 64


class EdgeError(Exception):
    """Base of all expected failures.

    Attributes:
        exit_code: what the process exits with when nobody handles the error.
    """

    exit_code = 70


class DataError(EdgeError):
    """An input exists but cannot be used: a broken image, a model of another kind (65)."""

    exit_code = 65


class InputMissingError(EdgeError):
    """A named input does not exist or cannot be opened (66)."""

    exit_code = 66


class UnavailableError(EdgeError):
    """Something this needs is not there: a library, a port, a device (69)."""

    exit_code = 69


class ConfigError(EdgeError):
    """The configuration cannot be used as written (78). A service is not restarted for it."""

    exit_code = 78


class CameraError(UnavailableError):
    """A camera cannot be opened, or stopped delivering.

    Attributes:
        retry_after_s: least time to wait before opening it again; a camera that refused a
            password is not hammered, since many lock the account.
    """

    def __init__(self, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class CameraStalledError(CameraError):
    """The camera is open but delivered nothing for its ``stall_s``."""


class MissingLibraryError(UnavailableError):
    """An optional library is not installed; the message says how to get it."""
