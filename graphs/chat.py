"""One chat completion, as an app asks for it that keeps its own messages and runs its own functions: the
records.

Promise: a request that can be built is sound: roles known, every result of a function answers a call that
stands before it, a function that is asked for is one that was offered. Knows nothing of engines or journals.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..memory.engine import ROLES, Role, Sampling, Token
from ..memory.errors import BadInput

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_WORDS_OF_CHOICE = ("auto", "none", "required")

ChatFinish = Literal["stop", "length", "tool_calls", "cancelled"]


@dataclass(frozen=True, slots=True)
class Function:
    """Something of the app's that the model may ask for. `parameters` is the JSON Schema of its arguments."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise BadInput(
                f"A function's name must be 1 to 64 letters, digits, dots, dashes or underscores, "
                f"and it is {self.name[:80]!r}."
            )


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A function the model asks for. `arguments` is JSON text that fits the function's parameters."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of an app's. `calls` are an assistant's; `call_id` is the call that a tool's message
    answers.
    """

    role: Role
    content: str
    calls: tuple[FunctionCall, ...] = ()
    call_id: str | None = None

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise BadInput(f"A message's role must be one of {', '.join(ROLES)}, and it is {self.role!r}.")
        if self.calls and self.role != "assistant":
            raise BadInput(f"Calls stand in an assistant's message, and this one is the {self.role}'s.")


@dataclass(frozen=True)
class ChatRequest:
    """What an app asks. `choice` is auto, none, required, or the name of the function that must be called.

    `sampling` may hold a JSON Schema for the answer's text. Raises BadInput.
    """

    messages: tuple[ChatMessage, ...]
    functions: tuple[Function, ...] = ()
    choice: str = "auto"
    sampling: Sampling = field(default_factory=Sampling)

    def __post_init__(self) -> None:
        if not self.messages:
            raise BadInput("A chat needs at least one message, and it has none.")
        if self.messages[-1].role == "assistant":
            raise BadInput(
                "The last message of a chat must be the user's or a tool's, and it is the assistant's."
            )
        names = [function.name for function in self.functions]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise BadInput(f"Every function needs a name of its own, and {twice!r} is there twice.")
        if self.choice not in (*_WORDS_OF_CHOICE, *names):
            raise BadInput(
                f"The function to be called must be one of those offered, and {self.choice!r} is not."
            )
        if self.choice not in ("auto", "none") and not self.functions:
            raise BadInput("A function can be required only where some are offered, and there is none.")
        self._calls_are_answered()

    def _calls_are_answered(self) -> None:
        known: set[str] = set()
        for message in self.messages:
            known.update(call.id for call in message.calls)
            if message.role == "tool" and message.call_id not in known:
                raise BadInput(
                    "A tool's message must name a call made before it (tool_call_id), and "
                    f"{message.call_id!r} is none."
                )

    @property
    def asked(self) -> str:
        """What the user said last; "" when there is no user's message."""
        return next((message.content for message in reversed(self.messages) if message.role == "user"), "")


@dataclass(frozen=True)
class ChatAnswer:
    """A finished completion: text, or calls the app should run.

    `tokens` are those of the text (of the decision too where it came to a call); `prompt_tokens` counts the
    whole prompt, of which `reused_tokens` were cached; `generated_tokens` counts everything generated.
    `adapter` is the fast weights it came from.
    """

    text: str
    calls: tuple[FunctionCall, ...]
    finish: ChatFinish
    tokens: tuple[Token, ...]
    prompt_tokens: int
    reused_tokens: int
    generated_tokens: int
    adapter: str | None


def with_system(messages: Sequence[ChatMessage], persona: str) -> tuple[ChatMessage, ...]:
    """The messages under one system prompt: `persona`, then what the app's own first system message says."""
    first, rest = messages[0], tuple(messages[1:])
    if first.role != "system":
        return (ChatMessage("system", persona), *messages)
    own = first.content.strip()
    if not own or own == persona.strip():
        return (ChatMessage("system", persona), *rest)
    if own.startswith(f"{persona.strip()}\n"):
        return tuple(messages)
    return (ChatMessage("system", f"{persona}\n{first.content}"), *rest)
