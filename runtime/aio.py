"""The agent's methods as coroutines, by one wrapper: each runs in a thread, and none is written twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from ..graphs.events import Approve, WakeEvent
from .agent import Agent
from .records import Reply

if TYPE_CHECKING:
    from .turns import ReplyStream

P = ParamSpec("P")
R = TypeVar("R")


def _twin(
    method: Callable[Concatenate[Agent, P], R],
) -> Callable[Concatenate[AsyncAgent, P], Awaitable[R]]:
    async def call(self: AsyncAgent, /, *args: P.args, **kwargs: P.kwargs) -> R:
        # By name, for the agent may be one of a daemon's, with methods of its own.
        own: Callable[P, R] = getattr(self.agent, method.__name__)
        return await asyncio.to_thread(own, *args, **kwargs)

    call.__name__, call.__doc__ = method.__name__, method.__doc__
    return call


class AsyncAgent:
    """An agent for asyncio programs; see Agent for what each method does."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent

    new_session = _twin(Agent.new_session)
    chat = _twin(Agent.chat)
    ask = _twin(Agent.ask)
    tell = _twin(Agent.tell)
    sleep = _twin(Agent.sleep)
    exam = _twin(Agent.exam)
    memories = _twin(Agent.memories)
    forget = _twin(Agent.forget)
    unforget = _twin(Agent.unforget)
    waiting = _twin(Agent.waiting)
    night = _twin(Agent.night)
    why = _twin(Agent.why)
    close = _twin(Agent.close)

    async def stream(
        self, text: str, session: str | None = None, *, approve: Approve | None = None, wait: bool = False
    ) -> AsyncReplyStream:
        """As Agent.stream, to be read with `async for`. `approve` is called from another thread."""
        stream = await asyncio.to_thread(self.agent.stream, text, session, approve=approve, wait=wait)
        return AsyncReplyStream(stream)

    async def resume(
        self, call_id: int, approved: bool, *, approve: Approve | None = None, wait: bool = False
    ) -> AsyncReplyStream:
        """As Agent.resume, to be read with `async for`."""
        stream = await asyncio.to_thread(self.agent.resume, call_id, approved, approve=approve, wait=wait)
        return AsyncReplyStream(stream)


class AsyncReplyStream(AsyncIterator[str]):
    """The pieces of one answer; afterwards `await reply()` is the whole."""

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
