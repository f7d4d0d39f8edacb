from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.report.markup import Html, el, escaped, join

HOSTILE = "<script>alert(1)</script>\"'&amp;<img src=x onerror=alert(1)>"


class Reader(HTMLParser):
    """Keeps tags, attributes and text as a browser would understand them."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.names: list[str] = []
        self.values: list[str | None] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names += [name for name, _ in attrs]
        self.values += [value for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_text_and_attributes_are_escaped_and_elements_are_not() -> None:
    markup = el("p", HOSTILE, el("b", HOSTILE), title=HOSTILE)
    read = Reader(markup)
    assert read.tags == ["p", "b"]
    assert read.values == [HOSTILE]
    assert read.text == HOSTILE * 2


@given(st.text())
def test_any_text_stays_text(text: str) -> None:
    read = Reader(el("p", text, title=text))
    assert read.tags == ["p"]
    assert read.text == (read.values[0] or "")
    assert len(read.text) == len(text)


@pytest.mark.parametrize("odd", ["\x00", "\x1b", "\x7f", "\x85"])
def test_signs_that_no_page_may_hold_are_replaced(odd: str) -> None:
    assert escaped(f"a{odd}b") == "a\N{REPLACEMENT CHARACTER}b"


def test_names_that_are_no_unicode_can_be_written() -> None:
    assert escaped("\udcff.jpg").encode() == b"?.jpg"


def test_attributes_are_written_as_html_knows_them() -> None:
    markup = el("path", class_="a", stroke_width=1.50, open=True, hidden=False, title=None)
    assert markup == '<path class="a" stroke-width="1.5" open></path>'
    assert el("br") == "<br>"
    assert el("td", 7, None, [el("b", 1), "<"]) == "<td>7<b>1</b>&lt;</td>"


def test_markup_that_was_changed_as_text_is_text_again() -> None:
    assert join([Html("<b>") + "<i>"]) == "&lt;b&gt;&lt;i&gt;"
