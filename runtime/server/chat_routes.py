"""The routes OpenAI's clients know for chats: completions, and the models that answer them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from ...graphs.chat import ChatAnswer, ChatRequest, FunctionCall
from ...memory.engine import Token
from ...memory.errors import DormouseError, UnknownRecord
from ..chats import ChatReply
from ..errors import BadParameter
from . import shapes
from .fair_queue import QueueFull
from .faults import REFUSALS, fault_of
from .gate import FAULT, error_body
from .state import House, house_of
from .turns import ClientGone, Event, Pieces, Sent

router = APIRouter(prefix="/v1", responses=REFUSALS)

Taken = AsyncGenerator[tuple[int, Event | ChatReply], None]


@router.post("/chat/completions", response_model=None)
async def chat_completions(
    body: shapes.ChatBody,
    request: Request,
    key: Annotated[str | None, Header(alias="Idempotency-Key", max_length=255)] = None,
    retries: Annotated[str | None, Header(alias="X-Stainless-Retry-Count", include_in_schema=False)] = None,
) -> Response:
    """Answer a chat. What is new in it is journaled, unless `store` is false; `session` names its session.

    A request sent again under its Idempotency-Key, or by OpenAI's client by itself, goes on with the same
    session: its words are journaled once, and the answer that was lost is withdrawn.
    """
    house = house_of(request)
    if body.model is not None and body.model not in (house.name, "dormouse"):
        raise UnknownRecord("model", body.model)
    n = body.n or 1
    if n > house.settings.max_answers:
        raise BadParameter("n", f"n must be at most {house.settings.max_answers}, and it is {n}.")
    asked = shapes.chat_request(body, house.spec.memory.context.max_answer_tokens)
    await asyncio.to_thread(shapes.check_schemas, asked)
    answering = Answering(house, body)
    journal = body.store is not False
    sent = Sent(asked, body.session, journal, _once(key, asked), retries not in (None, "", "0"))
    taken = house.turns.taken(request.state.user, sent, n, request.receive, answering.pieces)
    if not body.stream:
        async with aclosing(taken):
            replies = [event async for _, event in taken if isinstance(event, ChatReply)]
        return JSONResponse(answering.whole(replies))
    try:
        first = await anext(taken)  # before a status is sent, so that what fails at once has its own
    except BaseException:
        await taken.aclose()
        raise
    return StreamingResponse(
        answering.streamed(first, taken),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store"},
    )


@router.get("/models")
async def models(request: Request) -> dict[str, Any]:
    """The models served: one, by the spec's name."""
    return {"object": "list", "data": [_model(house_of(request))]}


@router.get("/models/{model}")
async def model(model: str, request: Request) -> dict[str, Any]:
    """The model of that name."""
    house = house_of(request)
    if model not in (house.name, "dormouse"):
        raise UnknownRecord("model", model)
    return _model(house)


class Answering:
    """One completion as it is sent, whole or in chunks."""

    def __init__(self, house: House, body: shapes.ChatBody) -> None:
        self.pieces = Pieces() if body.logprobs else None
        self._body, self._model = body, house.name
        self._id = f"chatcmpl-{secrets.token_hex(12)}"
        self._created = int(time.time())
        self._scores = (body.top_logprobs or 0) if body.logprobs else None

    def whole(self, replies: list[ChatReply]) -> dict[str, Any]:
        """The chat.completion object."""
        answers = [reply.answer for reply in replies]
        own, pieces = _own(replies[0]), self.pieces or Pieces()
        return shapes.completion(self._id, self._created, self._model, answers, own, self._scores, pieces)

    async def streamed(self, first: tuple[int, Event | ChatReply], rest: Taken) -> AsyncIterator[bytes]:
        """The chunks as server-sent events. What fails midway is the last of them."""
        answers: list[ChatAnswer] = []
        async with aclosing(rest):
            try:
                begun: set[int] = set()
                for line in self._lines(*first, begun, answers):
                    yield line
                async for index, event in rest:
                    for line in self._lines(index, event, begun, answers):
                        yield line
            except ClientGone:
                return
            except (DormouseError, QueueFull) as error:
                yield _line(fault_of(error)[1])
                return
            except Exception:
                # The status is sent already: the client is told here, or not at all.
                yield _line(error_body(FAULT, "server_error"))
                raise
        if self._body.stream_options is not None and self._body.stream_options.include_usage:
            yield _line({**self._chunk(0, {}), "choices": [], "usage": shapes.usage(answers)})
        yield b"data: [DONE]\n\n"

    def _lines(
        self, index: int, event: Event | ChatReply, begun: set[int], answers: list[ChatAnswer]
    ) -> list[bytes]:
        lines: list[bytes] = []
        if index not in begun:
            begun.add(index)
            lines.append(_line(self._chunk(index, {"role": "assistant", "content": ""})))
        if isinstance(event, ChatReply):
            answers.append(event.answer)
            last = shapes.chunk(
                self._id, self._created, self._model, index, {}, event.answer.finish, dormouse=_own(event)
            )
            return [*lines, _line(last)]
        if isinstance(event, FunctionCall):
            return [*lines, _line(self._chunk(index, shapes.call_delta(event)))]
        if event.text or self._scores is not None:
            lines.append(_line(self._chunk(index, {"content": event.text}, self._score(event))))
        return lines

    def _score(self, token: Token) -> dict[str, Any] | None:
        if self._scores is None or self.pieces is None:
            return None
        return shapes.token_scores(token, self._scores, self.pieces)

    def _chunk(self, index: int, delta: Mapping[str, Any], logprobs: Any = None) -> dict[str, Any]:
        return shapes.chunk(self._id, self._created, self._model, index, delta, logprobs=logprobs)


def _once(key: str | None, asked: ChatRequest) -> str | None:
    """The key of this request's turns: a key of the client's is one for the same messages only."""
    if not key:
        return None
    told = json.dumps([key, *((m.role, m.content, m.call_id) for m in asked.messages)])
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


def _own(reply: ChatReply) -> dict[str, Any]:
    """What only Dormouse says of an answer."""
    return {
        "session": reply.session,
        "turn": reply.turn_id,
        "sources": list(reply.sources),
        "adapter": reply.answer.adapter,
        "ms": reply.ms,
    }


def _line(document: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(document, ensure_ascii=False).encode("utf-8", "replace") + b"\n\n"


def _model(house: House) -> dict[str, Any]:
    return {"id": house.name, "object": "model", "created": house.began, "owned_by": "dormouse"}
