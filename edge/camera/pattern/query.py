"""The settings of the rendered line as text, the way they stand in ``pattern://?seed=7``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from edge.camera.pattern.settings import LineSettings, Script
from edge.core.errors import ConfigError
from edge.core.types import Size


class Key(NamedTuple):
    """How one key is read.

    Attributes:
        field: of :class:`LineSettings` or :class:`Script`.
        parse: text to value; raises ``ValueError``.
        wanted: what is allowed, for people.
    """

    field: str
    parse: Callable[[str], Any]
    wanted: str


def parse_query(query: Mapping[str, str]) -> tuple[LineSettings, Script]:
    """Read every key; what is not given keeps its default.

    Raises:
        ConfigError: a key is unknown, or its value cannot be used.
    """
    line: dict[str, Any] = {}
    script: dict[str, Any] = {}
    for name, text in query.items():
        if name in LINE_KEYS:
            line[LINE_KEYS[name].field] = _value(name, LINE_KEYS[name], text)
        elif name in SCRIPT_KEYS:
            script[SCRIPT_KEYS[name].field] = _value(name, SCRIPT_KEYS[name], text)
        else:
            raise ConfigError(_unknown(name, text))
    return LineSettings(**line), Script(**script)


def _value(name: str, key: Key, text: str) -> Any:
    try:
        return key.parse(text)
    except ValueError as error:
        raise ConfigError(f"pattern: {name} is {text!r}; it must be {key.wanted}") from error


def _unknown(name: str, text: str) -> str:
    known = [*LINE_KEYS, *SCRIPT_KEYS]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"pattern: unknown key {name!r} (value {text!r}); {hint}known: {', '.join(known)}"


def _size(text: str) -> Size:
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if match is None:
        raise ValueError(text)
    return Size(int(match[1]), int(match[2]))


def _truth(text: str) -> bool:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]


SECONDS = "seconds after opening, e.g. 10"
LINE_KEYS = {
    "size": Key("size", _size, "WIDTHxHEIGHT, e.g. 1280x720"),
    "fps": Key("fps", float, "frames per second, e.g. 30"),
    "seed": Key("seed", int, "a whole number, 0 or more"),
    "defect_rate": Key("defect_rate", float, "a share, 0 to 1"),
    "speed": Key("speed_px_s", float, "pixels per second at 720 lines, e.g. 240"),
    "exposure": Key("exposure_s", float, "seconds, e.g. 0.01"),
}
SCRIPT_KEYS = {
    "frames": Key("frames", int, "a whole number, 0 or more"),
    "realtime": Key("realtime", _truth, "true or false"),
    "stall_at": Key("stall_at", float, SECONDS),
    "freeze_at": Key("freeze_at", float, SECONDS),
    "black_at": Key("black_at", float, SECONDS),
    "lose_at": Key("lose_at", float, SECONDS),
    "fault_s": Key("fault_s", float, "seconds, e.g. 5"),
}
