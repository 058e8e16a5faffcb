"""DormouseMemory: the journal and tier 1 as a middleware of LangChain's agents, whatever model they run on.

Promise: the user's words are in the journal before the model is called, and what the model answers after it;
tools' results are journaled as untrusted. What is recalled stands in the system message, in the words and
within the tokens that our own agent would recall it in, and the answer names its turns. What cannot be
journaled is left out, and a fault of the memory's is logged: neither ends the app's run. Opens no engine.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from langgraph.config import get_config

from ...graphs.chat import ChatRequest
from ...memory.errors import DormouseError
from ..agent import Agent
from ..chats import Heard
from .messages import told_what_can

Handler = Callable[[ModelRequest[Any]], ModelResponse[Any]]
AsyncHandler = Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
_log = logging.getLogger("dormouse.apps")


class DormouseMemory(AgentMiddleware[Any, Any, Any]):
    """Gives `create_agent(..., middleware=[DormouseMemory(agent)])` a memory.

    `agent` is whose memory it is; a function from the run's user (`configurable.user_id`, None without one)
    to an agent gives each user their own, as `Scopes` does. A thread (`configurable.thread_id`) is a session.

    An answer's `response_metadata["dormouse"]` says, as the server does: its `session`, its `turn` (None
    where it was not journaled), and as `sources` the turns the model was shown.
    """

    def __init__(self, agent: Agent | Callable[[str | None], Agent]) -> None:
        super().__init__()
        self._agent = agent

    def wrap_model_call(self, request: ModelRequest[Any], handler: Handler) -> ModelResponse[Any]:
        """Journal what is new, call the model with what is recalled, journal its answer."""
        agent = self._agent_of()
        heard = _heard(agent, request)
        recalled, sources = _recalled(agent, heard)
        return _journaled(agent, heard, handler(_with_memory(request, recalled)), sources)

    async def awrap_model_call(self, request: ModelRequest[Any], handler: AsyncHandler) -> ModelResponse[Any]:
        """As `wrap_model_call`."""
        import asyncio

        agent = await asyncio.to_thread(self._agent_of)
        heard = await asyncio.to_thread(_heard, agent, request)
        recalled, sources = await asyncio.to_thread(_recalled, agent, heard)
        response = await handler(_with_memory(request, recalled))
        return await asyncio.to_thread(_journaled, agent, heard, response, sources)

    def _agent_of(self) -> Agent:
        user = _place().get("user_id")
        return self._agent if isinstance(self._agent, Agent) else self._agent(user)


def _place() -> Mapping[str, Any]:
    place: Mapping[str, Any] = get_config().get("configurable", {})
    return place


def _heard(agent: Agent, request: ModelRequest[Any]) -> Heard | None:
    """What was journaled of a request; None where nothing could be."""
    messages, last_id = told_what_can(request.messages, agent.spec.memory.max_turn_chars)
    if not any(message.role in ("user", "tool") for message in messages):
        return None
    thread = _place().get("thread_id")
    session = None if thread is None else str(thread)
    with _never_the_apps("journal what the model is asked"):
        chat = ChatRequest(messages)
        if last_id is None:
            return agent.hear(chat, session)
        return agent.hear(chat, session, once=_key(session, last_id, messages[-1].content))
    return None


def _key(*parts: str | None) -> str:
    """The same for a request made again: by a model that is retried, or that goes on with its own words."""
    return hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _recalled(agent: Agent, heard: Heard | None) -> tuple[str, tuple[int, ...]]:
    if heard is not None and agent.spec.memory.recall.enabled:
        with _never_the_apps("recall what was told"):
            return agent.recalled_for(heard)
    return "", ()


def _with_memory(request: ModelRequest[Any], recalled: str) -> ModelRequest[Any]:
    """The request, with what is recalled under the app's own system prompt; the engine adds the persona."""
    if not recalled:
        return request
    own = request.system_message
    if own is None:
        return request.override(system_message=SystemMessage(recalled))
    if isinstance(own.content, str):
        return request.override(system_message=SystemMessage(f"{own.content}\n{recalled}"))
    return request.override(system_message=SystemMessage([*own.content, {"type": "text", "text": recalled}]))


def _journaled(
    agent: Agent, heard: Heard | None, response: ModelResponse[Any], sources: Sequence[int]
) -> ModelResponse[Any]:
    """The response, its answers journaled and each saying so."""
    if heard is None:
        return response
    return replace(response, result=[_said(agent, heard, message, sources) for message in response.result])


def _said(agent: Agent, heard: Heard, message: BaseMessage, sources: Sequence[int]) -> BaseMessage:
    if not isinstance(message, AIMessage):
        return message
    turn: int | None = None
    with _never_the_apps("journal what the model answered"):
        turn = agent.said(heard, message.text)
    own = {"session": heard.session, "turn": turn, "sources": list(sources)}
    return message.model_copy(update={"response_metadata": {**message.response_metadata, "dormouse": own}})


@contextmanager
def _never_the_apps(what: str) -> Iterator[None]:
    """A fault of the memory's is told, and is none of the app's."""
    try:
        yield
    except DormouseError as error:
        _log.warning("Dormouse could not %s: %s", what, error)
