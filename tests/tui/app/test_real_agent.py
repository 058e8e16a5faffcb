"""The screens over the agent itself: embedded, and behind a daemon's door, where they must work alike."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from door_house import House
from screen_stage import PATIENCE_S
from scripted_engine import BASE, ScriptedEngine
from textual.css.query import NoMatches
from textual.pilot import Pilot

from dormouse.memory.engine import Message
from dormouse.memory.journal import Journal
from dormouse.runtime.agent import Agent
from dormouse.runtime.doors.attached import AttachedAgent
from dormouse.runtime.doors.client import mark_path
from dormouse.runtime.doors.server import DoorServer
from dormouse.runtime.errors import UnreadableInput
from dormouse.runtime.spec import Spec
from dormouse.tui.app.abc import Companion
from dormouse.tui.app.app import DormouseApp
from dormouse.tui.app.chat.calls import Approval
from dormouse.tui.app.chat.screen import ChatScreen
from dormouse.tui.app.messages import SessionChosen


@pytest.fixture(params=["embedded", "attached"])
def agent(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Agent]:
    home = tmp_path / "home"
    with Agent(home=home, engine=ScriptedEngine(), base=BASE, attach=False) as owner:
        if request.param == "embedded":
            yield owner
            return
        status = {"alarms": ["The disk is nearly full."], "why": "a turn was taken", "held": []}
        door = DoorServer(owner, home, {"warnings": lambda _: [], "status": lambda _: status})
        mark_path(home).write_text("{}")
        with Agent(home=home) as far:
            assert isinstance(far, AttachedAgent)
            yield far
        mark_path(home).unlink()
        door.close()


async def until(pilot: Pilot[None], holds: object) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come"
        await pilot.pause(0.02)


def test_a_turn_is_said_retried_and_looked_at(agent: Agent) -> None:
    companion: Companion = agent
    app = DormouseApp(lambda: companion)

    async def run() -> None:
        async with app.run_test(size=(140, 50)) as pilot:
            await until(pilot, lambda: app.outlook is not None)
            chat = app.screen
            assert isinstance(chat, ChatScreen)
            chat.prompt.put("hello there")
            await pilot.press("enter")
            await until(pilot, lambda: "You said: hello there" in chat.conversation.last_answer)
            await until(pilot, lambda: chat.run is None)
            await pilot.press("f7")
            await until(pilot, lambda: chat.last[1] == 1 and chat.run is None)
            assert app.session is not None
            said = [turn.content for turn in agent.transcript(app.session)]
            assert said == ["hello there", "You said: hello there"]
            await until(pilot, lambda: app.outlook is not None and app.outlook.context is not None)
            assert app.outlook is not None
            far = isinstance(agent, AttachedAgent)
            assert app.outlook.alarms == (("The disk is nearly full.",) if far else ())
            await pilot.press("f3")
            await pilot.press("f4")
            await until(pilot, lambda: app.current_mode == "night")

    asyncio.run(run())


def test_a_chat_says_once_that_its_daemon_has_stopped_and_goes_on_without_it(tmp_path: Path) -> None:
    house = House(tmp_path / "home")
    app = DormouseApp(lambda: opened.enter_context(at_home(house.home)))

    async def run() -> None:
        async with app.run_test(size=(140, 50), notifications=True) as pilot:
            await said(pilot, "one")
            house.close()
            for _ in range(3):
                app.look()
                await until(pilot, lambda: not [w for w in app.workers if w.group == "look"])
            told = [each.message for each in app._notifications]
            assert len([words for words in told if "has stopped" in words]) == len(told) == 1
            await said(pilot, "two")
            app.look()
            await until(pilot, lambda: any("in this program now" in n.message for n in app._notifications))

    with ExitStack() as opened:
        asyncio.run(run())
    assert app.session is not None
    with Journal(house.home / "journal.db") as journal:
        turns = [turn.content for turn in journal.turns(app.session)]
    assert turns == ["one", "You said: one", "two", "You said: two"]


def test_a_chat_is_attached_again_to_a_daemon_that_comes_back(tmp_path: Path) -> None:
    house = House(tmp_path / "home")
    app = DormouseApp(lambda: opened.enter_context(at_home(house.home)))

    async def run() -> None:
        async with app.run_test(size=(140, 50), notifications=True) as pilot:
            await said(pilot, "one")
            house.close()
            app.look()
            await until(pilot, lambda: any("has stopped" in n.message for n in app._notifications))
            house.open()
            app.look()
            await until(pilot, lambda: any("daemon is back" in n.message for n in app._notifications))
            await said(pilot, "two")

    with ExitStack() as opened:
        asyncio.run(run())
        assert app.session is not None
        assert [turn.content for turn in house.agent.turns(app.session)][2:] == ["two", "You said: two"]
    house.close()


def at_home(home: Path) -> Agent:
    """As `dormouse chat` opens it: the daemon's, where one is there."""
    if mark_path(home).exists():
        return Agent(home=home)
    return Agent(home=home, engine=ScriptedEngine(), base=BASE)


