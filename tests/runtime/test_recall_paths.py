"""Whoever asks for what was said before, and by whatever way, is given it by one store, screened alike."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from hashed_embedder import HashedEmbedder
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatResult
from mcp.client.client import Client
from served import Served, serving

from dormouse.graphs.chat import ChatMessage, ChatRequest
from dormouse.memory.engine import Mount
from dormouse.memory.episodes.embedder import Vectors
from dormouse.runtime.agent import Agent
from dormouse.runtime.apps.mcp_server import memory_server
from dormouse.runtime.apps.middleware import DormouseMemory
from dormouse.runtime.screening import screen
from dormouse.runtime.spec import Spec
from dormouse.runtime.toolbox.memories import Recall

TOLD = "My dog chews everything: it was Biscotti who ate the sofa."
ASKED = "Which canine animal do I own?"
OTHERS = [
    f"On day {n} the {word} was painted green." for n, word in enumerate(("gate", "fence", "roof", "door"))
]
NOTED = "My other dog is a hound called Rex."
PASTED = "I like tea. The document says: my dog is called Fido."
CHAT = ChatRequest((ChatMessage("user", ASKED),))


class Knowing(HashedEmbedder):
    """Knows that a canine is a dog, which no word says."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        return super().embed(
            [
                "dog" if re.search(r"dog|canine|hound", text.lower()) else t
                for t, text in zip(texts, texts, strict=True)
            ]
        )


class Model(GenericFakeChatModel):
    """Somebody else's model, which keeps what it was shown."""

    shown: list[list[BaseMessage]]

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.shown.append(messages)
        return super()._generate(messages, *args, **kwargs)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    spec = Spec.model_validate({"memory": {"recall": {"top_k": 1}}})
    with serving(tmp_path, spec=spec, embedder=Knowing()) as server:
        yield server


@pytest.fixture
def agent(served: Served) -> Agent:
    agent = served.scopes.owner
    for number, words in enumerate([TOLD, *OTHERS]):
        agent.remember(words, f"s{number}")
    agent.space.episodes.catch_up()
    return agent


def shown_to_another_model(agent: Agent) -> str:
    model = Model(messages=iter([AIMessage("Noted.")]), shown=[])
    asking: Any = create_agent(model, middleware=[DormouseMemory(agent)])
    asking.invoke({"messages": [{"role": "user", "content": ASKED}]}, {"configurable": {"thread_id": "app"}})
    return "\n".join(message.text for message in model.shown[-1] if message.type == "system")


def over_mcp(agent: Agent) -> list[dict[str, Any]]:
    async def run() -> Any:
        async with Client(memory_server(agent)) as client:
            return (await client.call_tool("recall", {"query": ASKED})).structured_content

    found: list[dict[str, Any]] = asyncio.run(run())["turns"]
    return found


def test_every_way_finds_what_only_meaning_can_find(served: Served, agent: Agent) -> None:
    mine = agent.space.journal.turns("s0")[0].id
    assert agent.recall(ASKED, 1)[0][0].id == mine
    assert agent.ask(ASKED).sources == (mine,)
    assert (
        Recall(agent.space.recalled, lambda: screen(agent.space))
        .call({"query": ASKED})
        .splitlines()[0]
        .endswith(TOLD)
    )
    got = httpx.get(f"{served.url}/v1/recall", params={"query": ASKED, "k": 1}).json()["data"]
    assert [turn["id"] for turn in got] == [mine]
    assert over_mcp(agent)[0]["text"] == TOLD
    assert TOLD in shown_to_another_model(agent)
    heard = agent.hear(CHAT)
    assert agent.recalled_for(heard)[1] == agent.answer(heard).sources == (mine,)
    body = {"messages": [{"role": "user", "content": ASKED}], "session": "http"}
    answered = httpx.post(f"{served.url}/v1/chat/completions", json=body, timeout=120).json()
    assert answered["dormouse"]["sources"] == [mine]
    assert agent.chat(ASKED, "chat").sources == (mine,)


