"""The server as OpenAI's own client sees it, over a tiny random model: its mechanics, whatever it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from jsonschema import Draft202012Validator
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
