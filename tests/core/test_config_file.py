"""The configuration file: what is refused, with file, line and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.core.config import EdgeConfig
from edge.core.config_file import load_config, parse_config
from edge.core.errors import ConfigError

ONE_CAMERA = "cameras:\n  - name: a\n    uri: pattern://\n"
FILE = Path("edge.yaml")


def bomb(levels: int = 9) -> str:
    """The "billion laughs": nine lines that would expand to a billion values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, levels)]
    return "\n".join(lines)


def test_the_least_configuration_has_every_default() -> None:
    config = parse_config(ONE_CAMERA, FILE)
    assert config.cameras[0].stall_s == 2.0
    assert config.sinks.web is not None
    assert config.sinks.web.host == "127.0.0.1"


def test_the_documented_configuration_shows_exactly_the_defaults() -> None:
    documented = load_config(Path(__file__).parents[2] / "docs/edge.yaml")
    camera = {"name": "line-1", "uri": "pattern://?size=1280x720&fps=30"}
    assert documented == EdgeConfig.model_validate({"cameras": [camera]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"edge\.yaml: is empty; write at least 'cameras:'"),
        ("# only a comment\n", "is empty"),
        ("cameras: [", r"edge\.yaml:1:11: .*<stream end>"),
        ("- 1\n", r"edge\.yaml:1:1: .*valid dictionary"),
        (
            ONE_CAMERA + "    stal_s: 3\n",
            r"edge\.yaml:4:5: cameras\[0\]\.stal_s: unknown key 'stal_s'; did you mean 'stall_s'\?",
        ),
        (ONE_CAMERA + "sinks: {web: {prt: 1}}\n", r":4:15: .*did you mean 'port'\?"),
        (ONE_CAMERA + "zzz: 1\n", "unknown key 'zzz'; known here: cameras, detect, log"),
        (ONE_CAMERA + "    stall_s: fast\n", r":4:5: .*valid number, got 'fast'"),
        (ONE_CAMERA + "    stall_s: '3'\n", r":4:5: .*valid number, got '3'"),
        (ONE_CAMERA + "    stall_s: .nan\n", "finite number"),
        (ONE_CAMERA + "    stall_s: -1\n", "greater than 0, got -1"),
        (ONE_CAMERA + "    size: 1280*720\n", "match pattern"),
        (ONE_CAMERA + "    reopen_min_s: 60\n", r"reopen_min_s \(60\) must not exceed"),
        (ONE_CAMERA + "detect: {confidence: 25}\n", "less than or equal to 1, got 25"),
        (ONE_CAMERA + "cameras: []\n", r":4:1: 'cameras' is given twice \(first on line 1\)"),
        (ONE_CAMERA + "  - name: a\n    uri: csi://0\n", "two cameras are named 'a'"),
        ("cameras: []\n", r":1:1: cameras: .*at least 1 item"),
        ("detect: {}\n", "cameras: is required"),
        ("cameras:\n  - {name: no, uri: x}\n", "valid string, got False"),
        (bomb(), r":2:10: aliases \(\*name\) are refused"),
        ("!!python/object/apply:os.system ['true']\n", "constructor"),
        ("[" * 100_000, "nested too deeply"),
        ("a: 1\n---\nb: 2\n", "another document"),
        ("a: 2020-13-45\n", "is not YAML"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        parse_config(text, FILE)
    assert caught.value.exit_code == 78


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(ONE_CAMERA + "    stal_s: 3\nlog: loud\n", FILE)
    assert [line.split(": ")[0] for line in str(caught.value).splitlines()] == [
        "edge.yaml:4:5",
        "edge.yaml:5:1",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No such file"), (b"\xff\xfe\x00", "not UTF-8"), (b"x" * (2 << 20), "at most")],
    ids=["missing", "binary", "huge"],
)
def test_a_file_that_is_no_text_is_refused(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    file = tmp_path / "edge.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        load_config(file)


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    file = tmp_path / "edge.yaml"
    file.write_text("\ufeff" + ONE_CAMERA, "utf-8")
    assert load_config(file).cameras[0].name == "a"
