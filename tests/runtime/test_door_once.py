"""A call through a door that is made again, because its daemon was killed, has its effect once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from adapter_builds import BASE as BASE_SHA256
from adapter_builds import build_folder, exam_of, unsaved
from door_house import House
from night_parts import a_memory

from dormouse.graphs.chat import ChatMessage, ChatRequest, FunctionCall
from dormouse.memory.adapters import Registry
from dormouse.memory.errors import BadInput
from dormouse.runtime.agent import Agent
from dormouse.runtime.doors import client
from dormouse.runtime.errors import DoorClosed
from dormouse.runtime.receipts import read_receipts

Kill = Callable[[str], None]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def far(house: House) -> Iterator[Agent]:
    with Agent(home=house.home) as agent:
        yield agent


@pytest.fixture
def kill_after(house: House, monkeypatch: pytest.MonkeyPatch) -> Kill:
    """Has the daemon killed once after a call's effect and before its answer, and come back."""
    real, doomed = client.Connection.call, set[str]()

    def call(self: client.Connection, name: str, *rest: Any, **more: Any) -> Any:
        result = real(self, name, *rest, **more)
        if name in doomed:
            doomed.discard(name)
            house.crash()
            house.open()
            raise DoorClosed
        return result

    monkeypatch.setattr(client.Connection, "call", call)
    return doomed.add


def contents(house: House, session: str) -> list[str]:
    return [turn.content for turn in house.agent.turns(session)]


def asking(*messages: ChatMessage) -> ChatRequest:
    return ChatRequest(messages=messages)


def published(house: House, folder: Path, count: int) -> list[str]:
    registry, ids = Registry(house.agent.home.adapters_path, BASE_SHA256), []
    for number in range(count):
        made = registry.add(build_folder(folder / str(number), f"adapter {number}"), unsaved(day=number))
        registry.record_exam(made.id, exam_of(made.id))
        ids.append(registry.publish(made.id).id)
    return ids


def test_what_is_remembered_is_journaled_once(house: House, far: Agent, kill_after: Kill) -> None:
    kill_after("remember")
    turn = far.remember("My dog is Rex.")
    (session,) = house.agent.session_views()
    assert contents(house, session.id) == ["My dog is Rex."]
    assert far.turns_by_id([turn])[0].content == "My dog is Rex."
    far.remember("My dog is Rex.", session.id)
    assert len(contents(house, session.id)) == 2  # said again, it is another turn


def test_a_session_is_begun_once(house: House, far: Agent, kill_after: Kill) -> None:
    kill_after("new_session")
    session = far.new_session()
    assert [known.id for known in house.agent.sessions()] == [session]


def test_a_turn_is_heard_once_and_its_caller_is_told(house: House, far: Agent, kill_after: Kill) -> None:
    session = far.new_session()
    kill_after("stream")
    reply = far.chat("hello there", session)
    assert reply.interrupted
    assert contents(house, session) == ["hello there", "You said: hello there"]


