"""A chat completion from being heard to its last token: journaled, queued, generated in a thread, and stopped
when nobody listens any more.

Promise: a turn has its place in the queue before its words are journaled, and these are in the journal before
it waits for the engine; a client that goes away frees its place, or the engine within a token; one that reads
slowly keeps nobody waiting. What may block runs in threads. Knows nothing of HTTP's bodies.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from opentelemetry.context import get_current
from opentelemetry.trace import Tracer

from ...graphs.chat import ChatRequest, FunctionCall
from ...memory.engine import Token
from ..agent import Agent
from ..chats import ChatReply, Heard
from ..scopes import Scopes
from .fair_queue import FairQueue, Place
from .metrics import Metrics

Event = Token | FunctionCall
Receive = Callable[[], Awaitable[Any]]
Result = TypeVar("Result")


class ClientGone(Exception):
    """Whoever asked has closed the connection."""


@dataclass(frozen=True)
class Pieces:
    """The bytes of the tokens of one chat, as the engine that said them has them."""

    known: dict[int, bytes] = field(default_factory=dict)

    def learn(self, agent: Agent, tokens: Sequence[Token], most: int) -> None:
        """Ask the agent for those that are not known yet: of the tokens, and of `most` others beside each."""
        ids = dict.fromkeys(id for t in tokens for id in (t.id, *(other for other, _ in t.top[:most])))
        if unknown := [id for id in ids if id not in self.known]:
            found = agent.pieces(unknown)
            self.known.update(zip(unknown, map(bytes.fromhex, found), strict=True))

    def __call__(self, token_id: int) -> bytes:
        return self.known[token_id]


@dataclass(frozen=True)
class Sent:
    """A chat as it was sent: in which session, whether it is journaled, under which idempotency key, and
    whether its client says that it sends it `again`.
    """

    request: ChatRequest
    session: str | None
    journal: bool
    once: str | None = None
    again: bool = False

    def heard_by(self, agent: Agent) -> Heard:
        """Have the agent hear it."""
        how: dict[str, Any] = {} if self.once is None else {"once": f"{self.once}.heard"}
        if self.again:
            how["again"] = True
        return agent.hear(self.request, self.session, journal=self.journal, **how)


@dataclass(frozen=True)
class Turns:
    """How turns are taken: by whom, in which order, and what is counted."""

    scopes: Scopes
    queue: FairQueue
    metrics: Metrics
    tracer: Tracer
    threads: ThreadPoolExecutor

    async def taken(
        self,
        user: str,
        sent: Sent,
        n: int,
        receive: Receive,
        pieces: Pieces | None = None,
    ) -> AsyncGenerator[tuple[int, Event | ChatReply], None]:
        """(which answer, its token or call or end) as they come, for `n` answers one after the other.

        `pieces`, where they are wanted, know each token before it is given. Raises QueueFull before anything
        is journaled, ClientGone when the connection closes.
        """
        with self.queue.place(user) as place:
            gone = asyncio.create_task(_gone(receive))
            cancelled = threading.Event()
            gone.add_done_callback(lambda _: cancelled.set())
            try:
                async with _using(self.scopes, user) as agent:
                    heard = await _whole(lambda: sent.heard_by(agent))
                    for index in range(n):
                        once = sent.once if index == 0 else None
                        answer = _Answer(agent, _nth(heard, index), place, index == n - 1, pieces, once)
                        async for event in self._answered(answer, cancelled, gone):
                            yield index, event
            finally:
                cancelled.set()
                gone.cancel()
                with suppress(asyncio.CancelledError):
                    await gone

    async def _answered(
        self, asked: _Answer, cancelled: threading.Event, gone: asyncio.Task[None]
    ) -> AsyncGenerator[Event | ChatReply, None]:
        loop, events = asyncio.get_running_loop(), asyncio.Queue[Event | None]()
        began = time.perf_counter()

        def put(event: Event | None) -> None:
            with suppress(RuntimeError):  # the loop has ended, and nobody reads any more
                loop.call_soon_threadsafe(events.put_nowait, event)

        def answer() -> ChatReply:
            try:
                return asked.given(put, cancelled.is_set)
            finally:
                put(None)

        await self._begin(asked.place, gone)
        self.metrics.queue_seconds.observe(time.perf_counter() - began)
        work = loop.run_in_executor(self.threads, self._traced(answer))
        # With the last token, not when it was read: a client may take its time.
        work.add_done_callback(lambda _: asked.place.leave() if asked.last else asked.place.end())
        first = True
        try:
            while (event := await _either(events.get(), gone)) is not None:
                if first:
                    self.metrics.first_token_seconds.observe(time.perf_counter() - began)
                    first = False
                yield event
            reply = await work
            self.metrics.answered(reply.answer)
            yield reply
        finally:
            cancelled.set()
            while not work.done():  # within a token; the engine is not given on before
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([work])

    async def _begin(self, place: Place, gone: asyncio.Task[None]) -> None:
        """Wait for the engine. ClientGone when the client goes first."""
        with self.tracer.start_as_current_span("queue"):
            await _either(place.begin(), gone)

    def _traced(self, answer: Callable[[], ChatReply]) -> Callable[[], ChatReply]:
        context = get_current()

        def traced() -> ChatReply:
            with self.tracer.start_as_current_span("generate", context=context) as span:
                reply = answer()
                span.set_attributes(
                    {
                        "gen_ai.operation.name": "chat",
                        "gen_ai.usage.input_tokens": reply.answer.prompt_tokens,
                        "gen_ai.usage.output_tokens": reply.answer.generated_tokens,
                        "gen_ai.response.finish_reasons": [reply.answer.finish],
                    }
                )
                return reply

        return traced


@dataclass(frozen=True)
class _Answer:
    """One answer to be given, and whether it is the last from its place."""

    agent: Agent
    heard: Heard
    place: Place
    last: bool
    pieces: Pieces | None
    once: str | None

    def given(self, put: Callable[[Event], None], cancelled: Callable[[], bool]) -> ChatReply:
        """Have the agent answer, in this thread."""
        how: dict[str, Any] = {} if self.once is None else {"once": f"{self.once}.answer"}
        if self.pieces is None:
            return self.agent.answer(self.heard, put, cancelled, **how)
        agent, pieces, most = self.agent, self.pieces, self.heard.request.sampling.top_logprobs

        def put_known(event: Event) -> None:
            if isinstance(event, Token):
                pieces.learn(agent, [event], most)
            put(event)

        reply = agent.answer(self.heard, put_known, cancelled, **how)
        pieces.learn(agent, reply.answer.tokens, most)
        return reply


@asynccontextmanager
async def _using(scopes: Scopes, user: str) -> AsyncIterator[Agent]:
    """A scope's agent, opened and let go of in threads: it may be long in opening, and others in closing."""
    stack = ExitStack()
    try:
        yield await _whole(lambda: stack.enter_context(scopes.using(user)))
    finally:
        await _whole(stack.close)


async def _whole(work: Callable[[], Result]) -> Result:
    """What `work` gives, done in a thread and to its end: who is cancelled meanwhile leaves after it."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        while not working.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([working])
        raise


def _nth(heard: Heard, index: int) -> Heard:
    """What the answer after the first is generated from: with another seed, and journaled nowhere."""
    if index == 0:
        return heard
    sampling = replace(heard.request.sampling, seed=heard.request.sampling.seed + index)
    return Heard(replace(heard.request, sampling=sampling), None, None)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _either(event: Any, gone: asyncio.Task[None]) -> Any:
    """The event. ClientGone when the client goes first."""
    waiting = asyncio.ensure_future(event)
    try:
        await asyncio.wait([waiting, gone], return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return waiting.result()
        raise ClientGone
    finally:
        waiting.cancel()
