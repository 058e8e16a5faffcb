"""What a grammar allows validates against its schema, and whatever was said can be brought to its end."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import write_tiny_llama

from dormouse.memory.engine import Message, Sampling
from dormouse.memory.errors import BadSchema
from dormouse.memory.grammar import numbers
from dormouse.memory.grammar.closing import Reader, closed
from dormouse.memory.grammar.constraint import Constraint, constraint
from dormouse.memory.grammar.drawing import drawn
from dormouse.memory.grammar.matching import matches
from dormouse.memory.grammar.nodes import EMPTY, Grammar, Node, Repeat, Text, one_of, seq
from dormouse.memory.grammar.patterns import NotFollowed, pattern
from dormouse.memory.grammar.strings import FORMATS, other_than
from dormouse.memory.llama_engine import LlamaEngine
from dormouse.runtime.bench.schemas import random_schemas

TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"v": {"type": ["integer", "null"]}, "kids": {"items": {"$ref": "#/$defs/node"}}},
            "required": ["v", "kids"],
        }
    },
    "$ref": "#/$defs/node",
}
SCHEMAS: dict[str, Any] = {
    "bounds": {"type": "object", "properties": {"a": {"type": "integer", "minimum": -5, "maximum": 1234}}},
    "narrow": {"type": "number", "exclusiveMinimum": 0.1, "exclusiveMaximum": 0.1002},
    "map": {"type": "object", "additionalProperties": {"type": "boolean"}, "minProperties": 2},
    "tree": TREE,
    "unique enum": {"type": "array", "items": {"enum": ["a", "é", 3]}, "uniqueItems": True, "minItems": 2},
    "unique text": {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "minItems": 2},
    "overlap": {"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 3}]},
    "not": {"type": "string", "not": {"maxLength": 2}, "maxLength": 4},
    "if": {"type": "integer", "if": {"minimum": 5}, "then": {"multipleOf": 5}},
    "dependent": {"properties": {"a": {}, "b": {}}, "dependentRequired": {"a": ["b"]}},
    "contains": {"type": "array", "items": {"enum": [1, 2]}, "contains": {"const": 2}},
    "lookahead": {"type": "string", "pattern": "^(?=ab)a[a-z]+$", "enum": ["abc", "acb"]},
    "long pattern": {"type": "string", "pattern": "^[a-z]{2}( [a-z]+)*$", "maxLength": 7},
    "steps": {"type": "integer", "multipleOf": 7, "minimum": 100, "maximum": 200},
    "cents": {"type": "number", "multipleOf": 0.01},
    "two patterns": {
        "patternProperties": {"^a": {"type": "integer"}, "a$": {"minimum": 3}},
        "minProperties": 1,
    },
    "all of": {
        "allOf": [
            {"properties": {"a": {"minimum": 3}}, "required": ["a"]},
            {"properties": {"a": {"maximum": 4}}},
        ]
    },
    "nothing said": {},
    "required only": {"type": "object", "required": ["größe", 'q"']},
    "tuple": {
        "type": "array",
        "prefixItems": [{"const": 1}, {"type": "string"}],
        "items": False,
        "minItems": 1,
    },
    "draft 4": {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 3, "exclusiveMinimum": True},
    "names": {
        "type": "object",
        "propertyNames": {"pattern": "^[a-c]{2}$"},
        "additionalProperties": {"const": 1},
    },
}


def check(made: Constraint, texts: int = 60) -> None:
    rng = random.Random(0)
    for _ in range(texts):
        text = drawn(made.grammar, rng)
        settled = made.settled(text)
        assert json.loads(settled.text) == settled.value
        jsonschema.validate(settled.value, made.schema)
        cut = text[: rng.randint(0, len(text))]
        assert made.validates(made.settled(cut).value), cut


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_is_said_under_a_schema_validates(name: str) -> None:
    check(constraint(SCHEMAS[name]))


def test_random_schemas() -> None:
    for schema in random_schemas(20, seed=11):
        check(constraint(schema), 3)


def test_keywords_a_grammar_can_hold_are_held_by_it() -> None:
    for name in (
        "bounds",
        "narrow",
        "tree",
        "unique enum",
        "steps",
        "cents",
        "all of",
        "tuple",
        "required only",
    ):
        assert not constraint(SCHEMAS[name]).unseen, name


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (False, "nothing at all"),
        ({"enum": []}, "nothing at all"),
        ({"type": "integer", "minimum": 3, "maximum": 2}, "nothing at all"),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "nothing at all"),
        ({"$ref": "#"}, "nothing at all"),
        ({"type": "horse"}, "horse"),
        ({"$ref": "#/$defs/absent"}, "not there"),
        ({"$ref": "https://example.invalid/x"}, "not in this schema"),
        ({"type": "string", "not": {"type": "string"}}, "too narrow"),
        ({"properties": {"a": 3}}, "must be an object"),
    ],
)
def test_schemas_that_cannot_be_kept_are_refused(schema: Any, said: str) -> None:
    with pytest.raises(BadSchema, match=said):
        constraint(schema)


@given(st.integers(-1200, 1200), st.integers(0, 700), st.integers(-2500, 2500))
@settings(max_examples=150, deadline=None)
def test_whole_numbers_within_bounds_are_all_allowed_and_no_others(low: int, span: int, number: int) -> None:
    node = numbers.integers(low, low + span)
    assert node is not None
    assert Reader(Grammar({"root": node})).allows(str(number)) == (low <= number <= low + span)


@given(
    st.decimals("-3", "3", places=3),
    st.decimals("0.001", "2", places=3),
    st.decimals("-5", "5", places=3),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_decimals_within_bounds(low: Decimal, span: Decimal, number: Decimal, strict: bool) -> None:
    node = numbers.decimals(low, low + span, without_low=strict, without_high=strict)
    inside = low < number < low + span if strict else low <= number <= low + span
    if node is None:
        assert strict
        return
    grammar = Grammar({"root": node})
    if Reader(grammar).allows(f"{number:f}"):
        assert inside
    value = Decimal(closed(grammar, drawn(grammar, random.Random(0))))
    assert low < value < low + span if strict else low <= value <= low + span


@pytest.mark.parametrize(
    "expression", [*FORMATS.values(), r"a|b\.c", r"^[^\w-]{2}\D$", r"(?:x(?P<n>y)?){1,3}z+?", r'["\\\n]\t']
)
def test_patterns_match_what_they_are_made_into(expression: str) -> None:
    import re

    rng = random.Random(0)
    for _ in range(100):
        grammar = Grammar({"root": seq(Text('"'), pattern(expression), Text('"'))})
        text = json.loads(closed(grammar, drawn(grammar, rng)))
        assert re.search(expression, text), text


@pytest.mark.parametrize(
    "expression", ["(?=a)b", r"(a)\1", "a$b", "(", "[a", "a{", "*a", r"\p{L}", "(?i)a", "x{9999}", r"\b"]
)
def test_patterns_that_are_not_followed_are_refused(expression: str) -> None:
    with pytest.raises(NotFollowed):
        pattern(expression)


LONG = "a" * 5000 + "!"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^(a+)+$", "enum": [LONG, "aa"]},
        {"type": "string", "pattern": "^(a+)+$", "not": {"const": "a"}},
        {"type": "string", "pattern": "^(?=(a|a)*$)[a!]+$", "enum": [LONG, "aa"]},
        {"patternProperties": {"^(a+)+$": {"type": "integer"}}, "properties": {LONG: {}}},
        {"type": "string", "not": {"pattern": "^(a|aa)+$"}, "minLength": 1, "maxLength": 6000},
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "not": {"$schema": "http://json-schema.org/draft-07/schema#", "pattern": "(a*)*(a*)*[^a!]"},
            "type": "string",
            "maxLength": 6000,
        },
    ],
)
def test_an_expression_that_could_be_tried_in_endless_ways_is_judged_at_once(schema: Any) -> None:
    # Python's own `re` takes longer than the universe has for each of these: no clock is needed.
    made = constraint(schema)
    for value in (LONG, "aa", {LONG: 1}):
        made.validates(value)
    assert made.validates(made.settled(json.dumps(LONG)).value)


@pytest.mark.parametrize(
    ("expression", "text", "is_found"),
    [
        (r"\d{2}", "a12b", True),
        (r"^(?=.*[A-Z])(?=.*\d)(?!.*\s).{6,}$", "Dormouse1", True),
        (r"^(?=.*[A-Z])(?=.*\d)(?!.*\s).{6,}$", "Dormouse 1", False),
        (r"^(?=[()\]]x)\)", ")x", True),
        (r"^(?!a|b)c", "c", True),
        (r"^\w+$", "größe", True),
    ],
)
def test_expressions_are_found_as_python_finds_them(expression: str, text: str, is_found: bool) -> None:
    import re

    assert matches(expression, text) == bool(re.search(expression, text)) == is_found


@pytest.mark.parametrize("expression", [r"(a)\1", "(?<=a)b", "^(?=a)a|b", "a(?=b)", "(?:a{1000}){1000}", "("])
def test_an_expression_that_cannot_be_judged_in_bounded_time_is_refused_in_a_sentence(
    expression: str,
) -> None:
    with pytest.raises(BadSchema, match="cannot be matched in bounded time") as refused:
        constraint({"type": "string", "not": {"pattern": expression}})
    assert "\n" not in str(refused.value)


def test_a_reference_that_no_grammar_follows_is_fetched_from_nowhere() -> None:
    with pytest.raises(BadSchema, match="not in this schema"):
        constraint({"type": "string", "not": {"$ref": "https://example.invalid/schema"}})


@given(st.lists(st.text("ab\U0001f42d", max_size=3), max_size=4), st.text("ab\U0001f42dc", max_size=5))
def test_names_other_than_those(names: list[str], name: str) -> None:
    reader = Reader(Grammar({"root": other_than(names)}))
    assert reader.allows(f'"{name}"') == (name != "" and name not in names)


@given(st.lists(st.text("abc", max_size=4), min_size=1, max_size=6), st.text("abc", max_size=5))
def test_one_of_is_exactly_those(words: list[str], word: str) -> None:
    assert Reader(Grammar({"root": one_of(words)})).allows(word) == (word in words)


@given(st.text('{}[]":,0123456789truefalsn ab\\', max_size=60))
@settings(deadline=None)
def test_no_text_is_beyond_closing(text: str) -> None:
    made = constraint(SCHEMAS["tree"])
    settled = made.settled(text)
    assert made.validates(settled.value)
    assert (settled.how == "said") == (settled.text == text)


def test_a_text_is_closed_where_it_broke_off() -> None:
    made = constraint(SCHEMAS["tree"])
    assert made.settled('{"v": 12').text == '{"v": 12, "kids": []}'
    assert made.settled('{"v": 12, "kids": [{"v').value == {"v": 12, "kids": [{"v": 0, "kids": []}]}
    assert made.settled('{"v": 12; DROP').text == '{"v": 12, "kids": []}'
    assert made.settled('{"v": null, "kids": []}').how == "said"


@pytest.mark.parametrize("times", [(0, 3), (2, 2), (0, 64), (0, 65), (130, 300), (0, 1000), (3, None)])
def test_repetitions_mean_the_same_to_llama_cpp(tiny: LlamaEngine, times: tuple[int, int | None]) -> None:
    low, high = times
    part: Node = Text("ab")
    grammar = Grammar({"root": seq(Text("<"), Repeat(part, low, high), Text(">") if high else EMPTY)})
    said = tiny.complete(
        [Message("user", "x")], Sampling(temperature=1.0, max_tokens=900, grammar=grammar.gbnf(), seed=1)
    )
    assert Reader(grammar).allows(said.text) or said.finish == "length"
    assert said.text.count("ab") <= (high or 1000)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = write_tiny_llama(tmp_path_factory.mktemp("tiny") / "t.gguf", seed=3)
    with LlamaEngine(path, context_tokens=2048, threads=1) as engine:
        yield engine


def sampled_calls_validate(engine: LlamaEngine, schemas: int, samples: int, max_tokens: int) -> None:
    refused = 0
    for number, schema in enumerate(random_schemas(schemas, seed=5)):
        try:
            made = constraint(schema)
        except BadSchema:  # said when the tool is declared, not when it is called
            refused += 1
            continue
        for sample in range(samples):
            sampling = Sampling(
                temperature=1.0,
                seed=1000 * number + sample,
                max_tokens=max_tokens,
                json_schema=json.dumps(schema, ensure_ascii=False),
            )
            said = engine.complete([Message("user", "Call it.")], sampling)
            settled = made.settled(said.text)
            jsonschema.validate(json.loads(settled.text), schema)
            if said.finish == "stop" and "\ufffd" not in said.text:  # bytes that are no text count as others
                assert settled.how != "closed", said.text
    assert refused <= schemas // 50


def test_calls_of_a_model_that_knows_nothing_validate(tiny: LlamaEngine) -> None:
    sampled_calls_validate(tiny, 40, 2, 40)


@pytest.mark.slow
def test_two_thousand_calls_over_two_hundred_schemas_validate(tiny: LlamaEngine) -> None:
    sampled_calls_validate(tiny, 200, 10, 60)
