"""Tools in the base's own words, over a tiny random model whose template has some: mechanics, not wit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tiny_models import TOOL_TEMPLATE, TinyShape, write_tiny_llama

from dormouse.graphs.abc import Tool
from dormouse.graphs.chat import ChatAnswer, ChatMessage, ChatRequest, Function, FunctionCall
from dormouse.graphs.chat_prompt import call_schema, natively
from dormouse.graphs.chatting import Chatting
from dormouse.graphs.wake import Limits, WakeGraph, WakeTurn
from dormouse.memory.engine import Sampling
from dormouse.memory.grammar.constraint import constraint
from dormouse.memory.journal import Journal
from dormouse.memory.llama_engine import LlamaEngine
from dormouse.memory.settings import MemorySettings

TRIP: dict[str, Any] = {
    "type": "object",
    "properties": {"to": {"$ref": "#/$defs/Place"}, "days": {"type": "integer", "minimum": 1, "maximum": 9}},
    "required": ["to", "days"],
    "additionalProperties": False,
    "$defs": {
        "Place": {
            "type": "object",
            "properties": {"city": {"enum": ["Oslo", "Rome"]}},
            "required": ["city"],
            "additionalProperties": False,
        }
    },
}
BOOK = Function("book", "Books a trip.", TRIP)


class Booking(Tool):
    name, description, parameters = "book", "Books a trip.", TRIP

    def call(self, arguments: Mapping[str, Any]) -> str:
        return f"booked {arguments['days']} days"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaEngine]:
    gguf = tmp_path_factory.mktemp("native") / "base.gguf"
    write_tiny_llama(gguf, seed=3, shape=TinyShape(context=4096), template=TOOL_TEMPLATE)
    with LlamaEngine(gguf, context_tokens=4096, threads=1) as engine:
        yield engine


def answered(engine: LlamaEngine, request: ChatRequest) -> ChatAnswer:
    events = Chatting(engine).run(request)
    while True:
        try:
            next(events)
        except StopIteration as end:
            answer: ChatAnswer = end.value
            return answer


@pytest.mark.parametrize("seed", range(4))
def test_a_call_that_must_be_made_fits_its_schema(engine: LlamaEngine, seed: int) -> None:
    said = (ChatMessage("user", "Book me a trip."),)
    sampling = Sampling(temperature=1.0, seed=seed, max_tokens=64)
    call = answered(engine, ChatRequest(said, (BOOK,), "required", sampling)).calls[0]
    assert call.name == "book"
    Draft202012Validator(TRIP).validate(json.loads(call.arguments))


def test_what_begins_otherwise_is_said(engine: LlamaEngine) -> None:
    said = (ChatMessage("user", "hello you"),)
    ends = {answered(engine, ChatRequest(said, (BOOK,), "auto", _warm(seed))).finish for seed in range(6)}
    assert ends & {"stop", "length"}


def test_a_schema_with_references_of_its_own_is_held_to_without_a_template_too() -> None:
    asked = ChatRequest((ChatMessage("user", "x"),), (BOOK,), "book")
    trip = {"function": "book", "arguments": {"to": {"city": "Rome"}, "days": 2}}
    held = constraint(call_schema(asked))
    assert held.validates(trip)
    assert not held.validates({**trip, "arguments": {"to": {"city": "Paris"}, "days": 2}})


def test_calls_and_results_are_shown_as_the_template_has_them(engine: LlamaEngine) -> None:
    call = FunctionCall("c1", "book", '{"to": {"city": "Rome"}, "days": 2}')
    told = (
        ChatMessage("system", "Be kind."),
        ChatMessage("user", "Book me a trip."),
        ChatMessage("assistant", "", (call,)),
        ChatMessage("tool", "booked", (), "c1"),
    )
    syntax = engine.tool_syntax
    assert syntax is not None
    shown = engine.render(natively(told, syntax))
    assert (
        '<tool_call>\n{"name": "book", "arguments": {"to": {"city": "Rome"}, "days": 2}}\n</tool_call>'
        in shown
    )
    assert "<tool_response>\nbooked\n</tool_response>" in shown


def test_the_wake_graph_decides_in_the_same_words(engine: LlamaEngine, tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        graph = WakeGraph(
            lambda: engine,
            journal,
            persona="You are Pim.",
            memory=MemorySettings.model_validate({"context": {"max_answer_tokens": 8}}),
            tools=[Booking()],
            limits=Limits(max_steps=2),
        )
        session = journal.open_session("s").id
        calls = graph._calls
        native = calls.native(engine)
        assert native is not None and "<tools>" in engine.render(native.offered(_user()))
        for number in range(3):
            graph.run(WakeTurn(f"Book trip {number}.", session))
        made = [call for turn in journal.turns(session) for call in journal.tool_calls(turn.id)]
        for call in made:
            Draft202012Validator(TRIP).validate(dict(call.arguments))
        pending: Any = {"name": "book", "arguments": {"days": 2}}
        shown = calls.with_result(engine, _user(), pending, "booked 2 days", True)
        assert [message.role for message in shown] == ["user", "assistant", "tool"]


def _user() -> list[Any]:
    from dormouse.memory.engine import Message

    return [Message("user", "x")]


def _warm(seed: int) -> Sampling:
    return Sampling(temperature=1.0, seed=seed, max_tokens=8)
