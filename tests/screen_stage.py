"""The application on a stage: run without a terminal, over a staged agent, and driven by keys and mouse."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

from staged_agent import StagedAgent
from staged_records import NOW
from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.widget import Widget

from dormouse.tui.app import clock
from dormouse.tui.app.app import DormouseApp
from dormouse.tui.app.chat.prompt import Prompt

SMALL, LARGE = (80, 24), (200, 60)
SIZES = [SMALL, LARGE]
PATIENCE_S = 120.0
_MOST_PAGES = 40

Play = Callable[["Stage"], Coroutine[Any, Any, None]]


class Stage:
    """One run of the application."""

    def __init__(self, app: DormouseApp, agent: StagedAgent, pilot: Pilot[None]) -> None:
        self.app, self.agent, self.pilot = app, agent, pilot

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait for it, and then for the picture to stand still."""
        if holds():
            return
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, f"{inspect.getsource(holds).strip()}\n{self.shown()}"
            await self.pilot.pause(0.02)
        await self._taken()

    async def press(self, *keys: str) -> None:
        for key in keys:
            self._send(key, key if len(key) == 1 else None)
            await self._taken()

    async def write(self, text: str) -> None:
        """Type it, key by key, into what has the focus."""
        for character in text:
            if character == "\n":
                self._send("ctrl+j", None)
            else:
                self._send(_character_to_key(character), character)
        await self._taken()

    def _send(self, key: str, character: str | None) -> None:
        """As a terminal does: the pilot's own waits, for an idle processor, are longer than tests take."""
        event = events.Key(key, character)
        event.set_sender(self.app)
        self.app.post_message(event)

    async def _taken(self) -> None:
        """Wait until what was sent has been taken by who it was for."""
        for _ in range(2):
            await self.pilot.pause(0.01)

    async def say(self, text: str) -> None:
        """Put it into the prompt, send it, and wait until it was answered."""
        self.app.screen.query_one(Prompt).insert(text)
        await self._taken()
        before = len(self.said("stream"))
        await self.press("enter")
        await self.until(lambda: len(self.said("stream")) > before and self.app.screen.run is None)  # type: ignore[attr-defined]

    async def click(self, target: str | type[Widget], **where: Any) -> None:
        await self._taken()
        assert await self.pilot.click(target, **where), f"{target} is not where it can be clicked"
        await self._taken()

    async def wheel(self, target: str, notches: int = 1) -> None:
        """Turn the mouse's wheel towards the user, over the middle of it."""
        await self._taken()
        at = self.app.screen.query_one(target).region.center
        x, y = int(at[0]), int(at[1])
        for _ in range(notches):
            turned = events.MouseScrollDown(None, x, y, 0, 0, 0, False, False, False, x, y)
            turned.set_sender(self.app)
            self.app.screen._forward_event(turned)
        await self._taken()

    async def page_to(self, where: str, words: str) -> None:
        """Press PgDn until it can be read there."""
        for _ in range(_MOST_PAGES):
            if words in self.shown(where):
                return
            await self.press("pagedown")
        raise AssertionError(f"{words!r} is not reached\n{self.shown()}")

    def said(self, what: str) -> list[tuple[Any, ...]]:
        """What was asked of the agent, of one kind."""
        return [done for done in self.agent.done if done[0] == what]

    def shown(self, selector: str = "Screen") -> str:
        """What can be read there, line by line."""
        region = self.app.screen.query_one(selector).region if selector != "Screen" else None
        strips = self.app.screen._compositor.render_strips()
        if region is None:
            return "\n".join(strip.text for strip in strips)
        rows = strips[region.y : region.bottom]
        return "\n".join(strip.crop(region.x, region.right).text for strip in rows)


@asynccontextmanager
async def staged(agent: StagedAgent | None = None, size: tuple[int, int] = SMALL) -> AsyncIterator[Stage]:
    """The application, with its agent open and looked at."""
    agent = agent or StagedAgent()
    app = DormouseApp(lambda: agent)
    app.animation_level = "none"
    with patch.object(clock, "now", lambda: NOW):
        async with app.run_test(size=size, notifications=True) as pilot:
            stage = Stage(app, agent, pilot)
            await stage.until(lambda: app.outlook is not None)
            yield stage


def play(act: Play, agent: StagedAgent | None = None, size: tuple[int, int] = SMALL) -> None:
    """Run it to its end."""

    async def run() -> None:
        async with staged(agent, size) as stage:
            await act(stage)

    asyncio.run(run())
