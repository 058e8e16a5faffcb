"""The interface of a tool: what the wake graph offers a model, and calls for it.

Knows nothing of which tools there are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Approval = Literal["never", "ask", "always"]
"""When the owner is asked before a call: never; once in a session, for the tool's later calls too; always."""

RESULT_TOKENS = 160


class ToolFailed(Exception):
    """A tool could not do what it was asked. Its text, a clause, is told to the model."""


@dataclass(frozen=True, slots=True)
class Where:
    """In what a call is made: the session (None: nothing is journaled), the user's turn it serves, and
    whether the owner said yes to this very call.
    """

    session_id: str | None = None
    turn_id: int | None = None
    approved: bool = False


class Tool(ABC):
    """Something a model may call by name. Calls may come from any thread, one at a time."""

    name: str
    description: str
    """What it is for, as a clause the model reads."""
    parameters: Mapping[str, Any]
    """JSON Schema of the arguments; generation is constrained to it."""
    example: tuple[str, Mapping[str, Any]] | None = None
    """What a user may say that calls for it, and the arguments it is then called with."""
    approval: Approval = "never"
    result_tokens: int = RESULT_TOKENS
    """Tokens of a result that the model is shown at most."""
    returns: Mapping[str, Any] | None = None
    """JSON Schema of the result, where it is JSON and one is declared."""

    @abstractmethod
    def call(self, arguments: Mapping[str, Any]) -> str:
        """The result as text for the model. Raises ToolFailed, and nothing else."""

    def call_in(self, arguments: Mapping[str, Any], where: Where) -> str:
        """As `call`, for a tool to which it matters in what it is called."""
        return self.call(arguments)

    def close(self) -> None:  # noqa: B027  most hold nothing
        """Lets go of what it holds. Safe to call twice."""
