"""JSON Schemas that must hold together made into one, and references followed.

Promise: what the merged schema allows, each of the two allows, but for the keywords in `unmerged`, which are
dropped and have to be checked afterwards. Knows nothing of grammars.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any] | bool

_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
_GREATEST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains")
_LEAST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains")
_EITHER = ("uniqueItems",)
_WORDS = {"title", "description", "default", "examples", "$comment", "$schema", "$id", "$defs", "definitions"}
_WORDS |= {"deprecated", "readOnly", "writeOnly", "$anchor"}


class References:
    """The schemas that `$ref` may name within one document."""

    def __init__(self, document: Schema) -> None:
        self._document = document
        self._recursive: dict[str, bool] = {}

    def follow(self, reference: str) -> Schema:
        """What `reference` names. ValueError when that is not in the document."""
        path = reference.removeprefix(self._own_id())
        if path in ("", "#"):
            return self._document
        if not path.startswith("#/"):
            return self._anchored(path)
        found: Any = self._document
        for part in path[2:].split("/"):
            key = part.replace("%25", "%").replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping) and key in found:
                found = found[key]
            elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            else:
                raise ValueError(f"$ref names {reference!r}, which is not there")
        if not isinstance(found, Mapping | bool):
            raise ValueError(f"$ref names {reference!r}, which is no schema")
        return found

    def is_recursive(self, reference: str) -> bool:
        """Whether following `reference` leads to it again."""
        if reference not in self._recursive:
            seen: set[str] = set()
            waiting = list(_references(self.follow(reference)))
            while waiting:
                each = waiting.pop()
                if each not in seen:
                    seen.add(each)
                    waiting += _references(self.follow(each))
            self._recursive[reference] = reference in seen
        return self._recursive[reference]

    def _own_id(self) -> str:
        given = self._document.get("$id", "") if isinstance(self._document, Mapping) else ""
        return given if isinstance(given, str) else ""

    def _anchored(self, path: str) -> Schema:
        for part in _walk(self._document):
            if part.get("$anchor") == path.removeprefix("#") or part.get("$id") == path:
                return part
        raise ValueError(f"$ref names {path!r}, which is not in this schema")


def merge(first: Schema, second: Schema, unmerged: Callable[[str], None]) -> Schema:
    """One schema for both. `$ref` must have been followed in each of them."""
    if first is False or second is False:
        return False
    if first is True or second is True:
        return second if first is True else first
    assert isinstance(first, Mapping) and isinstance(second, Mapping)
    merged = {**first, **second}
    for key in first.keys() & second.keys():
        one, other = first[key], second[key]
        if one == other or key in _WORDS:
            merged[key] = one
        elif key == "type":
            merged[key] = _common_types(one, other)
        elif key in _GREATEST:
            merged[key] = max(one, other)
        elif key in _LEAST:
            merged[key] = min(one, other)
        elif key in _EITHER:
            merged[key] = one or other
        elif key == "enum":
            merged[key] = [value for value in one if value in other]
        elif key == "const":
            return False
        elif key == "required":
            merged[key] = list(dict.fromkeys([*one, *other]))
        elif key in ("items", "additionalProperties", "propertyNames", "contains"):
            merged[key] = {"allOf": [one, other]}
        elif key == "allOf":
            merged[key] = [*one, *other]
        elif key in ("anyOf", "oneOf"):
            merged[key] = [{"allOf": [a, b]} for a in one for b in other]
        elif key == "multipleOf" and _whole(one) and _whole(other):
            merged[key] = math.lcm(int(one), int(other))
        elif key not in ("properties", "patternProperties", "prefixItems"):
            unmerged(key)
    _merge_properties(first, second, merged)
    _merge_prefixes(first, second, merged)
    return merged


def types_of(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """The types a schema allows: those it names, else those its keywords are about, else all."""
    named = schema.get("type")
    if named is not None:
        types = [named] if isinstance(named, str) else list(named)
        if unknown := [name for name in types if name not in _TYPES]:
            raise ValueError(f"there is no type {unknown[0]!r}")
        return tuple(name for name in types if not (name == "integer" and "number" in types))
    for name, keywords in _ABOUT.items():
        if keywords & schema.keys():
            return (name,)
    return ("string", "number", "boolean", "null", "array", "object")


_ABOUT = {
    "object": {"properties", "required", "additionalProperties", "patternProperties", "minProperties"}
    | {"maxProperties", "propertyNames", "dependentRequired", "dependentSchemas"},
    "array": {"items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"},
    "string": {"pattern", "minLength", "maxLength", "format"},
    "number": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"},
}


def _common_types(one: Any, other: Any) -> list[str]:
    left = [one] if isinstance(one, str) else list(one)
    right = [other] if isinstance(other, str) else list(other)
    common = [name for name in left if name in right]
    if "integer" not in common and {"integer", "number"} <= {*left, *right}:
        common.append("integer")
    return common


def _whole(value: Any) -> bool:
    return isinstance(value, int | float) and float(value).is_integer() and value > 0


def _merge_properties(first: Mapping[str, Any], second: Mapping[str, Any], merged: dict[str, Any]) -> None:
    if "properties" in first or "properties" in second:
        mine, others = first.get("properties", {}), second.get("properties", {})
        names = dict.fromkeys([*mine, *others])
        merged["properties"] = {
            name: {"allOf": [_property(first, name), _property(second, name)]} for name in names
        }
    if "patternProperties" in first and "patternProperties" in second:
        patterns = dict(first["patternProperties"])
        for pattern, schema in second["patternProperties"].items():
            patterns[pattern] = {"allOf": [patterns[pattern], schema]} if pattern in patterns else schema
        merged["patternProperties"] = patterns


def _property(schema: Mapping[str, Any], name: str) -> Schema:
    properties = schema.get("properties", {})
    found: Schema = properties[name] if name in properties else schema.get("additionalProperties", True)
    return found


def _merge_prefixes(first: Mapping[str, Any], second: Mapping[str, Any], merged: dict[str, Any]) -> None:
    if "prefixItems" not in first or "prefixItems" not in second:
        return
    one, other = first["prefixItems"], second["prefixItems"]
    merged["prefixItems"] = [
        {
            "allOf": [
                one[at] if at < len(one) else first.get("items", True),
                other[at] if at < len(other) else second.get("items", True),
            ]
        }
        for at in range(max(len(one), len(other)))
    ]


def _walk(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, Mapping):
        yield node
        for value in node.values():
            yield from _walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from _walk(value)


def _references(schema: Schema) -> Iterator[str]:
    return (part["$ref"] for part in _walk(schema) if isinstance(part.get("$ref"), str))
