"""Whether a text holds what a JSON Schema's regular expression asks for, in time that grows with the text.

Promise: expressions come from whoever sends a schema, so none is run by a matcher that tries one way after
the other: an automaton (the Rust engine that pydantic brings) reads each text once. Expressions may begin by
looking ahead; one that needs more than that, or more memory than the engine grants, is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic_core import SchemaError, SchemaValidator, core_schema

from ..errors import BadSchema

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_SHOWN = 60  # characters of an expression that an error shows
_LISTS_OF_VALUES = ("enum", "examples", "required")


def matches(expression: str, text: str) -> bool:
    """Whether `expression` is found in `text`. Raises BadSchema for one that cannot be judged."""
    return all(_holds(part, text) == wanted for part, wanted in _parts(expression))


def check_patterns(schema: Any) -> None:
    """Raises BadSchema where an expression of the schema's cannot be judged."""
    maps = [part for part in _walk(schema) if isinstance(part, Mapping)]
    for part in maps:
        named = part.get("patternProperties")
        expressions = list(named) if isinstance(named, Mapping) else []
        if expressions and any("unevaluatedProperties" in other for other in maps):
            raise BadSchema("patternProperties and unevaluatedProperties are not followed in one schema")
        for expression in [*expressions, part.get("pattern")]:
            if isinstance(expression, str):
                _parts(expression)


@lru_cache(maxsize=16)
def bounded(kind: type[Validator]) -> type[Validator]:
    """The validator with every keyword that holds an expression judged by `matches`."""
    from jsonschema.validators import extend

    rules: Any = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties(kind),
    }
    made: type[Validator] = extend(kind, rules)  # type: ignore[no-untyped-call]
    return made


@lru_cache(maxsize=1024)
def _parts(expression: str) -> tuple[tuple[str, bool], ...]:
    """Expressions, and whether each must be found or must not be: `^(?=A)(?!B)C` as ^A, not ^B, and ^C."""
    parts: list[tuple[str, bool]] = []
    rest = expression.removeprefix("^")
    while rest.startswith(("(?=", "(?!")) and rest != expression:
        end = _closing(rest)
        parts.append((f"^(?:{rest[3:end]})", rest[2] == "="))
        rest = rest[end + 1 :]
    if parts and _has_ways(rest):
        raise _refused(expression, "it looks ahead in one of several ways")
    parts.append((f"^{rest}" if parts else expression, True))
    for part, _ in parts:
        try:
            _engine(part)
        except SchemaError as error:
            raise _refused(expression, str(error).splitlines()[-1].strip().removeprefix("error: ")) from error
    return tuple(parts)


def _refused(expression: str, why: str) -> BadSchema:
    shown = expression if len(expression) <= _SHOWN else f"{expression[:_SHOWN]}..."
    return BadSchema(f"the pattern {shown!r} cannot be matched in bounded time ({why.rstrip('.')})")


@lru_cache(maxsize=1024)
def _engine(expression: str) -> SchemaValidator:
    return SchemaValidator(core_schema.str_schema(pattern=expression, regex_engine="rust-regex"))


def _holds(expression: str, text: str) -> bool:
    return _engine(expression).isinstance_python(text)


def _closing(expression: str) -> int:
    """Where the group ends that `expression` begins with; its length when it does not."""
    deep = 0
    for at, char in _structure(expression):
        deep += (char == "(") - (char == ")")
        if not deep:
            return at
    return len(expression)


def _has_ways(expression: str) -> bool:
    deep = 0
    for _, char in _structure(expression):
        deep += (char == "(") - (char == ")")
        if char == "|" and not deep:
            return True
    return False


def _structure(expression: str) -> Iterator[tuple[int, str]]:
    """The characters that stand neither escaped nor in a class, each with its place."""
    at, inside = 0, False
    while at < len(expression):
        char = expression[at]
        if char == "\\":
            at += 1
        elif inside:
            inside = char != "]"
        elif char == "[":
            inside = True
            at += expression[at + 1 : at + 2] == "^"
            at += expression[at + 1 : at + 2] == "]"  # as the first of a class it stands for itself
        else:
            yield at, char
        at += 1


def _walk(node: Any) -> Iterator[Any]:
    yield node
    if isinstance(node, Mapping):
        for key, value in node.items():
            if not (key in _LISTS_OF_VALUES and isinstance(value, list)):
                yield from _walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from _walk(value)


def _pattern(validator: Any, expression: str, value: Any, schema: Any) -> Iterator[Any]:
    from jsonschema.exceptions import ValidationError

    if validator.is_type(value, "string") and not matches(expression, value):
        yield ValidationError(f"{value!r} does not match {expression!r}")


def _pattern_properties(validator: Any, named: Mapping[str, Any], value: Any, schema: Any) -> Iterator[Any]:
    if not validator.is_type(value, "object"):
        return
    for expression, below in named.items():
        for name, held in value.items():
            if matches(expression, name):
                yield from validator.descend(held, below, path=name, schema_path=expression)


def _additional_properties(kind: type[Validator]) -> Any:
    """The keyword's own rule, over the properties that no expression is about."""
    plain: Any = kind.VALIDATORS["additionalProperties"]

    def rule(validator: Any, asked: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        named = schema.get("patternProperties", {})
        if validator.is_type(value, "object") and named:
            value = {
                name: held for name, held in value.items() if not any(matches(each, name) for each in named)
            }
            schema = {key: part for key, part in schema.items() if key != "patternProperties"}
        yield from plain(validator, asked, value, schema)

    return rule
