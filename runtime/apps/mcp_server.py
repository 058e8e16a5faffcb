"""The agent's memory as an MCP server, so that other assistants can use it: remember, recall, forget, why.

Promise: what an assistant remembers here is recalled at once; nights train on it only where the owner said
that its words count as theirs (`trusted`). Answers nothing itself, so no engine is opened.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from ...memory.errors import DormouseError
from ..agent import Agent

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_ABOUT = "What the user has told Dormouse, over all their sessions: look here before asking them again."


def memory_server(agent: Agent, *, trusted: bool = False, session: str = "mcp") -> MCPServer[Any]:
    """An MCP server over the agent's memory. What is remembered goes into the session named."""
    server: MCPServer[Any] = MCPServer("dormouse", instructions=_ABOUT)

    @server.tool()
    def remember(text: str) -> dict[str, Any]:
        """Remember something the user said, in the user's own words. Returns the turn it is kept in."""
        with _told():
            return {"turn": agent.remember(text, session, trusted=trusted)}

    @server.tool()
    def recall(query: str, k: int = 5) -> dict[str, Any]:
        """Find what the user said about something: up to k of their turns, the nearest first. What an
        assistant noted for them is not in their own words.
        """
        with _told():
            found = agent.recall(query, max(1, min(k, 50)), untrusted=True)
        return {
            "turns": [
                {
                    "turn": turn.id,
                    "text": turn.content,
                    "at": turn.created_at.isoformat(),
                    "score": score,
                    "own_words": turn.trusted,
                }
                for turn, score in found
            ]
        }

    @server.tool()
    def forget(matching: str) -> dict[str, Any]:
        """Forget what the user wants unknown: every memory that holds these words. Cannot be undone."""
        with _told():
            return _record(agent.forget(matching=matching))

    @server.tool()
    def why(text: str) -> dict[str, Any]:
        """Say where an answer comes from: the memories, turns and nights behind a question or an answer."""
        with _told():
            return _record(agent.why(text))

    return server


class _told:
    """Errors of ours become a tool's error, in their one sentence."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, DormouseError):
            raise ToolError(str(error)) from error


def _record(record: DataclassInstance) -> dict[str, Any]:
    return {name: _plain(value) for name, value in asdict(record).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value
