"""What a JSON Schema allows at a place, in words: "a whole number from 1 to 64".

Knows the part of JSON Schema that pydantic writes; nothing of files or of what the settings mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Place = tuple[str | int, ...]
Schema = Mapping[str, Any]


def options_at(schema: Schema, place: Place) -> list[Schema]:
    """The ways the value at `place` may be written, without references; empty where nothing is declared."""
    options = _ways(schema, schema)
    for part in place:
        found: list[Schema] = []
        for option in options:
            if isinstance(part, str):
                below = option.get("properties", {}).get(part, option.get("additionalProperties"))
            else:
                below = option.get("items")
            found += _ways(schema, below) if isinstance(below, Mapping) else []
        options = found
    return options


def section_keys(options: Sequence[Schema]) -> list[str] | None:
    """The keys of the section these options hold; None when the value is not a section."""
    return next((list(option["properties"]) for option in options if "properties" in option), None)


def in_words(schema: Schema, options: Sequence[Schema]) -> str:
    """What `options` allow, in words."""
    return " or ".join(dict.fromkeys(_words(schema, option) for option in options)) or "left out"


def _ways(schema: Schema, fragment: Schema) -> list[Schema]:
    while "$ref" in fragment:
        definition = schema["$defs"][fragment["$ref"].rsplit("/", 1)[1]]
        fragment = {**definition, **{key: value for key, value in fragment.items() if key != "$ref"}}
    ways = fragment.get("anyOf") or fragment.get("oneOf")
    return [way for each in ways for way in _ways(schema, each)] if ways else [fragment]


def _words(schema: Schema, fragment: Schema) -> str:
    if "enum" in fragment or "const" in fragment:
        values = [repr(value) for value in fragment.get("enum", [fragment.get("const")])]
        return " or ".join(filter(None, [", ".join(values[:-1]), values[-1]]))
    kind = fragment.get("type")
    if kind in ("integer", "number"):
        return ("a whole number" if kind == "integer" else "a number") + _bounds(fragment)
    if kind == "string":
        return _text(fragment)
    if kind == "array":
        inner = fragment.get("items")
        return f"a list of {in_words(schema, _ways(schema, inner))}" if inner else "a list"
    if kind == "object":
        keys = list(fragment.get("properties", {}))
        return f"a mapping with the keys {', '.join(keys)}" if keys else "a mapping"
    return {"boolean": "true or false", "null": "null"}.get(str(kind), "another value")


def _text(fragment: Schema) -> str:
    least, most = fragment.get("minLength", 0), fragment.get("maxLength")
    if most is not None:
        words = f"text of {least} to {most} characters"
    else:
        words = "text that is not empty" if least == 1 else f"text of at least {least} characters"
    words = words if least or most is not None else "text"
    return words + (f" that matches {fragment['pattern']}" if "pattern" in fragment else "")


def _bounds(fragment: Schema) -> str:
    low, high = fragment.get("minimum"), fragment.get("maximum")
    if low is not None and high is not None:
        return f" from {low} to {high}"
    limits = [
        f"{word} {fragment[key]}"
        for key, word in (
            ("minimum", "of at least"),
            ("exclusiveMinimum", "above"),
            ("maximum", "of at most"),
            ("exclusiveMaximum", "below"),
        )
        if key in fragment
    ]
    return f" {' and '.join(limits)}" if limits else ""