async def said(pilot: Pilot[None], text: str) -> None:
    chat = pilot.app.screen
    assert isinstance(chat, ChatScreen)
    await until(pilot, lambda: chat.agent is not None)
    chat.prompt.put(text)
    await pilot.press("enter")
    await until(pilot, lambda: f"You said: {text}" in chat.conversation.last_answer and chat.run is None)


def remembering(messages: Sequence[Message]) -> str:
    if "Say as JSON" not in messages[-1].content:
        return "All right."
    made = any(message.role == "tool" for message in messages)
    return '{"tool": "none"}' if made else '{"tool": "remember", "arguments": {"note": "The boiler is old."}}'


def waiting_elsewhere(home: Path) -> str:
    """A session in which another process's call of a tool waits for a yes."""
    spec = Spec.model_validate({"tools": ["remember"]})
    with Agent(spec, home=home, engine=ScriptedEngine(script=remembering), base=BASE) as agent:
        session = agent.new_session()
        reply = agent.chat("Note that the boiler is old.", session, wait=True)
        assert reply.waiting is not None
        return session


@pytest.mark.parametrize("yes", [True, False])
def test_a_call_that_another_process_left_waiting_is_asked_about(tmp_path: Path, yes: bool) -> None:
    session = waiting_elsewhere(tmp_path / "home")
    spec = Spec.model_validate({"tools": ["remember"]})
    engine = ScriptedEngine(script=remembering)
    agent = Agent(spec, home=tmp_path / "home", engine=engine, base=BASE, attach=False)
    app = DormouseApp(lambda: agent)

    async def run() -> None:
        async with app.run_test(size=(140, 50), notifications=True) as pilot:
            chat = app.screen
            assert isinstance(chat, ChatScreen)
            await until(pilot, lambda: any("remember waits" in each.message for each in app._notifications))
            chat.post_message(SessionChosen(session))
            await until(pilot, lambda: bool(chat.query(Approval)))
            await pilot.press("escape")  # left open, and asked again when one comes back
            await until(pilot, lambda: chat.run is None and not chat.query(Approval))
            assert [call.name for call in agent.waiting()] == ["remember"]
            assert chat.prompt.text == ""
            chat.post_message(SessionChosen(session))
            await until(pilot, lambda: chat.run is not None and bool(chat.query(Approval)))
            while agent.waiting() and chat.query(Approval):  # a first click may come before it is drawn
                with suppress(NoMatches):  # it goes as soon as it is answered
                    await pilot.click("#yes" if yes else "#no")
                await pilot.pause(0.05)
            await until(pilot, lambda: chat.run is None and not agent.waiting())
            await until(pilot, lambda: chat.conversation.last_answer == "All right.")

    with agent:
        asyncio.run(run())
        (called,) = [call for turn in agent.transcript(session) for call in turn.calls]
        assert called.state == ("done" if yes else "refused")


def test_a_home_that_cannot_be_opened_ends_it_with_its_sentence() -> None:
    def fail() -> Companion:
        raise UnreadableInput("spec", "nowhere.yaml", "there is no such file")

    app = DormouseApp(fail)

    async def run() -> None:
        async with app.run_test() as pilot:
            await until(pilot, lambda: app.failure is not None)

    asyncio.run(run())
    assert "nowhere.yaml" in str(app.failure)
