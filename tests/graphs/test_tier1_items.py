"""Tier 1 in a LangGraph store: what was said and learnt is found as the agent finds it, and only read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hashed_embedder import HashedEmbedder
from langgraph.store.base import GetOp, PutOp, SearchOp
from scripted_engine import BASE, ScriptedEngine

from dormouse.graphs.items import DormouseStore
from dormouse.graphs.tier1_items import MEMORIES, TURNS
from dormouse.memory.errors import BadInput
from dormouse.memory.records import Memory
from dormouse.runtime.agent import Agent

SAID = (
    "My sister Annika lives in Tromso.",
    "I bought a red bicycle.",
    "Annika works as a vet.",
    "The boiler is new.",
)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    with Agent(home=tmp_path / "home", engine=ScriptedEngine(), base=BASE, attach=False) as agent:
        agent.space.embedder = HashedEmbedder
        for number, words in enumerate(SAID):
            agent.remember(words, f"s{number // 2}")
        agent.remember("Somebody else's note on Annika.", "mcp", trusted=False)
        agent.space.episodes.catch_up()
        yield agent


@pytest.fixture
def store(agent: Agent, tmp_path: Path) -> Iterator[DormouseStore]:
    with DormouseStore(tmp_path / "items", tier1=agent) as store:
        yield store


def learnt(agent: Agent, id: str, value: str, turn: int, state: str = "admitted") -> None:
    memory = Memory(
        id=id,
        subject="Annika",
        attribute="home",
        value=value,
        quote=value,
        statement=f"Annika lives in {value}.",
        turn_ids=(turn,),
        created_at=datetime.now(UTC),
        state=state,  # type: ignore[arg-type]
    )
    agent.space.journal.put_memories([memory])


def test_turns_are_found_as_the_agent_recalls_them_with_its_scores(
    store: DormouseStore, agent: Agent
) -> None:
    found = store.search(TURNS, query="Where does Annika live?", limit=3)
    ours = agent.recall("Where does Annika live?", 3)
    assert [(int(item.key), item.value["text"], item.score) for item in found] == [
        (turn.id, turn.content, score) for turn, score in ours
    ]
    assert found[0].value == {"text": SAID[0], "session": "s0"} and found[0].namespace == TURNS
    assert asyncio.run(store.asearch(TURNS, query="Where does Annika live?", limit=3)) == found


def test_without_a_query_the_newest_come_first_in_pages_and_by_filter(store: DormouseStore) -> None:
    assert [item.value["text"] for item in store.search(TURNS)] == list(reversed(SAID))
    assert [item.value["text"] for item in store.search(TURNS, limit=2, offset=1)] == [SAID[2], SAID[1]]
    assert [item.value["text"] for item in store.search(TURNS, filter={"session": "s0"})] == [
        SAID[1],
        SAID[0],
    ]
    near = store.search(TURNS, query="Annika", filter={"session": "s1"}, limit=1)
    assert [item.value["text"] for item in near] == [SAID[2]]


def test_a_turn_is_got_by_its_id_and_what_is_not_the_users_own_word_is_not(
    store: DormouseStore, agent: Agent
) -> None:
    first = agent.turns("s0")[0]
    item = store.get(TURNS, str(first.id))
    assert item is not None and (item.value["text"], item.created_at) == (SAID[0], first.created_at)
    untrusted = agent.turns("mcp")[0].id
    for key in (str(untrusted), "999", "x", "-1", "1; DROP TABLE turns"):
        assert store.get(TURNS, key) is None


def test_memories_stand_where_the_turns_do_that_they_rest_on_and_only_those_that_hold(
    store: DormouseStore, agent: Agent
) -> None:
    first, second = (turn.id for turn in agent.turns("s0"))
    learnt(agent, "aaaa000000000001", "Tromso", first)
    learnt(agent, "aaaa000000000002", "a bicycle", second)
    learnt(agent, "aaaa000000000003", "Rome", first, "rejected")
    assert [item.key[-1] for item in store.search(MEMORIES)] == ["2", "1"]
    found = store.search(MEMORIES, query="Where does Annika live?")
    assert found[0].key[-1] == "1" and found[0].value["turns"] == [first] and found[0].score is not None
    item = store.get(MEMORIES, "aaaa000000000001")
    assert item is not None and item.value["text"] == "Annika lives in Tromso."
    assert store.get(MEMORIES, "aaaa000000000003") is None


def test_what_was_said_is_neither_put_nor_deleted_and_such_a_batch_writes_nothing(
    store: DormouseStore,
) -> None:
    for value in ({"text": "x"}, None):
        with pytest.raises(BadInput, match="`remember`, `forget`"):
            store.batch([PutOp(("own",), "k", {"n": 1}), PutOp(TURNS, "1", value)])
    with pytest.raises(BadInput):
        store.put(("dormouse", "mine"), "k", {"n": 1})
    assert store.get(("own",), "k") is None and len(store.search(TURNS)) == len(SAID)


def test_own_items_and_tier_1_are_read_in_one_batch_and_kept_apart(
    store: DormouseStore, agent: Agent
) -> None:
    store.put(("own", "a"), "k", {"n": 1})
    found = store.batch(
        [GetOp(("own", "a"), "k"), SearchOp(TURNS, limit=1), SearchOp((), limit=9), GetOp(TURNS, "1")]
    )
    assert [found[0].value, len(found[1]), len(found[2])] == [{"n": 1}, 1, 1]  # type: ignore[union-attr, arg-type]
    assert found[3] is not None
    assert store.list_namespaces() == [TURNS, ("own", "a")]
    learnt(agent, "aaaa000000000001", "Tromso", 1)
    assert store.list_namespaces(prefix=("dormouse",)) == [MEMORIES, TURNS]


def test_what_is_forgotten_is_not_found_any_more(store: DormouseStore, agent: Agent) -> None:
    agent.forget(matching="Annika")
    assert not [item for item in store.search(TURNS, limit=99) if "Annika" in str(item.value)]
    assert not [item for item in store.search(TURNS, query="Annika", limit=99) if "Annika" in str(item.value)]
    assert len(store.search(TURNS)) >= 2
