"""The memory as a middleware of LangChain's agents, on a model that is not ours."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatResult
from scripted_engine import BASE, ScriptedEngine

from dormouse.memory.journal import Journal
from dormouse.runtime.agent import Agent
from dormouse.runtime.apps.middleware import DormouseMemory

SHOWN: list[list[BaseMessage]] = []


class Model(GenericFakeChatModel):
    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        SHOWN.append(messages)
        return super()._generate(messages, *args, **kwargs)

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self


def lookup(city: str) -> str:
    """Look a city up."""
    return f"{city} is in Norway."


def test_what_was_told_in_one_thread_is_recalled_in_another_and_all_of_it_is_journaled(
    tmp_path: Path,
) -> None:
    SHOWN.clear()
    call = {"name": "lookup", "args": {"city": "Tromso"}, "id": "c1"}
    model = Model(
        messages=iter([AIMessage("", tool_calls=[call]), AIMessage("A vet!"), AIMessage("In Tromso.")])
    )
    with Agent(home=tmp_path, engine=ScriptedEngine(), base=BASE) as memory:
        agent: Any = create_agent(model, tools=[lookup], middleware=[DormouseMemory(memory)])
        told = {"messages": [{"role": "user", "content": "My sister Annika is a vet in Tromso."}]}
        agent.invoke(told, {"configurable": {"thread_id": "one"}})
        asked = {"messages": [{"role": "user", "content": "Where does my sister work?"}]}
        asyncio.run(agent.ainvoke(asked, {"configurable": {"thread_id": "two"}}))
    assert "My sister Annika is a vet in Tromso." in SHOWN[-1][0].text
    with Journal(tmp_path / "journal.db", read_only=True) as journal:
        one = [(turn.role, turn.content, turn.trusted) for turn in journal.turns("one")]
        assert one == [
            ("user", "My sister Annika is a vet in Tromso.", True),
            ("tool", "Tromso is in Norway.", False),
            ("assistant", "A vet!", True),
        ]
        assert [turn.content for turn in journal.turns("two")] == ["Where does my sister work?", "In Tromso."]


def test_each_user_s_memory_is_their_own(tmp_path: Path) -> None:
    SHOWN.clear()
    model = Model(messages=iter([AIMessage("Noted."), AIMessage("I do not know.")]))
    with (
        Agent(home=tmp_path / "a", engine=ScriptedEngine(), base=BASE) as anna,
        Agent(home=tmp_path / "b", engine=ScriptedEngine(), base=BASE) as bert,
    ):
        memory = DormouseMemory(lambda user: {"anna": anna, "bert": bert}[str(user)])
        agent: Any = create_agent(model, middleware=[memory])
        for user, words in (("anna", "My code word is walnut."), ("bert", "What is the code word?")):
            told = {"messages": [{"role": "user", "content": words}]}
            agent.invoke(told, {"configurable": {"user_id": user, "thread_id": "t"}})
    assert "walnut" not in str(SHOWN[-1])
