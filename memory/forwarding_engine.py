"""An engine in front of another: what is asked of it is asked of the one behind.

Promise: every method is passed on, and every answer is the other's; a subclass says only where it differs.
Knows the interface; nothing of why one stands in front.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from .engine import GREEDY, Completion, Message, Mount, Sampling, Stream, WakeEngine
from .tool_syntax import ToolSyntax


class ForwardingEngine(WakeEngine):
    """Passes everything on to `engine`; closing it closes that one."""

    def __init__(self, engine: WakeEngine) -> None:
        self._behind = engine

    @property
    def _engine(self) -> WakeEngine:
        """The engine behind, looked up at each call."""
        return self._behind

    def _serving(self, adapters: Sequence[Mount] | None) -> tuple[WakeEngine, Sequence[Mount] | None]:
        """Who computes a call with `adapters`, and with which it is passed on."""
        return self._engine, adapters

    @property
    def context_tokens(self) -> int:
        return self._engine.context_tokens

    @property
    def mounted(self) -> tuple[Mount, ...]:
        return self._engine.mounted

    def mount(self, mounts: Sequence[Mount]) -> None:
        self._engine.mount(mounts)

    def kept(self, mounts: Sequence[Mount]) -> Sequence[Mount]:
        engine, stack = self._serving(mounts)
        return engine.kept(mounts if stack is None else stack)

    def stream(
        self,
        messages: Sequence[Message],
        sampling: Sampling = GREEDY,
        *,
        adapters: Sequence[Mount] | None = None,
        prefill: str = "",
        cancelled: Callable[[], bool] | None = None,
    ) -> Stream:
        engine, stack = self._serving(adapters)
        return engine.stream(messages, sampling, adapters=stack, prefill=prefill, cancelled=cancelled)

    def complete(
        self,
        messages: Sequence[Message],
        sampling: Sampling = GREEDY,
        *,
        adapters: Sequence[Mount] | None = None,
        prefill: str = "",
        cancelled: Callable[[], bool] | None = None,
    ) -> Completion:
        engine, stack = self._serving(adapters)
        return engine.complete(messages, sampling, adapters=stack, prefill=prefill, cancelled=cancelled)

    def complete_all(
        self,
        asked: Sequence[tuple[Sequence[Message], Sampling]],
        *,
        adapters: Sequence[Mount] | None = None,
        prefills: Sequence[str] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[Completion]:
        engine, stack = self._serving(adapters)
        return engine.complete_all(asked, adapters=stack, prefills=prefills, cancelled=cancelled)

    @property
    def tool_syntax(self) -> ToolSyntax | None:
        return self._engine.tool_syntax

    def render(self, messages: Sequence[Message], add_generation_prompt: bool = True) -> str:
        return self._engine.render(messages, add_generation_prompt)

    def render_tokens(
        self, messages: Sequence[Message], add_generation_prompt: bool = True, prefill: str = ""
    ) -> list[int]:
        return self._engine.render_tokens(messages, add_generation_prompt, prefill)

    def tokenize(self, text: str, special: bool = True) -> list[int]:
        return self._engine.tokenize(text, special)

    def piece(self, token_id: int) -> bytes:
        return self._engine.piece(token_id)

    def count(self, text: str) -> int:
        return self._engine.count(text)

    def count_messages(self, messages: Sequence[Message]) -> int:
        return self._engine.count_messages(messages)

    def logits(
        self, token_ids: Sequence[int], *, adapters: Sequence[Mount] | None = None
    ) -> NDArray[np.float32]:
        engine, stack = self._serving(adapters)
        return engine.logits(token_ids, adapters=stack)

    def score(
        self, messages: Sequence[Message], answer: str, *, adapters: Sequence[Mount] | None = None
    ) -> tuple[float, ...]:
        engine, stack = self._serving(adapters)
        return engine.score(messages, answer, adapters=stack)

    def close(self) -> None:
        self._engine.close()
