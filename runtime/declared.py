"""Reads a file a user declared (YAML) into a pydantic model, and reports every fault at once with its line.

Knows YAML, lines and JSON Schema; nothing of what the settings mean.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from .allowed import Place, Schema, in_words, options_at, section_keys
from .errors import Fault, SpecError, UnreadableInput

if TYPE_CHECKING:
    from ruamel.yaml.nodes import MappingNode, Node

Model = TypeVar("Model", bound=BaseModel)

_LARGEST_BYTES = 1 << 20
_MOST_NODES = 20_000  # aliases of aliases can make a small file endless
_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq")}


def read_declared(path: Path, model: type[Model]) -> Model:
    """The settings in the YAML file at `path`; an empty file is all defaults.

    Raises UnreadableInput when there is no such text file, SpecError with every fault otherwise.
    """
    from ruamel.yaml import YAML  # where nothing is declared, nothing is read
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    text = _read_text(path)
    schema = model.model_json_schema()
    plain = _Plain(schema)
    try:
        reader = YAML(typ="safe", pure=True)
        root = reader.compose(text)
        values = {} if root is None else plain.convert(root, (), reader.constructor)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = f"is not YAML: {error.problem or error.context}"
        raise SpecError(path, [Fault(mark.line + 1 if mark else 1, "it", problem)]) from None
    except YAMLError as error:
        line = text.count("\n", 0, getattr(error, "position", 0) or 0) + 1
        raise SpecError(path, [Fault(line, "it", "is not YAML: it holds control characters")]) from None
    if not isinstance(values, dict):
        problem = f"a spec is a mapping of keys, and this is {_show(values)}"
        raise SpecError(path, [Fault(1, "", problem)])
    try:
        settings = model.model_validate(values)
    except ValidationError as error:
        plain.faults += _faults(error, schema, plain.lines)
    else:
        if not plain.faults:
            return settings
    raise SpecError(path, plain.faults)


def _why_no_file(path: Path) -> str:
    if path.is_dir():
        return "it is a folder"
    return "it is not a file" if path.exists() else "there is no such file"


def _read_text(path: Path) -> str:
    try:
        if not path.is_file() and not path.is_fifo():
            raise UnreadableInput("spec", path, _why_no_file(path))
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, UnreadableInput):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableInput("spec", path, reason.lower()) from None
    if len(data) > _LARGEST_BYTES:
        raise UnreadableInput("spec", path, "it is larger than 1 MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableInput("spec", path, f"line {line} is not UTF-8 text") from None


@dataclass
class _Plain:
    """Turns YAML nodes into plain values, and remembers the line of each place."""

    schema: Schema
    lines: dict[Place, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    nodes: int = 0

    def convert(self, node: Node, place: Place, constructor: Any) -> Any:
        from ruamel.yaml.error import MarkedYAMLError
        from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

        line = node.start_mark.line + 1
        self.lines.setdefault(place, line)
        self.nodes += 1
        if self.nodes > _MOST_NODES or len(place) > 50:
            raise MarkedYAMLError(problem="it nests or repeats too much", problem_mark=node.start_mark)
        if isinstance(node, ScalarNode):
            value = constructor.construct_object(node)
            # `sleep:` with every key below it commented out means the defaults.
            return {} if value is None and section_keys(options_at(self.schema, place)) else value
        if node.tag not in _PLAIN_TAGS:
            self.faults.append(
                Fault(line, _key(place), f"has the tag {node.tag}, and tags are not used here")
            )
        if isinstance(node, SequenceNode):
            return [self.convert(item, (*place, i), constructor) for i, item in enumerate(node.value)]
        assert isinstance(node, MappingNode)
        return dict(self._pairs(node, place, constructor))

    def _pairs(self, node: MappingNode, place: Place, constructor: Any) -> Iterator[tuple[str, Any]]:
        from ruamel.yaml.nodes import ScalarNode

        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = key_node.value if isinstance(key_node, ScalarNode) else None
            if not isinstance(key, str):
                self.faults.append(Fault(line, _key(place), "has a key that is not a word"))
            elif key in seen:
                again = f"stands there twice, first in line {seen[key]}"
                self.faults.append(Fault(line, _key((*place, key)), again))
            else:
                seen[key] = line
                self.lines[(*place, key)] = line
                yield key, self.convert(value_node, (*place, key), constructor)


def _faults(error: ValidationError, schema: Schema, lines: Mapping[Place, int]) -> Iterator[Fault]:
    for detail in error.errors(include_url=False):
        place = (*detail["loc"], *detail.get("ctx", {}).get("place", ()))
        line = next(lines[place[:n]] for n in range(len(place), -1, -1) if place[:n] in lines)
        if detail["type"] == "extra_forbidden":
            problem = _unknown_key(str(place[-1]), section_keys(options_at(schema, place[:-1])) or [])
        elif detail["type"] == "missing":
            problem = f"is missing; it must be {in_words(schema, options_at(schema, place))}"
        elif detail["type"] == "contradiction":
            problem = detail["msg"]
        elif detail["type"] in ("value_error", "assertion_error"):
            problem = str(detail.get("ctx", {}).get("error", detail["msg"]))
        else:
            wanted = in_words(schema, options_at(schema, place))
            problem = f"must be {wanted}, and it is {_show(detail['input'])}"
        yield Fault(line, _key(place), problem)


def _unknown_key(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key.lower().replace("-", "_"), known, n=1, cutoff=0.6)
    keys = f"the keys here are {', '.join(known)}"
    guess = f"did you mean {close[0]}? " if close else ""
    return f"is not a known key; {guess}{keys[0].upper() if guess else keys[0]}{keys[1:]}"


def _key(place: Place) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
    return text if len(text) <= 100 else text[:100] + "..."


def _show(value: object) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value) if isinstance(value, str) else "nothing" if value is None else str(value)
    return text if len(text) <= 60 else text[:60] + "..."
