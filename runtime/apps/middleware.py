"""DormouseMemory: the journal and tier 1 as a middleware of LangChain's agents, whatever model they run on.

Promise: the user's words are in the journal before the model is called, and what the model answers after it;
tools' results are journaled as untrusted. What is recalled stands in the system message. Opens no engine.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, SystemMessage
from langgraph.config import get_config

from ...graphs.chat import ChatRequest
from ...memory.recalling import HEADER
from ..agent import Agent
from ..chats import Heard
from .messages import told

Handler = Callable[[ModelRequest[Any]], ModelResponse[Any]]
AsyncHandler = Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
_CHARS_PER_TOKEN = 4  # of the recall budget, since the app's model has its own tokenizer


class DormouseMemory(AgentMiddleware[Any, Any, Any]):
    """Gives `create_agent(..., middleware=[DormouseMemory(agent)])` a memory.

    `agent` is whose memory it is; a function from the run's user (`configurable.user_id`, None without one)
    to an agent gives each user their own, as `Scopes` does. A thread (`configurable.thread_id`) is a session.
    """

    def __init__(self, agent: Agent | Callable[[str | None], Agent]) -> None:
        super().__init__()
        self._agent = agent

    def wrap_model_call(self, request: ModelRequest[Any], handler: Handler) -> ModelResponse[Any]:
        """Journal what is new, call the model with what is recalled, journal its answer."""
        agent, heard = self._heard(request)
        response = handler(_with_memory(request, agent, heard, self._recalled(agent, request)))
        _journal(agent, heard, response.result)
        return response

    async def awrap_model_call(self, request: ModelRequest[Any], handler: AsyncHandler) -> ModelResponse[Any]:
        """As `wrap_model_call`."""
        import asyncio

        agent, heard = await asyncio.to_thread(self._heard, request)
        recalled = await asyncio.to_thread(self._recalled, agent, request)
        response = await handler(_with_memory(request, agent, heard, recalled))
        await asyncio.to_thread(_journal, agent, heard, response.result)
        return response

    def _heard(self, request: ModelRequest[Any]) -> tuple[Agent, Heard]:
        place = get_config().get("configurable", {})
        agent = self._agent if isinstance(self._agent, Agent) else self._agent(place.get("user_id"))
        thread = place.get("thread_id")
        heard = agent.hear(ChatRequest(told(request.messages)), None if thread is None else str(thread))
        return agent, heard

    def _recalled(self, agent: Agent, request: ModelRequest[Any]) -> str:
        settings = agent.spec.memory.recall
        asked = next((m.text for m in reversed(request.messages) if m.type == "human"), "")
        if not settings.enabled or not asked.strip():
            return ""
        view = "\n".join(message.text for message in request.messages)
        found = [
            turn.content for turn, _ in agent.recall(asked, settings.top_k + 8) if turn.content not in view
        ]
        text, left = "", settings.budget_tokens * _CHARS_PER_TOKEN
        for words in found[: settings.top_k]:
            line = f"- {' '.join(words.split())}\n"
            if len(line) > left:
                break
            text, left = text + line, left - len(line)
        return f"{HEADER}\n{text}".rstrip() if text else ""


def _with_memory(request: ModelRequest[Any], agent: Agent, heard: Heard, recalled: str) -> ModelRequest[Any]:
    if not recalled:
        return request
    own = request.system_message.text if request.system_message is not None else agent.spec.persona
    return request.override(system_message=SystemMessage(f"{own}\n{recalled}"))


def _journal(agent: Agent, heard: Heard, said: Sequence[BaseMessage | AnyMessage]) -> None:
    for message in said:
        if isinstance(message, AIMessage):
            agent.said(heard, message.text)
