"""The memory as a middleware of LangChain's agents, on a model that is not ours."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hashed_embedder import HashedEmbedder
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages import ChatMessage as NamedMessage
from langchain_core.outputs import ChatResult
from scripted_engine import BASE, ScriptedEngine

from dormouse.memory.errors import DiskFull
from dormouse.memory.journal import Journal
from dormouse.runtime.agent import Agent
from dormouse.runtime.apps.chat_model import ChatDormouse
from dormouse.runtime.apps.middleware import DormouseMemory
from dormouse.runtime.spec import Spec

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


@pytest.mark.parametrize("awaited", [False, True])
def test_a_model_is_shown_what_our_own_would_be_and_its_answer_names_the_turns(
    tmp_path: Path, awaited: bool
) -> None:
    SHOWN.clear()
    question = "Where does my sister Annika work?"
    spec = Spec.model_validate({"memory": {"recall": {"top_k": 2}}})
    engine, answer = ScriptedEngine(), AIMessage("In Tromso.", response_metadata={"model_name": "m"})
    with Agent(spec, home=tmp_path, engine=engine, base=BASE) as memory:
        memory.space.embedder = HashedEmbedder
        words = (
            "My sister Annika is a vet.",
            "My sister Annika works in Tromso.",
            "My sister Annika has a boat.",
        )
        told = [memory.remember(text) for text in words]
        memory.space.episodes.catch_up()
        ours = memory.ask(question, "store")
        agent: Any = create_agent(Model(messages=iter([answer])), middleware=[DormouseMemory(memory)])
        asked = {"messages": [{"role": "user", "content": question}]}, {"configurable": {"thread_id": "t"}}
        given = asyncio.run(agent.ainvoke(*asked)) if awaited else agent.invoke(*asked)
        said = memory.turns("t")[-1]
    assert engine.asked[-1].messages[0].content == f"{spec.persona}\n{SHOWN[-1][0].text}"
    own = given["messages"][-1].response_metadata
    assert own == {
        "model_name": "m",
        "dormouse": {"session": "t", "turn": said.id, "sources": list(ours.sources)},
    }
    assert 0 < len(ours.sources) <= 2 and set(ours.sources) < set(told)


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


def run(
    home: Path, messages: list[Any], answers: list[str], *, spec: Spec | None = None
) -> tuple[list[tuple[str, str]], Any]:
    """What the journal holds after an agent was asked with `messages`, and what the agent gave."""
    SHOWN.clear()
    model = Model(messages=iter(AIMessage(text) for text in answers))
    with Agent(spec, home=home, engine=ScriptedEngine(), base=BASE) as memory:
        agent: Any = create_agent(model, middleware=[DormouseMemory(memory)])
        given = agent.invoke({"messages": messages}, {"configurable": {"thread_id": "t"}})
    with Journal(home / "journal.db", read_only=True) as journal:
        turns = [turn for session in journal.sessions() for turn in journal.turns(session.id)]
    return [(turn.role, turn.content) for turn in turns], given


CALL = {"name": "lookup", "args": {"city": "Tromso"}, "id": "c1"}
PICTURE = {"type": "image", "base64": "aGk=", "mime_type": "image/png"}


@pytest.mark.parametrize(
    ("messages", "journaled"),
    [
        ([HumanMessage([{"type": "text", "text": "What is this?"}, PICTURE])], ["What is this?"]),
        ([HumanMessage([PICTURE])], []),
        ([HumanMessage("Hi."), AIMessage("Hello. I am")], ["Hi."]),
        ([ToolMessage("old", tool_call_id="trimmed"), HumanMessage("And now?")], ["And now?"]),
        ([HumanMessage("x" * 32_001)], []),
        (
            [
                HumanMessage("Read it."),
                AIMessage("", tool_calls=[CALL]),
                ToolMessage("y" * 90_000, tool_call_id="c1"),
            ],
            ["Read it."],
        ),
        ([HumanMessage("z" * 40_000), AIMessage("Long."), HumanMessage("Short.")], ["Short."]),
        ([NamedMessage(content="hm", role="critic"), HumanMessage("Go on.")], ["Go on."]),
    ],
    ids=["picture", "only a picture", "prefill", "trimmed", "long", "long result", "long before", "role"],
)
def test_what_cannot_be_journaled_is_left_out_and_the_app_gets_its_answer(
    tmp_path: Path, messages: list[Any], journaled: list[str]
) -> None:
    turns, given = run(tmp_path, messages, ["Done."])
    assert given["messages"][-1].text == "Done."
    assert [text for role, text in turns if role != "assistant"] == journaled
    assert [text for role, text in turns if role == "assistant"] == (["Done."] if journaled else [])
    assert SHOWN[-1] == messages, "the model is shown all of it"


def test_a_request_made_again_is_journaled_once(tmp_path: Path) -> None:
    SHOWN.clear()
    model = Model(messages=iter([AIMessage("One."), AIMessage("Two.")]))
    with Agent(home=tmp_path, engine=ScriptedEngine(), base=BASE) as memory:
        agent: Any = create_agent(model, middleware=[DormouseMemory(memory)])
        first = agent.invoke({"messages": [HumanMessage("Hi.")]}, {"configurable": {"thread_id": "t"}})
        agent.invoke({"messages": first["messages"]}, {"configurable": {"thread_id": "t"}})
    with Journal(tmp_path / "journal.db", read_only=True) as journal:
        assert [turn.content for turn in journal.turns("t")] == ["Hi.", "One.", "Two."]


@pytest.mark.parametrize("broken", ["hear", "recalled_for", "said"])
def test_a_fault_of_the_memorys_is_logged_and_the_app_gets_its_answer(
    tmp_path: Path, broken: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(*given: Any, **named: Any) -> None:
        raise DiskFull(tmp_path)

    monkeypatch.setattr(Agent, broken, breaks)
    _, given = run(tmp_path, [HumanMessage("Hi.")], ["Done."])
    assert given["messages"][-1].text == "Done."
    assert "Dormouse could not " in caplog.text


def test_the_persona_stands_once_above_what_is_recalled(tmp_path: Path) -> None:
    spec = Spec(persona="You are Pip, a careful assistant.")
    engine = ScriptedEngine()
    with Agent(spec, home=tmp_path, engine=engine, base=BASE) as memory:
        memory.remember("My sister Annika is a vet in Tromso.")
        for prompt in (None, spec.persona, f"{spec.persona}\nBe brief.", "Be brief."):
            agent: Any = create_agent(
                ChatDormouse(agent=memory), system_prompt=prompt, middleware=[DormouseMemory(memory)]
            )
            agent.invoke({"messages": [HumanMessage("What does my sister Annika do?")]}, {"configurable": {}})
            system = engine.asked[-1].messages[0].content
            assert system.count(spec.persona) == 1 and system.startswith(spec.persona), system
            assert system.count("Annika is a vet") == 1, system


def test_the_apps_own_blocks_of_a_system_prompt_are_kept(tmp_path: Path) -> None:
    block = {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}
    SHOWN.clear()
    model = Model(messages=iter([AIMessage("A vet.")]))
    with Agent(home=tmp_path, engine=ScriptedEngine(), base=BASE) as memory:
        memory.remember("My sister Annika is a vet in Tromso.")
        agent: Any = create_agent(
            model, system_prompt=SystemMessage([block]), middleware=[DormouseMemory(memory)]
        )
        agent.invoke({"messages": [HumanMessage("What does my sister Annika do?")]}, {"configurable": {}})
    content: Any = SHOWN[-1][0].content
    assert content[0] == block and "Annika is a vet" in content[1]["text"]
