"""What OpenAI's clients send, and what they are sent: the shapes, and their way to chat records and back.

Promise: a request is refused for what would be ignored to its harm, by the name of the parameter. Knows
nothing of how it is answered.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ...graphs.chat import ChatAnswer, ChatFinish, ChatMessage, ChatRequest, Function, FunctionCall
from ...graphs.chat_prompt import call_schema
from ...graphs.native_tools import arguments_schema
from ...memory.engine import Role, Sampling, Token
from ...memory.errors import BadInput, BadSchema
from ...memory.grammar.constraint import constraint
from ..errors import BadParameter

Piece = Callable[[int], bytes]
_FINISHES: Mapping[ChatFinish, str] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "cancelled": "stop",
}
_ROLES: Mapping[str, Role] = {"developer": "system", "function": "tool"}
_ANY_JSON = json.dumps({"type": "object"})
Text = Annotated[str, Field(max_length=10_000_000)]


class _Given(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class TextPart(_Given):
    type: Literal["text"]
    text: Text


class RefusalPart(_Given):
    type: Literal["refusal"]
    refusal: Text


class CalledFunction(_Given):
    name: str
    arguments: str = "{}"


class GivenCall(_Given):
    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class GivenMessage(_Given):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Text | list[Annotated[TextPart | RefusalPart, Field(discriminator="type")]] | None = None
    tool_calls: list[GivenCall] | None = None
    tool_call_id: str | None = None
    name: str | None = None


class DeclaredFunction(_Given):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class GivenTool(_Given):
    type: Literal["function"]
    function: DeclaredFunction


class NamedFunction(_Given):
    name: str


class NamedTool(_Given):
    type: Literal["function"] = "function"
    function: NamedFunction


class AllowedFunctions(_Given):
    mode: Literal["auto", "required"]
    tools: list[NamedTool] = Field(min_length=1, max_length=128)


class AllowedTools(_Given):
    type: Literal["allowed_tools"]
    allowed_tools: AllowedFunctions


class DeclaredSchema(_Given):
    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)
    name: str = "answer"
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")


class ResponseFormat(_Given):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: DeclaredSchema | None = None


class StreamOptions(_Given):
    include_usage: bool = False


class ChatBody(_Given):
    """POST /v1/chat/completions. `session` is ours, and `store` says whether it is journaled."""

    messages: list[GivenMessage] = Field(min_length=1, max_length=10_000)
    model: str | None = Field(default=None, max_length=200)
    session: str | None = Field(default=None, min_length=1, max_length=200)
    store: bool | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: int | None = Field(default=1, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    stop: str | list[str] | None = None
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    logprobs: bool | None = False
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    tools: list[GivenTool] | None = Field(default=None, max_length=128)
    tool_choice: Literal["none", "auto", "required"] | NamedTool | AllowedTools | None = None
    response_format: ResponseFormat | None = None
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    logit_bias: dict[str, float] | None = None
    functions: list[Any] | None = None
    function_call: Any = None
    modalities: list[str] | None = None


_REFUSED = ("presence_penalty", "frequency_penalty", "logit_bias")
_OLD = {"functions": "tools", "function_call": "tool_choice"}


def chat_request(body: ChatBody, default_max_tokens: int) -> ChatRequest:
    """The body as a chat request. Raises BadParameter for what cannot be done."""
    _refuse_unsupported(body)
    with _about("tools"):
        functions = tuple(
            Function(
                tool.function.name,
                tool.function.description or "",
                tool.function.parameters or {"type": "object", "properties": {}},
            )
            for tool in body.tools or ()
        )
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    schema = _schema(body.response_format)
    limit = body.max_completion_tokens or body.max_tokens
    with _about("stop"):
        sampling = Sampling(
            temperature=body.temperature or 0.0,
            top_p=1.0 if body.top_p is None else body.top_p,
            max_tokens=limit or (max(default_max_tokens, 1024) if schema else default_max_tokens),
            stop=stop,
            seed=(body.seed or 0) % 2**63,
            json_schema=schema,
            top_logprobs=body.top_logprobs or 0,
        )
    with _about("messages"):
        request = ChatRequest(tuple(map(_told, body.messages)), sampling=sampling)
    with _about("tools"):
        request = replace(request, functions=functions)
    with _about("tool_choice"):
        return _chosen(request, body.tool_choice or "auto")


def check_schemas(request: ChatRequest) -> None:
    """Whether an answer, and calls, can be held to the request's schemas. Raises BadParameter. Takes its time
    where a schema is seen for the first time.
    """
    if request.sampling.json_schema is not None:
        with _about("response_format"):
            constraint(request.sampling.json_schema)
    if not request.functions or request.choice == "none":
        return
    try:
        constraint(call_schema(request))
    except BadSchema:
        for at, function in enumerate(request.functions):
            with _about(f"tools.{at}.function.parameters"):
                constraint(arguments_schema(function.parameters, "#"))
        with _about("tools"):
            raise


def completion(
    id: str,
    created: int,
    model: str,
    answers: list[ChatAnswer],
    own: Mapping[str, Any],
    logprobs: int | None,
    piece: Piece,
) -> dict[str, Any]:
    """A whole chat.completion; `own` says what only Dormouse knows."""
    choices = [
        {
            "index": index,
            "message": {
                "role": "assistant",
                "content": answer.text if not answer.calls else None,
                "refusal": None,
                **({"tool_calls": [_call(call) for call in answer.calls]} if answer.calls else {}),
            },
            "logprobs": _all_scores(answer, logprobs, piece),
            "finish_reason": _FINISHES[answer.finish],
        }
        for index, answer in enumerate(answers)
    ]
    return {
        "id": id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": choices,
        "usage": usage(answers),
        "dormouse": dict(own),
    }


def chunk(
    id: str,
    created: int,
    model: str,
    index: int,
    delta: Mapping[str, Any],
    finish: ChatFinish | None = None,
    **more: Any,
) -> dict[str, Any]:
    """One chat.completion.chunk."""
    choice = {
        "index": index,
        "delta": dict(delta),
        "logprobs": more.pop("logprobs", None),
        "finish_reason": None if finish is None else _FINISHES[finish],
    }
    return {
        "id": id,
        "object": "chat.completion.chunk",
        "created": created,
        "model": model,
        "choices": [choice],
        **more,
    }


def call_delta(call: FunctionCall) -> dict[str, Any]:
    """A call as a chunk's delta."""
    return {"tool_calls": [{"index": 0, **_call(call)}]}


