"""``edge.yaml`` into :class:`EdgeConfig`, or an error that names file, line and remedy."""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from edge.core.config import EdgeConfig
from edge.core.errors import ConfigError

MAX_BYTES = 1 << 20
_Place = tuple[str | int, ...]


def load_config(path: Path) -> EdgeConfig:
    """Read and check a configuration file.

    Raises:
        ConfigError: the file is missing, no YAML, or holds anything that is not a known setting
            of the right type; every problem on a line of its own, with file, line and column.
    """
    return parse_config(_read(path), path)


def parse_config(text: str, path: Path) -> EdgeConfig:
    """Check the text of a configuration; ``path`` only names it in messages."""
    try:
        node = _Loader(io.StringIO(text)).get_single_node()
        if node is None:
            raise ConfigError(f"{path}: is empty; write at least 'cameras:' (see docs/edge.yaml)")
        places = dict(_places(node, ()))
        data = yaml.constructor.SafeConstructor().construct_document(node)
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"{path}:{_line(error.problem_mark)}: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path}: is not YAML: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: is nested too deeply to be a configuration") from error
    try:
        return EdgeConfig.model_validate(data)
    except ValidationError as error:
        problems = [_explain(problem, places) for problem in error.errors(include_url=False)]
        raise ConfigError("\n".join(f"{path}:{problem}" for problem in problems)) from error


def _read(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ConfigError(f"{path}: {size} bytes are no configuration (at most {MAX_BYTES})")
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text: {error.reason}") from error


class _Loader(yaml.SafeLoader):
    """Composes nodes; refuses what YAML allows and a configuration never needs."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(
                problem="aliases (*name) are refused; write the value out", problem_mark=mark
            )
        return super().compose_node(parent, index)

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        seen: dict[str, int] = {}
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"{name!r} is given twice (first on line {seen[name]})",
                    problem_mark=key.start_mark,
                )
            seen[name] = key.start_mark.line + 1
        return node


def _places(node: yaml.Node, place: _Place) -> Iterator[tuple[_Place, str]]:
    """Line and column of every value, and of every key of a mapping, by its place."""
    yield place, _line(node.start_mark)
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _places(item, (*place, number))
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _places(value, (*place, key.value))
            yield (*place, key.value), _line(key.start_mark)


def _line(mark: yaml.Mark | None) -> str:
    return "1:1" if mark is None else f"{mark.line + 1}:{mark.column + 1}"


def _explain(problem: Any, places: dict[_Place, str]) -> str:
    place: _Place = problem["loc"]
    known = place
    while known not in places:
        known = known[:-1]
    if problem["type"] == "extra_forbidden":
        what = f"unknown key {place[-1]!r}" + _suggestion(place)
    elif problem["type"] == "value_error":
        what = problem["msg"].removeprefix("Value error, ")
    elif problem["type"] == "missing":
        what = "is required"
    else:
        what = f"{problem['msg']}, got {problem['input']!r}"
    return f"{places[known]}: {_dotted(place)}{what}"


def _dotted(place: _Place) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.lstrip(".") + ": " if text else ""


def _suggestion(place: _Place) -> str:
    """The nearest key that exists beside the unknown one, as ``; did you mean …``."""
    names = sorted(_model_at(place[:-1]).model_fields)
    near = difflib.get_close_matches(str(place[-1]), names, 1)
    return f"; did you mean {near[0]!r}?" if near else f"; known here: {', '.join(names)}"


def _model_at(place: _Place) -> type[BaseModel]:
    model: type[BaseModel] = EdgeConfig
    for part in place:
        if isinstance(part, str):
            model = next(_models(model.model_fields[part].annotation))
    return model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The settings classes inside a type such as ``list[X]`` or ``X | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
