"""The server as OpenAI's own client sees it, over a tiny random model: its mechanics, whatever it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import httpx
import httpx2
import openai
import pytest
from hashed_embedder import HashedEmbedder
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from served import Served, serving
from tiny_models import TinyShape, write_tiny_llama

from dormouse.memory.llama_engine import LlamaEngine

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"enum": ["Oslo", "Rome"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 9},
    },
    "required": ["city", "days"],
    "additionalProperties": False,
}
TOOL: Any = {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}
HELLO: Any = [{"role": "user", "content": "Hello, my dog is called Biscotti."}]


BROKEN: Any = {"type": "object", "properties": {"a": {"type": "nope"}}}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    gguf = write_tiny_llama(folder / "base.gguf", shape=TinyShape(context=4096), seed=3)
    with (
        LlamaEngine(gguf, context_tokens=4096, threads=1) as engine,
        serving(folder / "home", engine) as server,
    ):
        yield server


@pytest.fixture
def client(served: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_chat_answers_and_counts(client: openai.OpenAI) -> None:
    said = client.chat.completions.create(model="dormouse", messages=HELLO, max_tokens=8)
    assert said.choices[0].finish_reason in ("stop", "length")
    assert said.usage is not None and 0 < said.usage.completion_tokens <= 8


def test_stream_joins_to_what_chat_says(client: openai.OpenAI) -> None:
    asked: Any = {"model": "dormouse", "messages": HELLO, "max_tokens": 8, "extra_body": {"store": False}}
    whole = client.chat.completions.create(**asked)
    chunks = list(
        client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert (
        chunks[-1].usage is not None and chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    )
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == [
        whole.choices[0].finish_reason
    ]


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
@pytest.mark.parametrize("stream", [False, True])
def test_a_required_tool_is_called_with_arguments_that_fit(
    client: openai.OpenAI, choice: Any, stream: bool
) -> None:
    asked: Any = {"model": "dormouse", "messages": HELLO, "tools": [TOOL], "tool_choice": choice}
    if stream:
        deltas = [
            c.choices[0].delta for c in client.chat.completions.create(**asked, stream=True) if c.choices
        ]
        call = next(delta.tool_calls[0] for delta in deltas if delta.tool_calls)
        name, arguments = call.function.name, call.function.arguments
    else:
        said = client.chat.completions.create(**asked).choices[0]
        assert said.finish_reason == "tool_calls" and said.message.tool_calls
        given: Any = said.message.tool_calls[0]
        name, arguments = given.function.name, given.function.arguments
    assert name == "get_weather"
    Draft202012Validator(SCHEMA).validate(json.loads(arguments or ""))


def test_a_tool_s_result_is_answered_and_journaled_as_untrusted(
    client: openai.OpenAI, served: Served
) -> None:
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'},
    }
    messages: Any = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "It rains."},
    ]
    said: Any = client.chat.completions.create(
        model="dormouse", messages=messages, tools=[TOOL], max_tokens=4
    )
    turns = httpx.get(f"{served.url}/v1/sessions/{said.dormouse['session']}/turns").json()["data"]
    results = [turn for turn in turns if turn["role"] == "tool"]
    assert [(turn["content"], turn["trusted"]) for turn in results] == [("It rains.", False)]


ADD: Any = {
    "type": "function",
    "function": {
        "name": "add",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}},
            "required": ["a"],
            "additionalProperties": False,
        },
    },
}


def test_of_the_tools_offered_those_allowed_are_called(client: openai.OpenAI) -> None:
    choice: Any = {"mode": "required", "tools": [{"type": "function", "function": {"name": "add"}}]}
    said = client.chat.completions.create(
        model="dormouse",
        messages=HELLO,
        tools=[TOOL, ADD],
        tool_choice={"type": "allowed_tools", "allowed_tools": choice},
    )
    assert [call.function.name for call in said.choices[0].message.tool_calls or []] == ["add"]  # type: ignore[union-attr]


def test_no_tool_is_called_where_none_may_be(client: openai.OpenAI) -> None:
    said = client.chat.completions.create(
        model="dormouse", messages=HELLO, tools=[TOOL], tool_choice="none", max_tokens=4
    )
    assert said.choices[0].message.tool_calls is None and said.choices[0].message.content


def test_calls_made_at_once_and_a_refusal_are_taken_back_in(client: openai.OpenAI) -> None:
    calls = [
        {"id": f"c{n}", "type": "function", "function": {"name": "add", "arguments": f'{{"a": {n}}}'}}
        for n in range(2)
    ]
    messages: Any = [
        *HELLO,
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"role": "user", "content": "Please."},
        {"role": "assistant", "content": None, "tool_calls": calls},
        *({"role": "tool", "tool_call_id": f"c{n}", "content": str(n)} for n in range(2)),
    ]
    said = client.chat.completions.create(
        model="dormouse", messages=messages, tools=[ADD], max_tokens=4, parallel_tool_calls=True
    )
    assert said.choices[0].finish_reason in ("stop", "length", "tool_calls")


class Kind(Enum):
    PLAIN = "plain"
    OTHER = "öther"


class Leg(BaseModel):
    to: str
    kind: Kind


class Trip(BaseModel):
    legs: list[Leg]
    price: int | str | None
    paid: bool


@pytest.mark.parametrize("stream", [False, True])
def test_a_pydantic_model_with_nested_enums_and_unions_is_parsed(client: openai.OpenAI, stream: bool) -> None:
    asked: Any = {"model": "dormouse", "messages": HELLO, "response_format": Trip, "max_tokens": 800}
    if stream:
        with client.chat.completions.stream(**asked) as events:
            said = events.get_final_completion()
    else:
        said = client.chat.completions.parse(**asked)
    assert isinstance(said.choices[0].message.parsed, Trip)


def test_a_stop_text_ends_the_answer_and_the_same_seed_gives_the_same(client: openai.OpenAI) -> None:
    def said(**more: Any) -> str:
        asked = {"model": "dormouse", "messages": HELLO, "max_tokens": 24, "temperature": 1.0, "seed": 7}
        whole = client.chat.completions.create(**{**asked, **more}, extra_body={"store": False})
        return str(whole.choices[0].message.content)

    whole = said()
    assert len(whole) > 8 and said() == whole != said(seed=8)
    assert said(stop=[whole[5:8], "never said"]) == whole[:5] == said(stop=whole[5:8])


def test_json_schema_holds(client: openai.OpenAI) -> None:
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "trip", "schema": SCHEMA}}
    said = client.chat.completions.create(model="dormouse", messages=HELLO, response_format=wanted)
    Draft202012Validator(SCHEMA).validate(json.loads(said.choices[0].message.content or ""))


def test_logprobs_are_probabilities_best_first(client: openai.OpenAI) -> None:
    said = client.chat.completions.create(
        model="dormouse", messages=HELLO, max_tokens=4, logprobs=True, top_logprobs=3
    )
    scores = said.choices[0].logprobs
    assert scores is not None and scores.content
    for token in scores.content:
        top = [one.logprob for one in token.top_logprobs]
        assert len(top) == 3 and top == sorted(top, reverse=True) and token.logprob == pytest.approx(top[0])
        assert token.bytes is not None and bytes(token.bytes).decode("utf-8", "replace") == token.token


def test_several_answers(client: openai.OpenAI) -> None:
    said = client.chat.completions.create(
        model="dormouse", messages=HELLO, max_tokens=4, n=3, temperature=1.0
    )
    assert [choice.index for choice in said.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in said.choices}) > 1


def test_a_chat_that_goes_on_stays_one_session(client: openai.OpenAI) -> None:
    first: Any = client.chat.completions.create(model="dormouse", messages=HELLO, max_tokens=4)
    more: Any = [
        *HELLO,
        {"role": "assistant", "content": first.choices[0].message.content},
        {"role": "user", "content": "What did I say?"},
    ]
    second: Any = client.chat.completions.create(model="dormouse", messages=more, max_tokens=4)
    apart: Any = client.chat.completions.create(model="dormouse", messages=HELLO, max_tokens=4)
    assert second.dormouse["session"] == first.dormouse["session"] != apart.dormouse["session"]


def test_a_named_session_brings_its_history(client: openai.OpenAI, served: Served) -> None:
    body = {"session": "walk"}
    for words in ("We met in Oslo.", "Where did we meet?"):
        said: Any = client.chat.completions.create(
            model="dormouse", messages=[{"role": "user", "content": words}], max_tokens=4, extra_body=body
        )
    turns = httpx.get(f"{served.url}/v1/sessions/walk/turns").json()["data"]
    assert [turn["role"] for turn in turns] == ["user", "assistant"] * 2
    assert said.usage.prompt_tokens > 40


def test_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["dormouse"]
    assert client.models.retrieve("dormouse").id == "dormouse"


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"model": "gpt-9"}, openai.NotFoundError),
        ({"messages": []}, openai.BadRequestError),
        ({"messages": [{"role": "wizard", "content": "x"}]}, openai.BadRequestError),
        ({"messages": [{"role": "assistant", "content": "x"}]}, openai.BadRequestError),
        ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "none"}]}, openai.BadRequestError),
        ({"messages": [{"role": "user", "content": "word " * 8000}]}, openai.BadRequestError),
        ({"temperature": 9}, openai.BadRequestError),
        ({"logit_bias": {"5": 1}}, openai.BadRequestError),
        ({"n": 99}, openai.BadRequestError),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "no"}}},
            openai.BadRequestError,
        ),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, openai.BadRequestError),
        ({"extra_body": {"session": "\n"}}, openai.BadRequestError),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": BROKEN}}},
            openai.BadRequestError,
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": BROKEN}}]},
            openai.BadRequestError,
        ),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_cannot_be_used_is_refused_in_a_sentence(
    client: openai.OpenAI, change: dict[str, Any], kind: type[openai.APIStatusError], stream: bool
) -> None:
    asked: Any = {"model": "dormouse", "messages": HELLO, "max_tokens": 4, "stream": stream, **change}
    with pytest.raises(kind) as refused:
        client.chat.completions.create(**asked)
    error: Any = refused.value.body
    assert error["message"].endswith(".") and "Traceback" not in error["message"]


PICTURE: Any = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"n": 99}, "n"),
        ({"temperature": 9}, "temperature"),
        ({"stop": ""}, "stop"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"functions": [{"name": "f", "parameters": {}}]}, "functions"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, PICTURE]}]},
            "messages.0.content.1",
        ),
        ({"messages": [{"role": "user"}, {"content": "x"}]}, "messages.1.role"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages"),
        ({"tools": [TOOL, TOOL]}, "tools"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": BROKEN}}]},
            "tools.0.function.parameters",
        ),
        ({"tools": [TOOL], "tool_choice": "maybe"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {}}}, "tool_choice.function.name"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "no"}}}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, "response_format"),
    ],
)
def test_a_refusal_names_the_parameter_as_the_request_does(
    client: openai.OpenAI, change: dict[str, Any], param: str
) -> None:
    asked: Any = {"model": "dormouse", "messages": HELLO, "max_tokens": 4, **change}
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(**asked)
    assert refused.value.param == param, refused.value.message


def test_an_unknown_model_is_told_by_the_code_clients_look_for(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        client.chat.completions.create(model="gpt-9", messages=HELLO)
    assert (refused.value.code, refused.value.param) == ("model_not_found", "model")


def test_a_schema_that_cannot_be_held_to_is_refused_before_anything_is_journaled(
    client: openai.OpenAI, served: Served
) -> None:
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(
            model="dormouse",
            messages=[{"role": "user", "content": "Never heard."}],
            response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": BROKEN}},
        )
    listed = httpx.get(f"{served.url}/v1/sessions", params={"limit": 1000}).json()["data"]
    turns = [httpx.get(f"{served.url}/v1/sessions/{each['id']}/turns").text for each in listed]
    assert not any("Never heard." in text for text in turns)


class Losing(httpx2.BaseTransport):
    """A wire that loses the first answer, whole as it was."""

    def __init__(self) -> None:
        self.wire, self.lost = httpx2.HTTPTransport(), 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answered = self.wire.handle_request(request)
        if not self.lost:
            self.lost = 1
            answered.read()
            answered.close()
            raise httpx2.ReadError("lost on the way", request=request)
        return answered

    def close(self) -> None:
        self.wire.close()


@pytest.mark.parametrize("key", [None, "k1"])
@pytest.mark.parametrize("history", [False, True])
def test_a_first_message_whose_whole_answer_was_lost_goes_on_in_its_session_when_sent_again(
    tmp_path: Path, key: str | None, history: bool
) -> None:
    with (
        serving(tmp_path, embedder=HashedEmbedder()) as server,
        httpx2.Client(transport=Losing()) as losing,
        openai.OpenAI(
            base_url=f"{server.url}/v1", api_key="none", http_client=losing, max_retries=0 if key else 2
        ) as client,
    ):
        asked: Any = {"model": "dormouse", "messages": HELLO}
        if key:
            asked["extra_headers"] = {"Idempotency-Key": key}
        if history:
            asked["extra_body"] = {"session": "walk"}
        if key:
            with pytest.raises(openai.APIConnectionError):
                client.chat.completions.create(**asked)
        said: Any = client.chat.completions.create(**asked)
        other: Any = client.chat.completions.create(
            **{**asked, "messages": [{"role": "user", "content": "New."}]}
        )
        journal = server.scopes.owner.space.journal
        turns = [(turn.role, turn.content) for turn in journal.turns(said.dormouse["session"])]
        heard = [turn.content for each in journal.sessions() for turn in journal.turns(each.id)]
    own = [("user", HELLO[0]["content"]), ("assistant", said.choices[0].message.content)]
    assert heard.count(HELLO[0]["content"]) == 1, "it is journaled once"
    assert turns[:2] == own and (len(turns) == 2) == (not history)
    assert (other.dormouse["session"] == said.dormouse["session"]) == history
