"""Random JSON Schemas of the kinds that tools declare, and of kinds they hardly ever do.

Promise: the same seed gives the same schemas; each allows something. Knows nothing of grammars or models.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]

_NAMES = """
city country date unit amount query user_id tags filter options limit offset sort_by place name naïve größe
名前 город 🐭 price currency start end mode level colour items note e-mail "quoted" back\\slash töne 数量 ключ
"""
_WORDS = tuple(_NAMES.split())
_VALUES: tuple[Any, ...] = (
    "celsius",
    "fahrenheit",
    "größer",
    "東京",
    "да",
    'say "hi"',
    "a\\b",
    "🐭",
    "",
    "x y",
    0,
    -7,
)
_VALUES += (3.5, True, None)
_PATTERNS = (
    "^[A-Z]{3}-[0-9]{2,4}$",
    "^(low|medium|high)$",
    r"^\d{4}-\d{2}$",
    "^[a-zäöüß]+( [a-zäöüß]+)?$",
    r"^#[0-9a-fA-F]{6}$",
    r"^\+?[1-9]\d{6,12}$",
    "[^,;]{1,8}",
)
_FORMATS = ("date", "time", "date-time", "uuid", "email", "ipv4", "uri", "hostname")


def random_schemas(count: int, seed: int) -> list[Schema]:
    """`count` schemas of a tool's parameters: of objects, or of what is an object in some of its ways."""
    return [_Maker(random.Random(f"{seed}:{number}")).tool() for number in range(count)]


