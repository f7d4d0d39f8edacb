"""Numbers as a person reads them: fixed digits, real minus signs, a dash for what is unknown."""

from __future__ import annotations

from edge.core.build import Interval

UNKNOWN = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"


def share(value: float | None, digits: int = 3) -> str:
    """A value of 0..1, such as ``0.986``."""
    return UNKNOWN if value is None else f"{value:.{digits}f}".replace("-", _MINUS)


def signed(value: float | None, digits: int = 3) -> str:
    """A change, with its sign; zero has none."""
    if value is None:
        return UNKNOWN
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", _MINUS)


def points(change: float | None) -> str:
    """A change of mAP (0..1) in points, hundredths: ``-0.4``."""
    return signed(None if change is None else change * 100, 1)


def interval(value: Interval | None) -> str:
    """A 95 % interval, such as ``0.979 to 0.991``; empty if there is none."""
    return "" if value is None else f"{share(value.low)} to {share(value.high)}"


def amount(value: float | None, unit: str = "", digits: int = 1) -> str:
    """A measured amount with its unit."""
    if value is None:
        return UNKNOWN
    return f"{value:.{digits}f}{chr(0xA0) + unit if unit else ''}".replace("-", _MINUS)


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun: ``1 image``, ``3 images``."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}".replace(",", chr(0x202F))


def duration(seconds: float) -> str:
    """Seconds as ``42.0 s`` or ``3 min 05 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"
