"""What an agent shows of its home, and what its owner may set right there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted_engine import BASE, ScriptedEngine

from dormouse.memory.errors import BadInput, JournalError, UnknownRecord
from dormouse.memory.journal import Journal, Judgement, Memory, memory_id
from dormouse.runtime.agent import Agent
from dormouse.runtime.conversations import correct
from dormouse.runtime.spec import Spec


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    with Agent(Spec(), home=tmp_path, engine=ScriptedEngine(), base=BASE) as made:
        yield made


def learnt(journal: Journal, said: str, state: str = "consolidated") -> Memory:
    turn = journal.add_turn(journal.open_session("s").id, "user", said)
    id = memory_id("dog", "name", "Rex", [turn.id])
    memory = Memory(
        id,
        "dog",
        "name",
        "Rex",
        said,
        "The user's dog's name is Rex.",
        (turn.id,),
        turn.created_at,
        state,  # type: ignore[arg-type]
    )
    journal.put_memories([memory])
    return memory


def test_sessions_come_latest_first_with_their_titles_and_turns(agent: Agent) -> None:
    agent.new_session("empty")
    agent.chat("hello", "first")
    agent.chat("well then", "second")
    agent.chat("again", "first")
    views = agent.session_views()
    assert [(view.id, view.title, view.turns) for view in views] == [
        ("first", "hello", 4),
        ("second", "well then", 2),
    ]
    agent.rename_session("first", "  The \n garden ")
    assert agent.session_views()[0].title == "The garden"
    agent.rename_session("first", "")
    assert agent.session_views()[0].title == "hello"
    with pytest.raises(BadInput, match="200 characters, and this has 201"):
        agent.rename_session("first", "x" * 201)
    with pytest.raises(UnknownRecord):
        agent.rename_session("nowhere", "x")


def test_what_is_taken_back_stays_on_record_and_is_nothing_elses(agent: Agent) -> None:
    agent.chat("My dog is called Rex.", "s")
    agent.chat("And my cat Tom.", "s")
    assert agent.take_back("s") == "And my cat Tom."
    assert [turn.content for turn in agent.transcript("s")] == [
        "My dog is called Rex.",
        "You said: My dog is called Rex.",
    ]
    assert [turn.withdrawn for turn in agent.transcript("s", withdrawn=True)] == [False, False, True, True]
    assert [turn.content for turn in agent.unread()] == ["My dog is called Rex."]
    assert agent.search("cat Tom") == []
    assert 3 not in agent.chat("Where is the cat?", "t").sources, "the cat was taken back"
    assert agent.take_back("s") == "My dog is called Rex."
    with pytest.raises(BadInput, match="nothing was said"):
        agent.take_back("s")


def test_a_turn_still_being_answered_is_not_taken_back(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        turn = journal.add_turn(journal.open_session("s").id, "user", "hello")
        pending = journal.add_turn("s", "assistant", "", reply_to=turn.id, state="pending")
        with pytest.raises(JournalError, match="still being written"):
            journal.withdraw([turn.id, pending.id])
        assert len(journal.turns("s")) == 2, "all of them or none"


def test_another_answer_is_asked_for_otherwise(tmp_path: Path) -> None:
    engine = ScriptedEngine()
    with Agent(Spec(), home=tmp_path, engine=engine, base=BASE) as agent:
        for variation in (0, 1, 2):
            with agent.stream("hello", variation=variation) as pieces:
                list(pieces)
    asked = [(one.sampling.temperature, one.sampling.seed) for one in engine.asked]
    assert asked == [(0.0, 0), (0.7, 1), (0.7, 2)]


def test_a_correction_is_the_owners_word_and_takes_the_place(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        old = learnt(journal, "Our dog is Rex.")
        new = correct(journal, old.id[:6], " Max. ")
        assert (new.statement, new.state, new.value) == ("The user's dog's name is Max.", "admitted", "Max")
        said = journal.turn(new.turn_ids[0])
        assert (said.content, said.trusted, said.role) == ("My dog's name is Max.", True, "user")
        assert new.quote in said.content
        gone = journal.memory(old.id)
        assert (gone.state, gone.superseded_by) == ("superseded", new.id)
        for id, value, why in (
            (new.id, "Max", "says 'Max' already"),
            (new.id, " . ", "forget it instead"),
            (old.id, "Tom", "is superseded"),
        ):
            with pytest.raises(BadInput, match=why):
                correct(journal, id, value)


def test_the_context_is_counted_once_the_engine_is_open(agent: Agent) -> None:
    session = agent.new_session()
    assert agent.context(session) is None
    agent.warm_up()
    empty = agent.context(session)
    assert empty is not None and (empty.messages, empty.left_out) == (0, 0)
    agent.chat("one two three", session)
    seen = agent.context(session)
    assert seen is not None
    assert (seen.messages, seen.left_out) == (2, 0)
    assert empty.tokens < seen.tokens < seen.room < seen.capacity


def test_what_no_longer_fits_is_counted_as_out_of_view(tmp_path: Path) -> None:
    engine = ScriptedEngine(context=256)
    spec = Spec.model_validate(
        {
            "model": {"context_tokens": 256},
            "memory": {"context": {"max_answer_tokens": 40}, "recall": {"budget_tokens": 20}},
        }
    )
    with Agent(spec, home=tmp_path, engine=engine, base=BASE) as agent:
        for _ in range(12):
            agent.chat("a few words " * 6, "s")
        seen = agent.context("s")
    assert seen is not None
    assert seen.left_out > 0 and seen.messages + seen.left_out == 24
    assert seen.tokens <= seen.room


def test_turns_are_found_by_their_ids_with_the_calls_made_in_them(agent: Agent) -> None:
    reply = agent.chat("hello", "s")
    journal = agent._space.journal
    tool = journal.add_turn("s", "tool", "4", reply_to=reply.turn_id, trusted=False)
    journal.add_tool_call(tool.id, "calculator", {"expression": "2+2"}, "4", True)
    found = agent.turns_by_id([tool.id, 999, reply.turn_id])
    assert [turn.id for turn in found] == [tool.id, reply.turn_id]
    assert [(call.name, call.arguments, call.ok, call.state) for call in found[0].calls] == [
        ("calculator", {"expression": "2+2"}, True, "done")
    ]


def test_verdicts_stand_with_what_they_are_about(agent: Agent) -> None:
    reply = agent.chat("hello", "s")
    journal = agent._space.journal
    tool = journal.add_turn("s", "tool", "4", reply_to=reply.turn_id, trusted=False)
    call = journal.add_tool_call(tool.id, "calculator", {"expression": "2+2"}, "4", True)
    journal.add_judgements(
        [
            Judgement(tool.id, call.id, "arithmetic", "passed", "2+2 = 4", 0.1),
            Judgement(reply.turn_id, None, "match", "failed", "it does not hold '5'", 0.1),
        ]
    )
    called, answered = agent.turns_by_id([tool.id, reply.turn_id])
    assert [(v.verifier, v.outcome) for v in called.calls[0].verdicts] == [("arithmetic", "passed")]
    assert called.verdicts == ()
    assert [(v.verifier, v.evidence) for v in answered.verdicts] == [("match", "it does not hold '5'")]


def test_no_adapter_is_none_and_no_nights_are_none(agent: Agent) -> None:
    assert agent.adapter() is None
    assert agent.nights() == []
    assert agent.overview().turns == 0