class _Maker:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._definitions: Schema = {}

    def tool(self) -> Schema:
        schema = self.root()
        if self._rng.random() < 0.3 and "properties" in schema:
            schema["properties"]["nested"] = self.recursive()
        if self._definitions:
            schema["$defs"] = self._definitions
        return schema

    def root(self) -> Schema:
        """An object, mostly by its properties; else a map, a union, a reference, or two that both hold."""
        roll = self._rng.random()
        if roll < 0.6:
            return self.object(3)
        if roll < 0.68:
            return self.mapping(2)
        if roll < 0.76:
            return self.both(2)
        if roll < 0.84:
            name = f"part{len(self._definitions)}"
            self._definitions[name] = {}
            self._definitions[name] = self.object(2)
            return {"$ref": f"#/$defs/{name}"}
        if roll < 0.88:
            return self.recursive()
        ways = [self.object(2) for _ in range(self._rng.randint(2, 3))]
        if roll < 0.94:
            ways.append(self._rng.choice([self.array, self.union])(1))
        if self._rng.random() < 0.5:
            return {"anyOf": ways}
        for number, way in enumerate(ways[:2]):
            way["properties"]["kind"] = {"const": f"kind {number}"}
            way["required"].append("kind")
        return {"oneOf": ways[:2]}

    def any(self, depth: int) -> Schema:
        plain = [self.text, self.text, self.number, self.number, self.enum, self.boolean, self.const]
        deep: list[Callable[[], Schema]] = [
            lambda: self.object(depth - 1),
            lambda: self.array(depth - 1),
            lambda: self.array(depth - 1),
            lambda: self.union(depth - 1),
            lambda: self.union(depth - 1),
            lambda: self.mapping(depth - 1),
            lambda: self.both(depth - 1),
            lambda: self.reference(depth - 1),
        ]
        return self._rng.choice([*plain, *deep] if depth > 0 else plain)()

    def object(self, depth: int) -> Schema:
        names = self._rng.sample(_WORDS, self._rng.randint(1, 5))
        schema: Schema = {"type": "object", "properties": {name: self.any(depth) for name in names}}
        schema["required"] = [name for name in names if self._rng.random() < 0.6]
        if self._rng.random() < 0.7:
            schema["additionalProperties"] = False
        elif self._rng.random() < 0.3:
            schema["minProperties"] = self._rng.randint(1, len(names))
        return schema

    def array(self, depth: int) -> Schema:
        if self._rng.random() < 0.2:
            pair = [self.any(depth), self.any(depth)]
            return {"type": "array", "prefixItems": pair, "items": False, "minItems": self._rng.randint(0, 2)}
        low = self._rng.randint(0, 2)
        schema: Schema = {"type": "array", "items": self.any(depth), "minItems": low}
        if self._rng.random() < 0.6:
            schema["maxItems"] = low + self._rng.randint(0, 4)
        if self._rng.random() < 0.3:
            schema = {"type": "array", "items": self.enum(), "uniqueItems": True}
        return schema

    def union(self, depth: int) -> Schema:
        if self._rng.random() < 0.4:
            return {"type": self._rng.sample(["string", "integer", "null", "boolean", "number"], 2)}
        ways = [self.any(depth) for _ in range(self._rng.randint(2, 3))]
        return {self._rng.choice(["anyOf", "oneOf"]) if _apart(ways) else "anyOf": ways}

    def mapping(self, depth: int) -> Schema:
        schema: Schema = {"type": "object", "additionalProperties": self.any(depth)}
        if self._rng.random() < 0.3:
            schema = {"type": "object", "patternProperties": {"^x_[a-z]+$": self.any(depth)}}
            schema["additionalProperties"] = False
        return schema

    def both(self, depth: int) -> Schema:
        first, second = self.object(depth), self.object(depth)
        for name in first["properties"].keys() & second["properties"].keys():
            second["properties"][name] = first["properties"][name]
        for part in (first, second):
            part.pop("additionalProperties", None)
        return {"allOf": [first, second]}

    def reference(self, depth: int) -> Schema:
        name = f"part{len(self._definitions)}"
        self._definitions[name] = {}
        self._definitions[name] = self.any(depth)
        return {"$ref": f"#/$defs/{name}"}

    def recursive(self) -> Schema:
        name = f"tree{len(self._definitions)}"
        below = {"type": "array", "items": {"$ref": f"#/$defs/{name}"}}
        value = self.any(0)
        self._definitions[name] = {
            "type": "object",
            "properties": {"value": value, "children": below},
            "required": ["value"],
            "additionalProperties": False,
        }
        return {"$ref": f"#/$defs/{name}"}

    def text(self) -> Schema:
        roll = self._rng.random()
        if roll < 0.2:
            return {"type": "string", "pattern": self._rng.choice(_PATTERNS)}
        if roll < 0.35:
            return {"type": "string", "format": self._rng.choice(_FORMATS)}
        schema: Schema = {"type": "string", "description": "größe in 東京"}
        if roll < 0.7:
            low = self._rng.randint(0, 4)
            schema |= {"minLength": low, "maxLength": low + self._rng.randint(0, 30)}
        return schema

    def number(self) -> Schema:
        schema: Schema = {"type": self._rng.choice(["integer", "number"])}
        if self._rng.random() < 0.6:
            low = self._rng.randint(-1000, 1000)
            schema[self._rng.choice(["minimum", "exclusiveMinimum"])] = low
            if self._rng.random() < 0.7:
                schema[self._rng.choice(["maximum", "exclusiveMaximum"])] = low + self._rng.randint(2, 5000)
        elif self._rng.random() < 0.3:
            schema["multipleOf"] = self._rng.choice(
                [2, 5, 7, 0.5, 0.01] if schema["type"] == "number" else [2, 5, 7]
            )
        return schema

    def enum(self) -> Schema:
        return {"enum": self._rng.sample(_VALUES, self._rng.randint(1, 6))}

    def const(self) -> Schema:
        return {"const": self._rng.choice(_VALUES)}

    def boolean(self) -> Schema:
        return {"type": "boolean"}


def _apart(ways: list[Schema]) -> bool:
    """Whether each of the ways allows something the others do not: by their types, or as values listed."""
    kinds = [way.get("type", "listed" if {"enum", "const"} & way.keys() else None) for way in ways]
    return all(isinstance(kind, str) for kind in kinds) and len(set(kinds)) == len(kinds)
