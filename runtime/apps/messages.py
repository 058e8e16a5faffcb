"""LangChain's messages and tools as chat records, and answers as LangChain's messages.

Promise: what cannot be shown to a text model (images, sound, files) is refused by name. Knows nothing of
engines.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    ToolMessageChunk,
)
from langchain_core.messages import (
    ChatMessage as NamedMessage,
)
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call, tool_call_chunk
from langchain_core.utils.function_calling import convert_to_openai_tool

from ...graphs.chat import ChatAnswer, ChatMessage, Function, FunctionCall
from ...memory.engine import Role
from ...memory.errors import BadInput

Piece = Callable[[int], bytes]
_PROVIDER = "dormouse"
_WITHOUT_TEXT = ("tool_use", "tool_call", "tool_call_chunk", "reasoning", "thinking", "non_standard")


def told(messages: Sequence[BaseMessage]) -> tuple[ChatMessage, ...]:
    """The messages as chat records. Raises BadInput for a kind, or a block, that is not text."""
    return tuple(_told(message) for message in messages)


def told_what_can(
    messages: Sequence[BaseMessage], max_chars: int
) -> tuple[tuple[ChatMessage, ...], str | None]:
    """The messages that a chat request and the journal take, and the id of the last of them: those of at most
    `max_chars`, up to the last that is not the assistant's; of what is not all text its text, and nothing of
    a tool's whose call is not among them.
    """
    kept: list[tuple[ChatMessage, str | None]] = []
    calls: set[str] = set()
    for message in messages:
        try:
            one = _told(message, strict=False)
        except BadInput:
            continue
        if len(one.content) > max_chars or not (one.content.strip() or one.calls):
            continue
        if one.role == "tool" and one.call_id not in calls:
            continue
        calls.update(call.id for call in one.calls)
        kept.append((one, message.id))
    while kept and kept[-1][0].role == "assistant":
        kept.pop()
    return tuple(one for one, _ in kept), kept[-1][1] if kept else None


def function_of(tool: Any) -> Function:
    """A tool (a LangChain tool, a function, a pydantic class, a JSON Schema) as a function to offer."""
    described = convert_to_openai_tool(tool)["function"]
    parameters = described.get("parameters") or {"type": "object", "properties": {}}
    return Function(described["name"], described.get("description") or "", parameters)


def choice_of(tool_choice: Any, names: Sequence[str]) -> str:
    """A request's `choice` for what LangChain calls `tool_choice`."""
    if tool_choice is None or tool_choice is False:
        return "auto"
    if tool_choice is True or tool_choice == "any":
        return "required"
    if isinstance(tool_choice, Mapping):
        tool_choice = tool_choice.get("function", tool_choice).get("name", "")
    if tool_choice not in ("auto", "none", "required", *names):
        raise BadInput(f"tool_choice must be auto, none, any or a tool's name, and it is {tool_choice!r}.")
    return str(tool_choice)


def said(answer: ChatAnswer, model: str, piece: Piece | None) -> AIMessage:
    """The finished answer. With `piece`, the log-probabilities of its tokens stand in its metadata."""
    calls = [tool_call(name=c.name, args=json.loads(c.arguments), id=c.id) for c in answer.calls]
    return AIMessage(
        content=answer.text,
        tool_calls=calls,
        usage_metadata=usage(answer),
        response_metadata=metadata(answer, model, piece),
    )


def called(call: FunctionCall, index: int) -> AIMessageChunk:
    """A call, as a chunk of a stream."""
    chunk = tool_call_chunk(name=call.name, args=call.arguments, id=call.id, index=index)
    return AIMessageChunk(content="", tool_call_chunks=[chunk])


def ended(answer: ChatAnswer, model: str, piece: Piece | None) -> AIMessageChunk:
    """The last chunk of a stream: what the answer took, and how it ended."""
    return AIMessageChunk(
        content="",
        usage_metadata=usage(answer),
        response_metadata=metadata(answer, model, piece),
        chunk_position="last",
    )


def usage(answer: ChatAnswer) -> UsageMetadata:
    """Tokens in and out; of those in, how many were still in the KV cache."""
    return UsageMetadata(
        input_tokens=answer.prompt_tokens,
        output_tokens=answer.generated_tokens,
        total_tokens=answer.prompt_tokens + answer.generated_tokens,
        input_token_details={"cache_read": answer.reused_tokens},
    )


def metadata(answer: ChatAnswer, model: str, piece: Piece | None) -> dict[str, Any]:
    """What a LangChain app is told beside the answer."""
    found: dict[str, Any] = {
        "model_name": model,
        "model_provider": _PROVIDER,
        "finish_reason": answer.finish,
        "adapter": answer.adapter,
    }
    if piece is not None:
        found["logprobs"] = {"content": [_scored(token, piece) for token in answer.tokens]}
    return found


def _scored(token: Any, piece: Piece) -> dict[str, Any]:
    def one(id: int, logprob: float) -> dict[str, Any]:
        raw = piece(id)
        return {"token": raw.decode("utf-8", "replace"), "bytes": list(raw), "logprob": logprob}

    return {**one(token.id, token.logprob), "top_logprobs": [one(id, p) for id, p in token.top]}


def _told(message: BaseMessage, *, strict: bool = True) -> ChatMessage:
    text = _text(message, strict)
    if isinstance(message, AIMessage):
        calls = tuple(
            FunctionCall(call["id"] or "", call["name"], json.dumps(call["args"], ensure_ascii=False))
            for call in message.tool_calls
        )
        return ChatMessage("assistant", text, calls)
    if isinstance(message, ToolMessage | ToolMessageChunk):
        failed = "an error: " if message.status == "error" else ""
        return ChatMessage("tool", failed + text, call_id=message.tool_call_id)
    return ChatMessage(_role(message), text)


def _role(message: BaseMessage) -> Role:
    if isinstance(message, SystemMessage):
        return "system"
    if isinstance(message, HumanMessage):
        return "user"
    if isinstance(message, NamedMessage) and message.role in ("system", "developer"):
        return "system"
    if isinstance(message, NamedMessage) and message.role in ("user", "human"):
        return "user"
    if isinstance(message, NamedMessage) and message.role in ("assistant", "ai"):
        return "assistant"
    raise BadInput(
        f"A message must be the system's, a human's, an AI's or a tool's, and it is a {message.type!r}."
    )


def _text(message: BaseMessage, strict: bool) -> str:
    if isinstance(message.content, str):
        return message.content
    parts: list[str] = []
    for block in message.content:
        if isinstance(block, str):
            parts.append(block)
        elif block.get("type") == "text":
            parts.append(str(block.get("text", "")))
        elif block.get("type") == "tool_result":
            parts.append(json.dumps(block.get("content"), ensure_ascii=False))
        elif strict and block.get("type") not in _WITHOUT_TEXT:
            kind = block.get("type", "a block of no type")
            raise BadInput(f"Messages must be text for this model, and one holds {kind!r}.")
    return "\n".join(parts)
