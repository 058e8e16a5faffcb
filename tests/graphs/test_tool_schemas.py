"""The schema a tool declares is the one its calls are held to, whatever its shape and whoever asks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from scripted_engine import ScriptedEngine

from dormouse.graphs.abc import Tool
from dormouse.graphs.chat import ChatAnswer, ChatMessage, ChatRequest, Function
from dormouse.graphs.chat_prompt import instruction
from dormouse.graphs.chatting import Chatting
from dormouse.graphs.native_tools import arguments_schema, properties_of
from dormouse.graphs.wake import WakeGraph, WakeTurn
from dormouse.memory.engine import Sampling, Token
from dormouse.memory.errors import BadSchema
from dormouse.memory.grammar.constraint import constraint
from dormouse.memory.journal import Journal
from dormouse.memory.settings import MemorySettings
from dormouse.memory.tool_syntax import ToolSyntax
from dormouse.runtime.toolbox.files import Files


def way(name: str, kind: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": kind}},
        "required": [name],
        "additionalProperties": False,
    }


CITY = way("city", "string")
SCHEMAS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "anyOf": ({"anyOf": [CITY, way("zip", "integer"), {"type": "string"}]}, {"zip": 1234}),
    "oneOf": ({"oneOf": [way("zip", "integer"), CITY]}, {"city": "Oslo"}),
    "allOf": (
        {
            "allOf": [
                {"properties": {"a": {"type": "integer"}}, "required": ["a"]},
                {"properties": {"b": {"type": "boolean"}}, "required": ["b"]},
            ]
        },
        {"a": 1, "b": True},
    ),
    "ref": ({"$ref": "#/$defs/place", "$defs": {"place": CITY}}, {"city": "Rome"}),
    "ref by its own id": (
        {"$id": "urn:t", "$ref": "urn:t#/$defs/place", "$defs": {"place": CITY}},
        {"city": "Rome"},
    ),
    "ref to itself": (
        {
            "anyOf": [
                way("leaf", "integer"),
                {"type": "object", "properties": {"below": {"$ref": "#"}}, "required": ["below"]},
            ]
        },
        {"below": {"leaf": 3}},
    ),
    "map": ({"type": "object", "additionalProperties": {"type": "integer"}}, {"x": 1, "y": 2}),
    "names by pattern": (
        {
            "type": "object",
            "patternProperties": {"^x_[a-z]$": {"type": "integer"}},
            "additionalProperties": False,
        },
        {"x_a": 4},
    ),
}


class Taker(Tool):
    name, description = "take", "takes something"

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self.parameters, self.taken = parameters, list[Mapping[str, Any]]()

    def call(self, arguments: Mapping[str, Any]) -> str:
        self.taken.append(arguments)
        return "taken"


class Native(ScriptedEngine):
    """An engine whose template knows tools."""

    @property
    def tool_syntax(self) -> ToolSyntax:
        return ToolSyntax("", "", "name", "arguments")


def saying(call: str, native: bool) -> ScriptedEngine:
    said = iter([call, call] if native else [call])  # with a template a call is begun, and then said
    return (Native if native else ScriptedEngine)(script=lambda messages: next(said, '{"tool": "none"}'))


def chatted(engine: ScriptedEngine, request: ChatRequest) -> tuple[ChatAnswer, str]:
    """The answer, and what was given of it on the way."""
    given, pieces = Chatting(engine).run(request), ""
    while True:
        try:
            piece = next(given)
        except StopIteration as end:
            return end.value, pieces
        pieces += piece.text if isinstance(piece, Token) else ""


def asking(parameters: Mapping[str, Any], choice: str = "required") -> ChatRequest:
    return ChatRequest((ChatMessage("user", "go"),), (Function("take", "", parameters),), choice)


def called(key: str, arguments: Any) -> str:
    return json.dumps({key: "take", "arguments": arguments})


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("name", SCHEMAS)
def test_by_day_a_call_has_the_arguments_its_schema_allows(name: str, native: bool, tmp_path: Path) -> None:
    schema, arguments = SCHEMAS[name]
    tool, engine = Taker(schema), saying(called("name" if native else "tool", arguments), native)
    with Journal(tmp_path / "journal.db") as journal:
        wake = WakeGraph(lambda: engine, journal, persona="P", memory=MemorySettings(), tools=[tool])
        wake.run(WakeTurn("go", journal.open_session().id))
    assert tool.taken == [arguments]


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("name", SCHEMAS)
def test_an_app_is_given_the_arguments_its_schema_allows_and_no_others(name: str, native: bool) -> None:
    schema, arguments = SCHEMAS[name]
    for given in (arguments, {}, {"city": 3, "zip": "x", "x_a": "no"}):
        said = saying(called("name" if native else "function", given)[:-1], native)
        (call,) = chatted(said, asking(schema))[0].calls
        found = json.loads(call.arguments)
        Draft202012Validator(schema).validate(found)
        assert isinstance(found, dict) and (given is not arguments or found == arguments)


@pytest.mark.parametrize("parameters", [{}, {"type": "object", "properties": {}, "required": []}])
def test_a_schema_that_says_nothing_of_its_object_takes_no_arguments(parameters: dict[str, Any]) -> None:
    held = constraint(arguments_schema(parameters, "#"))
    assert held.validates({}) and not held.validates({"made": "up"})


def test_parameters_that_allow_no_object_are_refused() -> None:
    with pytest.raises(BadSchema, match="nothing at all"):
        constraint(arguments_schema({"type": "string"}, "#"))


def test_the_model_is_told_of_arguments_wherever_they_are_named() -> None:
    assert properties_of(SCHEMAS["ref"][0]).keys() == {"city"}
    assert "take(city: string, zip: integer)" in instruction(asking(SCHEMAS["anyOf"][0]))
    assert properties_of({"$ref": "#/$defs/absent", "anyOf": 3, "properties": []}) == {}


def test_files_are_read_on_a_base_whose_template_knows_tools(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    call = {"name": "files", "arguments": {"action": "read", "path": "a.txt"}}
    with Journal(tmp_path / "journal.db") as journal:
        session = journal.open_session().id
        wake = WakeGraph(
            lambda: saying(json.dumps(call), True),
            journal,
            persona="P",
            memory=MemorySettings(),
            tools=[Files(tmp_path)],
        )
        wake.run(WakeTurn("read a.txt", session))
        assert journal.turns(session)[1].content == "hello"


UNSEEN: dict[str, Any] = {
    "type": "object",
    "properties": {"tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True}},
    "required": ["tags"],
    "additionalProperties": False,
}
TWICE = {"tags": ["a", "a"]}


@pytest.mark.parametrize("native", [False, True])
def test_what_no_grammar_holds_is_checked_in_a_call_that_was_said_to_its_end(native: bool) -> None:
    key = "name" if native else "function"
    (call,) = chatted(saying(called(key, TWICE), native), asking(UNSEEN))[0].calls
    Draft202012Validator(UNSEEN).validate(json.loads(call.arguments))
    free = chatted(saying(called(key, TWICE), native), asking(UNSEEN, "auto"))[0]
    assert free.calls == (), "what was not meant is not called where nothing must be"


@pytest.mark.parametrize(
    "schema",
    [
        UNSEEN,
        {"type": "object", "required": ["tags"], "properties": {"tags": {"not": {"const": ["a", "a"]}}}},
        {"if": {"required": ["tags"]}, "then": {"required": ["why"]}, "properties": {"tags": {}, "why": {}}},
        {"propertyNames": {"maxLength": 3}, "additionalProperties": True, "type": "object"},
    ],
)
def test_what_no_grammar_holds_is_checked_in_an_answer_that_was_said_to_its_end(
    schema: dict[str, Any],
) -> None:
    sampling = Sampling(json_schema=json.dumps(schema), max_tokens=64)
    request = ChatRequest((ChatMessage("user", "go"),), sampling=sampling)
    answer, pieces = chatted(saying(json.dumps(TWICE), False), request)
    assert pieces == answer.text
    Draft202012Validator(schema).validate(json.loads(answer.text))
    assert answer.tokens == () and answer.generated_tokens > 0


def test_an_answer_that_keeps_every_rule_is_given_as_it_was_said() -> None:
    said = json.dumps({"tags": ["a", "b"]})
    request = ChatRequest((ChatMessage("user", "go"),), sampling=Sampling(json_schema=json.dumps(UNSEEN)))
    answer, pieces = chatted(saying(said, False), request)
    assert answer.text == pieces == said == "".join(token.text for token in answer.tokens)
