"""One text names any camera, and no password in it ever reaches a log, a status or an error."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote

from edge.core.errors import ConfigError

SCHEMES = {
    "pattern": "pattern://",
    "file": "file:///folder/or/video.mp4",
    "v4l2": "v4l2:///dev/video0",
    "rtsp": "rtsp://user:password@host/path",
    "csi": "csi://0",
}
"""Every kind of camera, with an example."""

HIDDEN = "***"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_FILE_QUERY = re.compile(r"(.*?)\?(\w+=[^?&/]*(?:&\w+=[^?&/]*)*)", re.DOTALL)
_SECRET_KEY = re.compile(r"pass|pwd|token|secret|auth|key|sig|credential", re.IGNORECASE)
_ANY_LOGIN = re.compile(r"://([^/\s:@]*):[^/\s@]*@")
_PLACE = re.compile(r"\$\{([^}]*)\}")
_SHORTEST_SECRET = 4  # a shorter one is hidden inside URIs only, or it would hollow out any text


@dataclass(frozen=True, slots=True)
class CameraUri:
    """What a camera's URI says.

    Attributes:
        scheme: one of :data:`SCHEMES`.
        location: what stands between ``://`` and the query, without user and password.
        query: the options after ``?``.
        text: the URI as written. It may hold a password: for the driver's own library only.
        public: the same with every secret hidden, for people.
        secrets: what is hidden.
    """

    scheme: str
    location: str
    query: dict[str, str] = field(repr=False)
    text: str = field(repr=False)
    public: str
    secrets: tuple[str, ...] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> CameraUri:
        """Read a URI, or a bare path, which counts as ``file://``.

        Raises:
            ConfigError: no such kind of camera, or the text cannot be read.
        """
        match = _SCHEME.fullmatch(text.strip())
        if match is None:
            return cls._file(_bare_path(text.strip()))
        scheme, rest = match[1].lower(), match[2]
        if scheme not in SCHEMES:
            raise ConfigError(_unknown_scheme(scheme))
        if scheme == "file":
            return cls._file(rest, encoded=True)
        return cls._with_login(scheme, rest)

    @classmethod
    def _file(cls, rest: str, *, encoded: bool = False) -> CameraUri:
        match = _FILE_QUERY.fullmatch(rest)  # a lone "?" belongs to a glob
        location, query = (match[1], match[2]) if match else (rest, "")
        location = unquote(location) if encoded else location
        if not location:
            raise ConfigError(f"the camera's path is empty; write it like {SCHEMES['file']}")
        location = str(Path(location).expanduser())
        text = f"file://{rest}"
        return cls("file", location, dict(parse_qsl(query, True)), text, text, ())

    @classmethod
    def _with_login(cls, scheme: str, rest: str) -> CameraUri:
        head, mark, query_text = rest.partition("?")
        authority, slash, path = head.partition("/")
        login, at, host = authority.rpartition("@")
        if not at and "@" in rest and not re.fullmatch(r"(\[.*\]|[^:]*)(:\d*)?", authority):
            raise ConfigError(
                f"{scheme}://{HIDDEN}: the user or password holds a character that must be "
                "percent-encoded in a URI; write %2F for '/', %3F for '?', %40 for '@'"
            )
        user, _, password = login.partition(":")
        query = dict(parse_qsl(query_text, True))
        hidden = {value for key, value in query.items() if _SECRET_KEY.search(key) and value}
        shown_login = f"{user}:{HIDDEN}@" if password else login + at
        shown_query = re.sub(
            r"([^&=]*)=([^&]*)",
            lambda pair: f"{pair[1]}={HIDDEN}" if _SECRET_KEY.search(pair[1]) else pair[0],
            query_text,
        )
        return cls(
            scheme,
            host + slash + path,
            query,
            f"{scheme}://{rest}",
            f"{scheme}://{shown_login}{host}{slash}{path}{mark}{shown_query}",
            tuple({password, unquote(password), *hidden} - {""}),
        )

    @property
    def path(self) -> Path:
        """The location as a path, for files and devices."""
        return Path(self.location)

    def scrub(self, text: str) -> str:
        """A library's message without this URI's secrets; every other login is hidden too."""
        text = text.replace(self.text, self.public)
        for secret in sorted(self.secrets, key=len, reverse=True):
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, HIDDEN)
        return _ANY_LOGIN.sub(rf"://\1:{HIDDEN}@", text)

    def check_query(self, *known: str) -> None:
        """Refuse options that nobody would read.

        Raises:
            ConfigError: an option that is not among ``known``.
        """
        for key in self.query:
            if key not in known:
                raise ConfigError(
                    f"{self.public}: unknown option {key!r}{did_you_mean(key, known)}; "
                    f"known are {', '.join(known) or 'none'}"
                )

    def __str__(self) -> str:
        return self.public


def did_you_mean(word: str, known: tuple[str, ...] | list[str]) -> str:
    """`` (did you mean 'x'?)``, or nothing when no known word is close."""
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _unknown_scheme(scheme: str) -> str:
    examples = ", ".join(SCHEMES.values())
    return (
        f"no kind of camera is called {scheme!r}{did_you_mean(scheme, list(SCHEMES))}. "
        f"Cameras are written like {examples}"
    )


def _bare_path(text: str) -> str:
    """A path, unless it is something else that people write for a camera."""
    scheme, colon, _ = text.partition(":")
    if colon and scheme.lower() in SCHEMES:
        raise ConfigError(f"{scheme}: lacks its '//'; write it like {SCHEMES[scheme.lower()]}")
    if text.isdecimal():
        raise ConfigError(f"camera {text!r}: write v4l2:///dev/video{text} (USB) or csi://{text}")
    if text.startswith("/dev/video"):
        raise ConfigError(f"camera {text!r} is a device; write v4l2://{text}")
    return text


def with_secrets(uri: str, secrets: Mapping[str, str]) -> str:
    """A URI with each ``${name}`` in it replaced by that secret, quoted as a URI needs it.

    Raises:
        ConfigError: there is no secret of that name.
    """

    def secret(found: re.Match[str]) -> str:
        if found[1] not in secrets:
            raise ConfigError(
                f"{uri}: there is no secret {found[1]!r}. Add a line {found[1]}=... to "
                "/etc/edge/camera-secrets, and restart the service"
            )
        return quote(secrets[found[1]], safe="")

    return _PLACE.sub(secret, uri)
