"""The memory as an MCP server, asked by the official client: over stdio and over streamable HTTP."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from scripted_engine import BASE, ScriptedEngine

from dormouse.memory.journal import Journal
from dormouse.runtime.agent import Agent
from dormouse.runtime.apps.mcp_server import memory_server

COMMAND = ["-m", "dormouse.tui.cli", "mcp", "--home"]


async def used(client: Client) -> None:
    tools = {tool.name for tool in (await client.list_tools()).tools}
    assert tools == {"remember", "recall", "forget", "why"}
    kept = await client.call_tool("remember", {"text": "My sister Annika is a vet in Tromso."})
    assert not kept.is_error
    found: Any = (await client.call_tool("recall", {"query": "What does my sister do?"})).structured_content
    assert [turn["text"] for turn in found["turns"]] == ["My sister Annika is a vet in Tromso."]
    refused = await client.call_tool("remember", {"text": "  "})
    assert refused.is_error and "Traceback" not in str(refused.content)
    unknown = await client.call_tool("forget", {"matching": "nobody ever said this"})
    assert unknown.is_error
    assert not (await client.call_tool("why", {"text": "What does my sister do?"})).is_error


def test_in_process(tmp_path: Path) -> None:
    with Agent(home=tmp_path, engine=ScriptedEngine(), base=BASE) as agent:

        async def run() -> None:
            async with Client(memory_server(agent)) as client:
                await used(client)

        asyncio.run(run())


def test_over_stdio(tmp_path: Path) -> None:
    async def run() -> None:
        server = StdioServerParameters(
            command=sys.executable, args=[*COMMAND, str(tmp_path)], env=dict(os.environ)
        )
        async with Client(stdio_client(server)) as client:
            await used(client)

    asyncio.run(run())
    with Journal(tmp_path / "journal.db", read_only=True) as journal:
        assert [turn.trusted for turn in journal.turns("mcp")] == [False]


def test_over_streamable_http(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = [sys.executable, *COMMAND, str(tmp_path), "--http", "--port", str(port), "--trusted"]
    with subprocess.Popen(arguments, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(port)

            async def run() -> None:
                async with Client(f"http://127.0.0.1:{port}/mcp") as client:
                    await used(client)

            asyncio.run(run())
        finally:
            server.terminate()
            server.wait(120)
    with Journal(tmp_path / "journal.db", read_only=True) as journal:
        assert [turn.trusted for turn in journal.turns("mcp")] == [True]


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    pytest.fail("the server did not listen")