def test_the_same_words_said_by_another_client_are_not_taken_for_ones_own(
    house: House, far: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, real, lost = far.new_session(), client.Connection.call, iter([True])

    def lose(self: client.Connection, name: str, *rest: Any, **more: Any) -> Any:
        if name == "stream" and next(lost, False):
            house.agent.chat("hello", session)
            self.close()
            raise DoorClosed
        return real(self, name, *rest, **more)

    monkeypatch.setattr(client.Connection, "call", lose)
    assert not far.chat("hello", session).interrupted
    assert contents(house, session) == ["hello", "You said: hello"] * 2


def test_what_an_app_passes_on_is_journaled_once(house: House, far: Agent, kill_after: Kill) -> None:
    call = FunctionCall("c1", "weather", '{"city": "Oslo"}')
    request = asking(
        ChatMessage("user", "How is the weather?"),
        ChatMessage("assistant", "", calls=(call,)),
        ChatMessage("tool", "It rains.", call_id="c1"),
        ChatMessage("user", "Thanks."),
    )
    kill_after("hear")
    heard = far.hear(request)
    assert heard.session is not None
    turns = house.agent.transcript(heard.session)
    assert [(turn.content, len(turn.calls)) for turn in turns] == [("It rains.", 1), ("Thanks.", 0)]
    assert heard.user_turn_id == turns[-1].id


def test_what_is_heard_again_is_not_part_of_its_own_history(
    house: House, far: Agent, kill_after: Kill
) -> None:
    session = far.chat("before").session
    kill_after("hear")
    heard = far.hear(asking(ChatMessage("user", "now")), session)
    said = [message.content for message in heard.request.messages]
    assert said == ["before", "You said: before", "now"]
    assert contents(house, session) == said


def test_an_answer_to_an_app_is_journaled_once(house: House, far: Agent, kill_after: Kill) -> None:
    heard = far.hear(asking(ChatMessage("user", "hello")))
    assert heard.session is not None
    kill_after("answer")
    reply = far.answer(heard)
    assert contents(house, heard.session) == ["hello", reply.answer.text]
    assert house.agent.turns(heard.session)[-1].id == reply.turn_id


def test_what_another_model_said_is_journaled_once(house: House, far: Agent, kill_after: Kill) -> None:
    heard = far.hear(asking(ChatMessage("user", "hello")))
    assert heard.session is not None
    kill_after("said")
    turn = far.said(heard, "good day")
    assert contents(house, heard.session) == ["hello", "good day"]
    assert house.agent.turns(heard.session)[-1].id == turn


def test_one_exchange_is_taken_back(house: House, far: Agent, kill_after: Kill) -> None:
    session = far.chat("one").session
    far.chat("two")
    kill_after("take_back")
    assert far.take_back(session) == "two"
    assert contents(house, session) == ["one", "You said: one"]


def test_another_exchange_than_the_one_meant_is_not_taken_back(far: Agent) -> None:
    session = far.chat("one").session
    first = far.turns(session)[0].id
    far.chat("two")
    with pytest.raises(BadInput, match="something was said in this session since"):
        far.take_back(session, first)
    assert len(far.turns(session)) == 4


def test_a_memory_is_corrected_once(house: House, far: Agent, kill_after: Kill) -> None:
    turn = far.remember("My dog is Rex.")
    house.agent.space.journal.put_memories([a_memory("user", "dog", "Rex", turn=turn)])
    (old,) = far.memories()
    kill_after("correct")
    assert far.correct(old.id, "Max").value == "Max"
    assert [(one.value, one.state) for one in far.memories()] == [("Rex", "superseded"), ("Max", "admitted")]
    assert contents(house, "corrections") == ["My dog is Max."]


def test_a_rollback_goes_one_version_back(house: House, far: Agent, kill_after: Kill, tmp_path: Path) -> None:
    first, second, third = published(house, tmp_path, 3)
    kill_after("rollback")
    assert far.rollback() == second
    assert house.agent.space.registry.head() == house.agent.space.registry.get(second)
    assert far.rollback() == first  # asked for again, it goes on
    assert third != first


def test_a_rollback_killed_before_it_was_logged_goes_one_version_back(
    house: House, far: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, second, third = published(house, tmp_path, 3)

    def killed(*_: object, **__: object) -> None:
        house.crash()
        house.open()
        raise DoorClosed

    with monkeypatch.context() as dying:
        dying.setattr(Registry, "_append_log", killed)
        with pytest.raises(DoorClosed):
            house.agent.space.registry.rollback(once="k")
    assert house.agent.space.registry.rollback(once="k") == house.agent.space.registry.get(second)
    registry = house.agent.space.registry
    registry.publish(third)
    moves = [(entry.action, entry.once) for entry in registry.log()[-2:]]
    assert moves == [("rollback", "k"), ("publish", "")]


def test_what_is_forgotten_is_forgotten_once_and_has_its_receipt(
    house: House, far: Agent, kill_after: Kill
) -> None:
    turn = far.remember("My dog is Rexington.")
    house.agent.space.journal.put_memories([a_memory("user", "dog", "Rexington", turn=turn)])
    (memory,) = far.memories()
    kill_after("forget")
    receipt = far.forget(memory.id)
    assert [row["memory"] for row in receipt.forgotten] == [memory.id]
    assert [known.id for known in read_receipts(house.agent.home)] == [receipt.id]
    assert "Rexington" not in far.turns_by_id([turn])[0].content


def test_a_night_that_ended_as_its_daemon_was_killed_is_not_slept_again(
    house: House, far: Agent, kill_after: Kill, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(agent: Agent, progress: object = None) -> Any:
        journal = agent.space.journal
        night = journal.begin_night(1)
        journal.finish_night(night.id, "rejected", report={"reasons": ["it forgot its manners"]})
        return replace(real(agent), status="rejected", night=night.id)

    real = type(house.agent).sleep
    monkeypatch.setattr(type(house.agent), "sleep", sleep)
    kill_after("sleep")
    report = far.sleep()
    assert (report.status, report.night, report.reasons) == ("rejected", "n0001", ["it forgot its manners"])
    assert [night.id for night in far.nights()] == ["n0001"]
