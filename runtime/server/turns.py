"""A chat completion from being heard to its last token: journaled, queued, generated in a thread, and stopped
when nobody listens any more.

Promise: the new words are in the journal before the turn waits for the engine; a client that goes away frees
its place in the queue, or the engine within a token; one that reads slowly keeps nobody waiting. Knows
nothing of HTTP's bodies.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from opentelemetry.context import get_current
from opentelemetry.trace import Tracer

from ...graphs.chat import ChatRequest, FunctionCall
from ...memory.engine import Token
from ..agent import Agent
from ..chats import ChatReply, Heard
from ..scopes import Scopes
from .fair_queue import FairQueue
from .metrics import Metrics

Event = Token | FunctionCall
Receive = Callable[[], Awaitable[Any]]


class ClientGone(Exception):
    """Whoever asked has closed the connection."""


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
        request: ChatRequest,
        session: str | None,
        journal: bool,
        n: int,
        receive: Receive,
    ) -> AsyncGenerator[tuple[int, Event | ChatReply], None]:
        """(which answer, its token or call or end) as they come, for `n` answers one after the other.

        Raises QueueFull before anything is journaled, ClientGone when the connection closes.
        """
        self.queue.check(user)
        gone = asyncio.create_task(_gone(receive))
        cancelled = threading.Event()
        gone.add_done_callback(lambda _: cancelled.set())
        try:
            with self.scopes_of(user) as using:
                agent = await asyncio.to_thread(using)
                heard = await asyncio.to_thread(agent.hear, request, session, journal=journal)
                for index in range(n):
                    async for event in self._answered(user, agent, _nth(heard, index), cancelled, gone):
                        yield index, event
        finally:
            cancelled.set()
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone

    def scopes_of(self, user: str) -> _Using:
        """The user's agent, to be opened in a thread and let go of at the end."""
        return _Using(self.scopes, user)

    async def _answered(
        self, user: str, agent: Agent, heard: Heard, cancelled: threading.Event, gone: asyncio.Task[None]
    ) -> AsyncGenerator[Event | ChatReply, None]:
        loop, events = asyncio.get_running_loop(), asyncio.Queue[Event | None]()
        began = time.perf_counter()

        def put(event: Event | None) -> None:
            with suppress(RuntimeError):  # the loop has ended, and nobody reads any more
                loop.call_soon_threadsafe(events.put_nowait, event)

        def answer() -> ChatReply:
            try:
                return agent.answer(heard, put, cancelled.is_set)
            finally:
                put(None)

        await self._place(user, gone)
        self.metrics.queue_seconds.observe(time.perf_counter() - began)
        work = loop.run_in_executor(self.threads, self._traced(answer))
        # With the last token, not when it was read: a client may take its time.
        work.add_done_callback(lambda _: self.queue.release())
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

    async def _place(self, user: str, gone: asyncio.Task[None]) -> None:
        """Wait for the engine. ClientGone when the client goes first; the place in the queue is then free."""
        with self.tracer.start_as_current_span("queue"):
            place = asyncio.ensure_future(self.queue.acquire(user))
            try:
                await asyncio.wait([place, gone], return_when=asyncio.FIRST_COMPLETED)
                if not place.done():
                    raise ClientGone
                place.result()
            except BaseException:
                if place.done() and not place.cancelled() and place.exception() is None:
                    self.queue.release()
                place.cancel()
                raise

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


class _Using:
    """A scope's agent, opened by calling it, and let go of when the block ends."""

    def __init__(self, scopes: Scopes, user: str) -> None:
        self._scopes, self._user = scopes, user
        self._open: Any = None

    def __call__(self) -> Agent:
        self._open = self._scopes.using(self._user)
        agent: Agent = self._open.__enter__()
        return agent

    def __enter__(self) -> _Using:
        return self

    def __exit__(self, *error: object) -> None:
        if self._open is not None:
            self._open.__exit__(None, None, None)


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
