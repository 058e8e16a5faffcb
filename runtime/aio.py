"""The agent's methods as coroutines, by one wrapper: each runs in a thread, and none is written twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from ..graphs.events import WakeEvent
from .agent import Agent
from .records import Reply

if TYPE_CHECKING:
    from .turns import ReplyStream

P = ParamSpec("P")
R = TypeVar("R")


def _twin(
    method: Callable[Concatenate[Agent, P], R],
) -> Callable[Concatenate[AsyncAgent, P], Coroutine[Any, Any, R]]:
    @wraps(method)
    async def call(self: AsyncAgent, /, *args: P.args, **kwargs: P.kwargs) -> R:
        # By name, for the agent may be one of a daemon's, with methods of its own.
        own: Callable[P, R] = getattr(self.agent, method.__name__)
        return await asyncio.to_thread(own, *args, **kwargs)

    return call


def _stream_twin(
    method: Callable[Concatenate[Agent, P], ReplyStream],
) -> Callable[Concatenate[AsyncAgent, P], Coroutine[Any, Any, AsyncReplyStream]]:
    twin = _twin(method)

    @wraps(method)
    async def call(self: AsyncAgent, /, *args: P.args, **kwargs: P.kwargs) -> AsyncReplyStream:
        return AsyncReplyStream(await twin(self, *args, **kwargs))

    return call


class _Closed:
    """What `async with` closes at its end."""

    if TYPE_CHECKING:

        async def close(self) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class AsyncAgent(_Closed):
    """An agent for asyncio programs; see Agent for what each method does. Used with `async with`, it closes
    the agent.

    Callbacks are called from other threads. What is no method, such as `spec` and `warnings`, is `agent`'s.
    """

    def __init__(self, agent: Agent) -> None:
        self.agent = agent

    # Talking
    new_session = _twin(Agent.new_session)
    chat = _twin(Agent.chat)
    ask = _twin(Agent.ask)
    tell = _twin(Agent.tell)
    exam = _twin(Agent.exam)
    heard = _twin(Agent.heard)
    waiting = _twin(Agent.waiting)
    warm_up = _twin(Agent.warm_up)
    unload = _twin(Agent.unload)
    stream = _stream_twin(Agent.stream)
    resume = _stream_twin(Agent.resume)

    # Listening
    hear = _twin(Agent.hear)
    answer = _twin(Agent.answer)
    said = _twin(Agent.said)
    remember = _twin(Agent.remember)
    recall = _twin(Agent.recall)
    recalled_for = _twin(Agent.recalled_for)
    pieces = _twin(Agent.pieces)

    # Sleeping
    sleep = _twin(Agent.sleep)
    watch_night = _twin(Agent.watch_night)
    night = _twin(Agent.night)
    nights = _twin(Agent.nights)
    naps = _twin(Agent.naps)
    wait_for_nap = _twin(Agent.wait_for_nap)
    adapter = _twin(Agent.adapter)
    rollback = _twin(Agent.rollback)

    # Forgetting
    forget = _twin(Agent.forget)
    unforget = _twin(Agent.unforget)
    withheld = _twin(Agent.withheld)
    allow_again = _twin(Agent.allow_again)

    # Browsing
    overview = _twin(Agent.overview)
    daemon = _twin(Agent.daemon)
    context = _twin(Agent.context)
    sessions = _twin(Agent.sessions)
    session_views = _twin(Agent.session_views)
    rename_session = _twin(Agent.rename_session)
    turns = _twin(Agent.turns)
    turns_by_id = _twin(Agent.turns_by_id)
    transcript = _twin(Agent.transcript)
    unread = _twin(Agent.unread)
    search = _twin(Agent.search)
    take_back = _twin(Agent.take_back)
    memories = _twin(Agent.memories)
    memory_views = _twin(Agent.memory_views)
    correct = _twin(Agent.correct)
    why = _twin(Agent.why)
    store_state = _twin(Agent.store_state)
    reindex_store = _twin(Agent.reindex_store)
    compact_store = _twin(Agent.compact_store)

    close = _twin(Agent.close)


class AsyncReplyStream(_Closed, AsyncIterator[str]):
    """The pieces of one answer; afterwards `await reply()` is the whole. Use it in an `async with` block, or
    read it to its end.
    """

    def __init__(self, stream: ReplyStream) -> None:
        self._stream = stream

    async def __anext__(self) -> str:
        piece = await asyncio.to_thread(next, self._stream, None)
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def events(self) -> AsyncIterator[WakeEvent]:
        """As ReplyStream.events."""
        events = self._stream.events()
        while (event := await asyncio.to_thread(next, events, None)) is not None:
            yield event

    async def reply(self) -> Reply:
        """The finished reply; waits for it."""
        return await asyncio.to_thread(lambda: self._stream.reply)

    async def close(self) -> None:
        """Stop answering; the turn is journaled as interrupted."""
        await asyncio.to_thread(self._stream.close)
