"""The page's sources: typed, linted, tested by Node, and what is committed was built from them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import edge.sinks.web

WEB = Path(edge.sinks.web.__file__).parent
SOURCES, BUILT = WEB / "page", WEB / "static"
MOST_BYTES = 200_000


@pytest.fixture(scope="module")
def npm() -> str:
    """Its path; skips where the tools of the page are not installed."""
    found = shutil.which("npm")
    if found is None:
        pytest.skip("needs Node.js 20 with npm (then: make page)")
    if not (SOURCES / "node_modules").is_dir():
        pytest.skip("the page's tools are not installed: make page")
    return found


def said_by(*command: str) -> str:
    done = subprocess.run(
        command, cwd=SOURCES, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return "" if done.returncode == 0 else done.stdout


@pytest.mark.parametrize("check", ["types", "lint", "test"])
def test_the_sources_pass(npm: str, check: str) -> None:
    complaints = said_by(npm, "run", "--silent", check)
    assert not complaints, complaints


def test_what_is_committed_was_built_from_the_sources(npm: str, tmp_path: Path) -> None:
    complaints = said_by("node", "build.mjs", "--out", str(tmp_path))
    assert not complaints, complaints
    names = sorted(path.name for path in BUILT.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    changed = [
        name for name in names if (BUILT / name).read_bytes() != (tmp_path / name).read_bytes()
    ]
    assert not changed, f"not built from these sources, run make page: {changed}"


def test_the_page_is_small() -> None:
    assert sum(path.stat().st_size for path in BUILT.iterdir()) < MOST_BYTES


def test_the_page_asks_no_other_site_for_anything() -> None:
    text = "".join(path.read_text("utf-8") for path in BUILT.iterdir())
    for start in ("https://", "http://", "//cdn", "@import", "url("):
        found = [line[:80] for line in text.split(start)[1:]]
        assert all(line.startswith("www.w3.org/") for line in found), (start, found)
