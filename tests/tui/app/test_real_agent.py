"""The screens over the agent itself: embedded, and behind a daemon's door, where they must work alike."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from screen_stage import PATIENCE_S
from scripted_engine import BASE, ScriptedEngine
from textual.pilot import Pilot

from dormouse.runtime.agent import Agent
from dormouse.runtime.doors.attached import AttachedAgent
from dormouse.runtime.doors.client import mark_path
from dormouse.runtime.doors.server import DoorServer
from dormouse.runtime.errors import UnreadableInput
from dormouse.tui.app.abc import Companion
from dormouse.tui.app.app import DormouseApp
from dormouse.tui.app.chat.screen import ChatScreen


@pytest.fixture(params=["embedded", "attached"])
def agent(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Agent]:
    home = tmp_path / "home"
    with Agent(home=home, engine=ScriptedEngine(), base=BASE, attach=False) as owner:
        if request.param == "embedded":
            yield owner
            return
        status = {"alarms": ["The disk is nearly full."], "why": "a turn was taken", "held": []}
        door = DoorServer(owner, home, {"warnings": list, "status": lambda: status})
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


def test_a_home_that_cannot_be_opened_ends_it_with_its_sentence() -> None:
    def fail() -> Companion:
        raise UnreadableInput("spec", "nowhere.yaml", "there is no such file")

    app = DormouseApp(fail)

    async def run() -> None:
        async with app.run_test() as pilot:
            await until(pilot, lambda: app.failure is not None)

    asyncio.run(run())
    assert "nowhere.yaml" in str(app.failure)
