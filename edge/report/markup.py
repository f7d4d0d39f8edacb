"""HTML and SVG elements. Text is escaped unless it is markup already, so nobody can forget it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Union

Child = Union["str", int, None, Iterable["Child"]]
Attribute = str | int | float | bool | None

_VOID = frozenset({"br", "img", "link", "meta"})
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # no HTML document may hold these


class Html(str):
    """Text that is markup already; ``str`` methods give plain text back, which is escaped."""

    __slots__ = ()


def el(tag: str, *children: Child, **attributes: Attribute) -> Html:
    """An element.

    Args:
        tag: its name.
        *children: text (escaped), numbers, elements, or any nesting of these; None is left out.
        **attributes: ``class_`` is written ``class``, ``stroke_width`` ``stroke-width``. None and
            False are left out, True is written without a value, floats with two digits.
    """
    written = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in _VOID:
        return Html(f"<{tag}{written}>")
    return Html(f"<{tag}{written}>{join(children)}</{tag}>")


def join(children: Iterable[Child]) -> Html:
    """Elements and text one after the other, text escaped."""
    return Html("".join(map(_child, children)))


def escaped(text: str) -> str:
    """Text that means itself in an element and in a quoted attribute; oddities become U+FFFD."""
    readable = text.encode("utf-8", "replace").decode()  # names of files may hold anything
    return html.escape(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", readable))


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, (str, int)):
        return escaped(str(child))
    return join(child)


def _attribute(name: str, value: Attribute) -> str:
    name = name.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    return f' {name}="{_number(value) if isinstance(value, float) else escaped(str(value))}"'


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
