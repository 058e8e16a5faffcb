"""MCP servers that are absent when an agent begins: told of once, tried again, and offered once there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hashed_embedder import HashedEmbedder
from scripted_engine import BASE, ScriptedEngine
from toolboxes import around

from dormouse.graphs.abc import Tool
from dormouse.memory.engine import Message
from dormouse.memory.journal import Journal
from dormouse.runtime.agent import Agent
from dormouse.runtime.errors import UnusableTool
from dormouse.runtime.settings import ToolSettings
from dormouse.runtime.spec import Spec
from dormouse.runtime.toolbox import back_off, build, mcp_servers
from dormouse.runtime.toolbox.build import Toolbox


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.db") as opened:
        yield opened


class Server:
    """Stands for an MCP server that is there when `there` is set; counts who asked and who left."""

    def __init__(self, *tools: str) -> None:
        self.there, self.tries, self.closed, self.names = threading.Event(), 0, 0, tools
        self.hangs = threading.Event()
        self.hangs.set()

    def opened(self, address: Any, *, timeout_s: float) -> Server:
        self.tries += 1
        self.hangs.wait(120)
        if not self.there.is_set():
            raise UnusableTool(str(address), "it did not answer")
        return self

    def tools(self, **given: Any) -> list[Tool]:
        return [Declared(name) for name in self.names]

    def close(self) -> None:
        self.closed += 1


class Declared(Tool):
    description = "does it"
    parameters: Mapping[str, Any] = {"type": "object", "properties": {}}

    def __init__(self, name: str) -> None:
        self.name = name

    def call(self, arguments: Mapping[str, Any]) -> str:
        return self.name


Opened = Callable[..., tuple[Toolbox, list[str]]]


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def opened(journal: Journal, closing: ExitStack, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Opens a toolbox of a clock and a server; and what it warned of."""

    def toolbox(server: Server, now: list[float]) -> tuple[Toolbox, list[str]]:
        monkeypatch.setattr(mcp_servers, "McpServer", server.opened)
        monkeypatch.setattr(build, "_PATIENCE_S", 120.0)
        warnings: list[str] = []
        entries = ToolSettings.model_validate({"offer": [{"url": "http://x/mcp"}, "clock"]}).offer
        told = around(journal, warnings, closing)
        return Toolbox(entries, told, clock=lambda: now[0]), warnings

    return toolbox


def names(toolbox: Toolbox) -> list[str]:
    return [tool.name for tool in toolbox.tools]


def test_the_tools_of_a_server_that_was_absent_are_there_once_it_is_and_it_is_told_once(
    opened: Opened,
) -> None:
    server, now = Server("add"), [0.0]
    toolbox, warnings = opened(server, now)
    assert names(toolbox) == ["clock"] and len(warnings) == 1 and "it did not answer" in warnings[0]
    tried_at = []
    for second in range(200):
        now[0], before = float(second), server.tries
        toolbox.look_again()
        tried_at += [second] if server.tries > before else []
    assert tried_at == [1, 3, 7, 15, 31, 63, 123, 183] and len(warnings) == 1
    server.there.set()
    now[0] = 1000.0
    toolbox.look_again()
    assert names(toolbox) == ["clock", "add"] and warnings == []
    tries = server.tries
    now[0] = 2000.0
    toolbox.look_again()
    assert server.tries == tries, "it is there, and is not tried any more"


def test_a_server_that_hangs_keeps_no_turn_waiting_and_is_tried_by_one_thread(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, now = Server("add"), [0.0]
    toolbox, _ = opened(server, now)
    monkeypatch.setattr(build, "_PATIENCE_S", 0.0)
    server.hangs.clear()
    for second in (10.0, 1000.0):
        now[0] = second
        toolbox.look_again()
    assert names(toolbox) == ["clock"] and server.tries == 2
    server.hangs.set()


def test_what_an_absent_server_brings_under_a_name_that_is_taken_is_left_out_with_a_warning(
    opened: Opened,
) -> None:
    server, now = Server("clock", "add"), [0.0]
    toolbox, warnings = opened(server, now)
    server.there.set()
    now[0] = 10.0
    toolbox.look_again()
    assert names(toolbox) == ["clock", "add"] and len(warnings) == 1 and "that name is taken" in warnings[0]


def test_a_server_that_comes_after_everything_was_closed_is_closed_too(
    opened: Opened, closing: ExitStack
) -> None:
    server, now = Server("add"), [0.0]
    toolbox, _ = opened(server, now)
    server.there.set()
    closing.close()
    now[0] = 10.0
    toolbox.look_again()
    assert server.closed == 1 and names(toolbox) == ["clock"]


def test_a_turn_is_offered_the_tools_of_a_server_that_came_after_the_agent_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server("add")
    monkeypatch.setattr(mcp_servers, "McpServer", server.opened)
    monkeypatch.setattr(build, "_PATIENCE_S", 120.0)
    monkeypatch.setattr(back_off, "_FIRST_PAUSE_S", 0.0)
    spec = Spec.model_validate({"tools": {"offer": [{"url": "http://x/mcp", "approval": "never"}]}})
    asked: list[str] = []

    def script(messages: Sequence[Message]) -> str:
        if "Say as JSON" not in messages[-1].content:
            return "done"
        asked.append(messages[-1].content)
        return '{"tool": "add", "arguments": {}}' if len(asked) == 1 else '{"tool": "none"}'

    with Agent(spec, home=tmp_path, engine=ScriptedEngine(script), base=BASE, attach=False) as agent:
        agent.space.embedder = HashedEmbedder
        agent.chat("Add it.")
        assert not asked and len(agent.warnings) == 1
        server.there.set()
        reply = agent.chat("Add it now.")
        made = [agent.space.journal.tool_call(id).name for id in reply.calls]
        assert made == ["add"] and not agent.warnings