def token_scores(token: Token, top: int, piece: Piece) -> dict[str, Any]:
    """A chunk's log-probabilities."""
    return {"content": _scores((token,), top, piece), "refusal": None}


def usage(answers: list[ChatAnswer]) -> dict[str, Any]:
    """Tokens in and out, of all answers together; the prompt counts once."""
    prompt = max((answer.prompt_tokens for answer in answers), default=0)
    generated = sum(answer.generated_tokens for answer in answers)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": generated,
        "total_tokens": prompt + generated,
        "prompt_tokens_details": {"cached_tokens": answers[0].reused_tokens if answers else 0},
    }


@contextmanager
def _about(param: str) -> Iterator[None]:
    """Names the parameter that was found to be wrong."""
    try:
        yield
    except BadSchema as error:
        raise BadParameter(param, f"The JSON schema in {param} cannot be used: {error.cause}.") from error
    except BadInput as error:
        raise BadParameter(param, str(error)) from error


def _refuse_unsupported(body: ChatBody) -> None:
    for name in _REFUSED:
        if getattr(body, name):
            raise BadParameter(name, f"{name} is not supported here, and it is {getattr(body, name)!r}.")
    for name, instead in _OLD.items():
        if getattr(body, name):
            raise BadParameter(name, f"{name} is not supported here; {instead} has taken its place.")
    if other := [name for name in body.modalities or () if name != "text"]:
        raise BadParameter("modalities", f"Answers are text alone, and {other[0]!r} was asked for.")
    if body.top_logprobs is not None and not body.logprobs:
        raise BadParameter("top_logprobs", "top_logprobs needs logprobs to be true, and it is not.")


def _chosen(request: ChatRequest, choice: str | NamedTool | AllowedTools) -> ChatRequest:
    if isinstance(choice, str):
        return replace(request, choice=choice)
    if isinstance(choice, NamedTool):
        return replace(request, choice=choice.function.name)
    allowed = [tool.function.name for tool in choice.allowed_tools.tools]
    offered = {function.name: function for function in request.functions}
    if unknown := [name for name in allowed if name not in offered]:
        raise BadInput(f"The functions allowed must be among those offered, and {unknown[0]!r} is not.")
    functions = tuple(function for name, function in offered.items() if name in allowed)
    return replace(request, functions=functions, choice=choice.allowed_tools.mode)


def _told(message: GivenMessage) -> ChatMessage:
    content = message.content or ""
    text = content if isinstance(content, str) else "\n".join(map(_text_of, content))
    calls = tuple(FunctionCall(c.id, c.function.name, c.function.arguments) for c in message.tool_calls or ())
    role: Role = _ROLES.get(message.role) or message.role  # type: ignore[assignment]
    return ChatMessage(role, text, calls, message.tool_call_id)


def _text_of(part: TextPart | RefusalPart) -> str:
    return part.text if isinstance(part, TextPart) else part.refusal


def _schema(wanted: ResponseFormat | None) -> str | None:
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return _ANY_JSON
    if wanted.json_schema is None or wanted.json_schema.schema_ is None:
        raise BadParameter(
            "response_format",
            "response_format of the type json_schema must have json_schema.schema, and it has none.",
        )
    return json.dumps(wanted.json_schema.schema_)


def _call(call: FunctionCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _all_scores(answer: ChatAnswer, top: int | None, piece: Piece) -> dict[str, Any] | None:
    return None if top is None else {"content": _scores(answer.tokens, top, piece), "refusal": None}


def _scores(tokens: tuple[Token, ...], top: int, piece: Piece) -> list[dict[str, Any]]:
    def one(id: int, logprob: float) -> dict[str, Any]:
        raw = piece(id)
        return {"token": raw.decode("utf-8", "replace"), "bytes": list(raw), "logprob": logprob}

    return [{**one(t.id, t.logprob), "top_logprobs": [one(id, p) for id, p in t.top[:top]]} for t in tokens]
