"""What a JSON Schema allows, as a grammar of JSON texts.

Promise: every text allowed is JSON in one fixed layout (that of `json.dumps`), comes to an end, and validates
against the schema but for the keywords in `unseen`. Narrower than the schema where it leaves things open:
properties come in their declared order, none is made up beside declared ones, recursion stops at a depth.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from . import merging, numbers, strings
from .counting import COMMA, MOST_ITEMS, items, others
from .matching import matches
from .merging import References, Schema
from .nodes import EMPTY, Grammar, Node, Rule, Text, alt, one_of, seq
from .patterns import NotFollowed

_DEEPEST = 5  # how often a schema that contains itself is entered
_FREE_DEPTH = 3  # of values of which nothing is said
_MOST_MULTIPLES = 512
_MOST_UNIQUE = 24
_CHECKED_LATER = {"not", "if", "dependentRequired", "dependentSchemas", "dependencies", "contains"}
_CHECKED_LATER |= {"unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef"}
_COLON = Text(": ")

Check = Callable[[Any, Mapping[str, Any]], bool]


class SchemaGrammar:
    """The grammar of one schema. `check` says whether a value validates against a part of it.

    ValueError where the schema says what cannot be, or is not a schema.
    """

    def __init__(self, schema: Schema, check: Check) -> None:
        self._references = References(schema)
        self._check = check
        self._rules: dict[str, Node] = {}
        self._strings: dict[tuple[int, int | None], Node] = {}
        self._refs: dict[tuple[str, int], Node | None] = {}
        self.unseen: set[str] = set()
        root = self._node(schema, _DEEPEST)
        if root is None:
            raise ValueError("it allows nothing at all")
        self._rules["root"] = root
        self.grammar = Grammar(self._rules)

    def _node(self, schema: Schema, depth: int) -> Node | None:
        """What `schema` allows; None when that is nothing."""
        if isinstance(schema, bool):
            return self._free(_FREE_DEPTH) if schema else None
        if not isinstance(schema, Mapping):
            raise ValueError(f"a schema must be an object, true or false, and one is {schema!r}")
        if "$ref" in schema and not (schema.keys() - {"$ref", "description", "title", "default"}):
            return self._reference(schema["$ref"], depth)
        flat = self._flat(schema)
        if isinstance(flat, bool):
            return self._node(flat, depth)
        for keyword in ("anyOf", "oneOf"):
            if keyword in flat:
                return self._ways(flat, keyword, depth)
        self.unseen |= flat.keys() & _CHECKED_LATER
        if "const" in flat or "enum" in flat:
            return self._values(flat)
        ways = [self._of_type(flat, name, depth) for name in merging.types_of(flat)]
        kept = [way for way in ways if way is not None]
        return alt(kept) if kept else None

    def _reference(self, reference: Any, depth: int) -> Node | None:
        if not isinstance(reference, str):
            raise ValueError(f"$ref must be text, and it is {reference!r}")
        if self._references.is_recursive(reference):
            depth -= 1
        if depth < 0:
            return None
        key = (reference, depth)
        if key not in self._refs:
            self._refs[key] = None  # a schema that is only itself allows nothing
            found = self._node(self._references.follow(reference), depth)
            self._refs[key] = None if found is None else self._rule(found)
        return self._refs[key]

    def _flat(self, schema: Mapping[str, Any]) -> Schema:
        """The schema with its references and `allOf` merged into it."""
        flat: Schema = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
        parts = [self._references.follow(schema["$ref"])] if "$ref" in schema else []
        parts += schema.get("allOf", [])
        for part in parts:
            below = self._flat(part) if isinstance(part, Mapping) else part
            flat = merging.merge(flat, below, self.unseen.add)
        return flat

    def _ways(self, schema: Mapping[str, Any], keyword: str, depth: int) -> Node | None:
        rest = {key: value for key, value in schema.items() if key != keyword}
        if keyword == "oneOf":
            self.unseen |= {"oneOf"} if _may_overlap(schema["oneOf"]) else set()
        ways = [
            self._node({"allOf": [rest, way]} if rest.keys() - {"$defs", "definitions"} else way, depth)
            for way in schema[keyword]
        ]
        kept = [way for way in ways if way is not None]
        return self._rule(alt(kept)) if kept else None

    def _values(self, schema: Mapping[str, Any]) -> Node | None:
        values = [schema["const"]] if "const" in schema else list(schema["enum"])
        fitting = [value for value in values if self._check(value, schema)]
        return one_of([_json(value) for value in fitting]) if fitting else None

    def _of_type(self, schema: Mapping[str, Any], name: str, depth: int) -> Node | None:
        if name == "object":
            return self._object(schema, depth)
        if name == "array":
            return self._array(schema, depth)
        if name == "string":
            return self._string(schema)
        if name in ("number", "integer"):
            return self._number(schema, whole=name == "integer")
        return Text("null") if name == "null" else alt([Text("true"), Text("false")])

    def _string(self, schema: Mapping[str, Any]) -> Node | None:
        low, high = schema.get("minLength", 0), schema.get("maxLength")
        if high is not None and high < low:
            return None
        expression = schema.get("pattern", strings.FORMATS.get(schema.get("format", "")))
        if expression is not None:
            try:
                found, whole = strings.matching(expression, low, high)
            except NotFollowed:
                self.unseen.add("pattern")
            else:
                self.unseen |= set() if whole else {"minLength"}
                return found
        if (low, high) not in self._strings:
            self._strings[low, high] = self._rule(strings.plain_string(low, high))
        return self._strings[low, high]

    def _number(self, schema: Mapping[str, Any], *, whole: bool) -> Node | None:
        low, high = _bound(schema, "minimum", max), _bound(schema, "maximum", min)
        bounds = (low[0], high[0], low[1], high[1])
        if "multipleOf" in schema:
            return self._multiples(schema, *numbers.whole_bounds(*bounds), whole=whole)
        if whole:
            return numbers.integers(*numbers.whole_bounds(*bounds))
        return numbers.decimals(low[0], high[0], without_low=low[1], without_high=high[1])

    def _multiples(
        self, schema: Mapping[str, Any], low: int | None, high: int | None, *, whole: bool
    ) -> Node | None:
        """The multiples nearest to zero within the bounds, listed."""
        step = Decimal(str(schema["multipleOf"]))
        if step <= 0:
            raise ValueError(f"multipleOf must be above 0, and it is {step}")
        first = 0 if low is None or low <= 0 else int(low / step)
        last = 0 if high is None or high >= 0 else int(high / step)
        near = last if last < 0 else first
        found = []
        for away in range(_MOST_MULTIPLES):
            for count in {near + away, near - away}:
                value = step * count
                number: int | float = int(value) if value == value.to_integral_value() else float(value)
                if not (whole and isinstance(number, float)) and self._check(number, schema):
                    found.append(_json(number))
        return one_of(found) if found else None

    def _array(self, schema: Mapping[str, Any], depth: int) -> Node | None:
        low, high = schema.get("minItems", 0), schema.get("maxItems")
        prefix, each = list(schema.get("prefixItems", [])), schema.get("items", True)
        if isinstance(each, list):  # as drafts before 2020-12 wrote a prefix
            prefix, each = each, schema.get("additionalItems", True)
        high = low + MOST_ITEMS if high is None else high
        if schema.get("uniqueItems"):
            listed = None if prefix else self._unique(each, low, high)
            if listed is not None:
                return listed
            self.unseen |= {"uniqueItems"} if high > 1 else set()
        firsts: list[Node] = []
        for part in prefix[:high]:
            node = self._node(part, depth)
            if node is None:
                high = len(firsts)
                break
            firsts.append(node)
        item = self._node(each, depth) if high > len(firsts) else None
        high = len(firsts) if item is None else high
        if high < low:
            return None
        return self._rule(seq(Text("["), items(firsts, item, low, high), Text("]")))

    def _unique(self, each: Schema, low: int, high: int) -> Node | None:
        """Arrays of distinct values out of a list, in its order; None when the items are no such list."""
        flat = self._flat(each) if isinstance(each, Mapping) else each
        if not isinstance(flat, Mapping) or "enum" not in flat or len(flat["enum"]) > _MOST_UNIQUE:
            return None
        values = [_json(value) for value in flat["enum"] if self._check(value, flat)]
        count = len(values)
        most = min(high, count)
        below: dict[int, Node | None] = {n: EMPTY if low <= n <= most else None for n in range(most + 2)}
        for at in range(count - 1, -1, -1):
            here: dict[int, Node | None] = {most + 1: None}
            for taken in range(most + 1):
                ways = [] if below[taken] is None else [below[taken]]
                after = below[taken + 1]
                if after is not None:
                    ways.insert(0, seq(COMMA if taken else EMPTY, Text(values[at]), after))
                named = [way for way in ways if way is not None]
                here[taken] = self._rule(alt(named)) if named else None
            below = here
        inside = below[0]
        return None if inside is None else self._rule(seq(Text("["), inside, Text("]")))

    def _object(self, schema: Mapping[str, Any], depth: int) -> Node | None:
        properties: Mapping[str, Any] = schema.get("properties", {})
        required = list(schema.get("required", []))
        extra = schema.get("additionalProperties", schema.get("unevaluatedProperties", True))
        names = [*properties, *(name for name in required if name not in properties)]
        entries: list[tuple[str, Node, bool]] = []
        for name in names:
            value = self._node(self._declared(schema, name, extra), depth)
            if value is None and name in required:
                return None
            if value is not None:
                entries.append((name, self._rule(value), name in required))
        low, high = schema.get("minProperties", 0), schema.get("maxProperties")
        more = self._more(schema, names, extra, max(0, low - len(entries)), depth)
        return self._members(entries, more, low, high)

    def _declared(self, schema: Mapping[str, Any], name: str, extra: Schema) -> Schema:
        parts = [schema["properties"][name]] if name in schema.get("properties", {}) else []
        parts += [part for key, part in schema.get("patternProperties", {}).items() if matches(key, name)]
        if not parts:
            return extra
        return parts[0] if len(parts) == 1 else {"allOf": parts}

    def _more(
        self, schema: Mapping[str, Any], names: Sequence[str], extra: Schema, needed: int, depth: int
    ) -> Node | None:
        """One property beyond the declared ones; None when none is offered."""
        ways = []
        for expression, part in schema.get("patternProperties", {}).items():
            value = self._node(part, depth)
            try:
                matching, _ = strings.matching(expression)
            except NotFollowed:
                continue
            if value is not None:
                self.unseen.add("patternProperties")  # a name may match several of them
                ways.append(seq(matching, _COLON, value))
        # Where nothing is said of other properties, none is made up, unless there would be none at all.
        open_by_default = extra is True and (names or ways)
        if extra is not False and not (open_by_default and not needed):
            value = self._node(extra, depth) if extra is not True else self._free(_FREE_DEPTH - 1)
            key = self._name(schema, names)
            if value is not None and key is not None:
                self.unseen |= {"patternProperties"} if ways else set()
                ways.append(seq(key, _COLON, value))
        return self._rule(alt(ways)) if ways else None

    def _name(self, schema: Mapping[str, Any], names: Sequence[str]) -> Node | None:
        if "propertyNames" not in schema:
            return strings.other_than(names)
        self.unseen.add("propertyNames")
        asked = schema["propertyNames"]
        return self._node({"allOf": [{"type": "string"}, asked]}, 0) if asked is not False else None

    def _members(
        self, entries: Sequence[tuple[str, Node, bool]], more: Node | None, low: int, high: int | None
    ) -> Node | None:
        """An object of these entries in order, the optional ones left out at will, then `more` of others."""
        bounded = low > sum(needed for *_, needed in entries) or high is not None
        if bounded and more is not None:
            self.unseen.add("minProperties")  # a made-up name may come twice, and then counts once
        rules: dict[tuple[int, int], Node | None] = {}

        def after(at: int, taken: int) -> Node | None:
            key = (at, taken if bounded else min(taken, 1))
            if key not in rules:
                found = tail(at, taken)
                rules[key] = None if found is None else self._rule(found)
            return rules[key]

        def tail(at: int, taken: int) -> Node | None:
            comma = COMMA if taken else EMPTY
            if at == len(entries):
                return others(
                    more, comma, low - taken if bounded else 0, None if high is None else high - taken
                )
            name, value, needed = entries[at]
            rest = after(at + 1, taken + 1) if high is None or taken < high else None
            ways = [] if rest is None else [seq(comma, strings.name(name), _COLON, value, rest)]
            left_out = None if needed else after(at + 1, taken)
            ways += [] if left_out is None else [left_out]
            return alt(ways) if ways else None

        inside = after(0, 0)
        return None if inside is None else self._rule(seq(Text("{"), inside, Text("}")))

    def _free(self, depth: int) -> Node:
        """Any JSON value, nested at most `depth` deep."""
        name = f"free{depth}"
        if name not in self._rules:
            self._rules[name] = EMPTY
            word = self._string({})
            number = numbers.decimals(None, None)
            assert word is not None and number is not None
            ways = [word, number, Text("true"), Text("false"), Text("null")]
            if depth > 0:
                below = self._free(depth - 1)
                ways.append(seq(Text("["), items([], below, 0, MOST_ITEMS), Text("]")))
                pair = self._rule(seq(strings.other_than([]), _COLON, below))
                ways.append(seq(Text("{"), items([], pair, 0, MOST_ITEMS), Text("}")))
            self._rules[name] = alt(ways)
        return Rule(name)

    def _rule(self, node: Node) -> Node:
        """The node under a name, so that it is written once wherever it stands."""
        if isinstance(node, Rule):
            return node
        name = f"n{len(self._rules)}"
        self._rules[name] = node
        return Rule(name)


def _bound(
    schema: Mapping[str, Any], keyword: str, tighter: Callable[[Decimal, Decimal], Decimal]
) -> tuple[Decimal | None, bool]:
    """A bound and whether it is itself left out; None beyond what a double counts one by one."""
    exclusive = f"exclusive{keyword.capitalize()}"
    given, strict = schema.get(keyword), schema.get(exclusive)
    if isinstance(strict, bool):  # draft 4
        return _decimal(given), strict
    one, other = _decimal(given), _decimal(strict)
    if one is None or other is None:
        return (one, False) if other is None else (other, True)
    found = tighter(one, other)
    return found, found == other


def _decimal(value: Any) -> Decimal | None:
    if value is None:
        return None
    if not isinstance(value, int | float):
        raise ValueError(f"a bound must be a number, and one is {value!r}")
    found = Decimal(str(value))
    return found if found.is_finite() and abs(found) < 10**15 else None


def _may_overlap(ways: Sequence[Schema]) -> bool:
    """Whether a value may validate against two of these: False only when their types differ."""
    seen: set[str] = set()
    for way in ways:
        if not isinstance(way, Mapping) or "type" not in way:
            return True
        types = set(merging.types_of(way))
        types |= {"integer", "number"} if "number" in types else set()
        if seen & types:
            return True
        seen |= types
    return False


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