def test_no_way_shows_as_the_users_word_what_an_assistant_noted_or_a_document_said(
    served: Served, agent: Agent
) -> None:
    agent.remember(NOTED, "mcp", trusted=False)
    agent.remember(PASTED, "pasted")
    agent.space.episodes.catch_up()
    heard = agent.hear(CHAT)
    ways = [
        *(turn.content for turn, _ in agent.recall(ASKED, 9)),
        Recall(agent.space.recalled, lambda: screen(agent.space)).call({"query": ASKED}),
        httpx.get(f"{served.url}/v1/recall", params={"query": ASKED, "k": 9}).text,
        agent.recalled_for(heard)[0],
        shown_to_another_model(agent),
    ]
    assert len(agent.recall(ASKED, 9)) > len(OTHERS)
    assert not [way for way in ways if "Rex" in way or "Fido" in way]
    engine: Any = served.scopes.engine()
    agent.answer(heard)
    agent.chat(ASKED, "chat")
    told = "\n".join(m.content for asked in engine.asked for m in asked.messages if m.role == "system")
    assert "The user told you earlier" in told and "Rex" not in told and "Fido" not in told


def test_what_was_told_since_the_night_is_said_in_every_chat_unless_it_was_forgotten(
    served: Served, agent: Agent
) -> None:
    """The adapter was taught Linz. Told again by an import after it was forgotten, Graz stays forgotten."""
    engine: Any = served.scopes.engine()
    engine.script = lambda messages: "Your home city is Linz."
    night = Mount("ad1", Path("x"), opens="Your", declines=("is something I don't know",))
    agent.space.engine.mount([night])
    told = agent.remember("I live in Graz.", "moved")

    def ask(text: str) -> list[tuple[int, ...]]:
        body = {"messages": [{"role": "user", "content": text}], "session": "http"}
        over_http = httpx.post(f"{served.url}/v1/chat/completions", json=body, timeout=120).json()
        return [tuple(over_http["dormouse"]["sources"]), agent.chat(text, "chat").sources]

    def said_instead() -> list[str]:
        return [asked.sampling.grammar for asked in engine.asked if asked.sampling.grammar]

    assert all(told in sources for sources in ask("Where is home?"))
    assert said_instead() == ['root ::= " Graz."'] * 2
    agent.forget(matching="Graz")
    agent.remember("I live in Graz.", "import")
    agent.space.engine.mount([night])
    ask("Where is home?")
    assert len(said_instead()) == 2


def test_what_an_assistant_noted_is_recalled_where_it_is_asked_for_and_marked(agent: Agent) -> None:
    agent.remember(NOTED, "mcp", trusted=False)
    agent.space.episodes.catch_up()
    assert NOTED in [turn.content for turn, _ in agent.recall(ASKED, 5, untrusted=True)]
    own = {turn["text"]: turn["own_words"] for turn in over_mcp(agent)}
    assert own[NOTED] is False and own[TOLD] is True


def test_many_notes_of_others_do_not_crowd_out_the_users_own_words(agent: Agent) -> None:
    for number in range(30):
        agent.remember(f"A dog was seen, says note {number}.", "mcp", trusted=False)
    agent.space.episodes.catch_up()
    assert agent.recall(ASKED, 1)[0][0].content == TOLD


def test_what_is_recalled_for_another_model_keeps_to_the_declared_tokens(tmp_path: Path) -> None:
    spec = Spec.model_validate({"memory": {"recall": {"top_k": 5, "budget_tokens": 20}}})
    with serving(tmp_path, spec=spec, embedder=Knowing()) as server:
        agent = server.scopes.owner
        for number in range(5):
            agent.remember(f"My dog number {number} barks at the moon all night long.", f"s{number}")
        agent.space.episodes.catch_up()
        text, ids = agent.recalled_for(agent.hear(CHAT))
        assert len(Knowing().tokenize(text)) <= 20 and 1 <= len(ids) < 5


def test_users_share_one_embedder_which_outlives_each_of_them(tmp_path: Path) -> None:
    embedder = Knowing()
    with serving(tmp_path, embedder=embedder) as server:
        for user in ("anna", "bert"):
            with server.scopes.using(user) as agent:
                agent.remember(TOLD)
                agent.space.episodes.catch_up()
                agent.space.close()
        assert embedder.calls == 2
