"""A wake engine that says what a script says, for tests of the machinery around engines.

It is honest about mechanics only: what messages an answer was asked for with, when tokens come, what is
journaled around them. Nothing it says shows that a model can do anything; tests of that use real weights.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from adapter_builds import BASE as BASE_SHA256
from numpy.typing import NDArray

from dormouse.memory.base_weights import BaseWeights
from dormouse.memory.engine import (
    GREEDY,
    Completion,
    Finish,
    Message,
    Mount,
    Sampling,
    Stream,
    Token,
    WakeEngine,
)
from dormouse.memory.errors import ContextOverflow, EngineClosed, EngineError

Script = Callable[[Sequence[Message]], str]

BASE = BaseWeights("scripted", Path("scripted.gguf"), BASE_SHA256, "llama", 1, "scripted", "F16")
"""What an agent is given along with this engine, so that no GGUF is looked for."""


def echo(messages: Sequence[Message]) -> str:
    """Says what the user said last."""
    return f"You said: {messages[-1].content}"


@dataclass
class Asked:
    """One answer that was asked for."""

    messages: list[Message]
    sampling: Sampling
    adapters: Sequence[Mount] | None
    prefill: str = ""


@dataclass
class ScriptedEngine(WakeEngine):
    """Answers with `script`, a word at a time. `before_token` is called with the number of words said."""

    script: Script = echo
    context: int = 4096
    before_token: Callable[[int], None] = lambda said: None
    asked: list[Asked] = field(default_factory=list)
    closed: bool = False
    refuses: frozenset[str] = frozenset()  # roles its chat template does not take
    _mounts: tuple[Mount, ...] = ()

    @property
    def context_tokens(self) -> int:
        return self.context

    @property
    def mounted(self) -> tuple[Mount, ...]:
        return self._mounts

    def mount(self, mounts: Sequence[Mount]) -> None:
        self._mounts = tuple(mounts)

    def stream(
        self,
        messages: Sequence[Message],
        sampling: Sampling = GREEDY,
        *,
        adapters: Sequence[Mount] | None = None,
        prefill: str = "",
        cancelled: Callable[[], bool] | None = None,
    ) -> Stream:
        if self.closed:
            raise EngineClosed
        needed = self.count_messages(messages) + sampling.max_tokens
        if needed > self.context:
            raise ContextOverflow(needed, self.context)
        self.asked.append(Asked(list(messages), sampling, adapters, prefill))
        return Stream(self._tokens(list(messages), sampling, adapters, cancelled or (lambda: False)))

    def _tokens(
        self,
        messages: list[Message],
        sampling: Sampling,
        adapters: Sequence[Mount] | None,
        cancelled: Callable[[], bool],
    ) -> Generator[Token, None, Completion]:
        tokens: list[Token] = []
        finish: Finish = "stop"
        for word in re.findall(r"\s*\S+", self.script(messages)):
            self.before_token(len(tokens))
            if cancelled():
                finish = "cancelled"
                break
            if len(tokens) == sampling.max_tokens:
                finish = "length"
                break
            id = sum(word.encode()) % 1000
            tokens.append(Token(id, word, -0.5, ((7, -1.0), (8, -2.0))))
            yield tokens[-1]
        stack = self._mounts if adapters is None else adapters
        text = "".join(token.text for token in tokens)
        names = tuple(mount.name for mount in stack)
        return Completion(text, tuple(tokens), self.count_messages(messages), 0, finish, 0.01, names)

    def render(self, messages: Sequence[Message], add_generation_prompt: bool = True) -> str:
        if refused := [m.role for i, m in enumerate(messages) if i and m.role in self.refuses]:
            raise EngineError(f"the template knows no {refused[0]} here")
        return "\n".join(f"{message.role}: {message.content}" for message in messages)

    def render_tokens(
        self, messages: Sequence[Message], add_generation_prompt: bool = True, prefill: str = ""
    ) -> list[int]:
        return [0] * sum(self.count(message.content) + 4 for message in messages)

    def tokenize(self, text: str, special: bool = True) -> list[int]:
        return [0] * len(text.split())

    def piece(self, token_id: int) -> bytes:
        return str(token_id).encode()

    def count(self, text: str) -> int:
        return len(text.split())

    def logits(
        self, token_ids: Sequence[int], *, adapters: Sequence[Mount] | None = None
    ) -> NDArray[np.float32]:
        return np.zeros((len(token_ids), 1), dtype=np.float32)

    def score(
        self, messages: Sequence[Message], answer: str, *, adapters: Sequence[Mount] | None = None
    ) -> tuple[float, ...]:
        return (-1.0,) * self.count(answer)

    def close(self) -> None:
        self.closed = True
