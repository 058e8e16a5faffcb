"""One engine as one of its users sees it: with adapters of their own.

Promise: what is mounted here is served here alone; closing it leaves the engine to the others. Knows nothing
of users or homes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..memory.engine import GREEDY, Completion, Message, Mount, Sampling, Stream, WakeEngine
from ..memory.errors import EngineClosed


class ScopedEngine(WakeEngine):
    """`opened` gives the engine, which all share; it is called when one is first needed."""

    def __init__(self, opened: Callable[[], WakeEngine]) -> None:
        self._opened = opened
        self._mounts: tuple[Mount, ...] = ()
        self._closed = False

    @property
    def _engine(self) -> WakeEngine:
        if self._closed:
            raise EngineClosed
        return self._opened()

    @property
    def context_tokens(self) -> int:
        return self._engine.context_tokens

    @property
    def mounted(self) -> tuple[Mount, ...]:
        return self._mounts

    def mount(self, mounts: Sequence[Mount]) -> None:
        if mounts:  # loads them, so that one that cannot be served is refused now
            self._engine.logits(self._engine.tokenize("a"), adapters=mounts)
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
        stack = self._mounts if adapters is None else adapters
        return self._engine.stream(messages, sampling, adapters=stack, prefill=prefill, cancelled=cancelled)

    def complete_all(
        self,
        asked: Sequence[tuple[Sequence[Message], Sampling]],
        *,
        adapters: Sequence[Mount] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[Completion]:
        stack = self._mounts if adapters is None else adapters
        return self._engine.complete_all(asked, adapters=stack, cancelled=cancelled)

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

    def logits(
        self, token_ids: Sequence[int], *, adapters: Sequence[Mount] | None = None
    ) -> NDArray[np.float32]:
        return self._engine.logits(token_ids, adapters=self._mounts if adapters is None else adapters)

    def score(
        self, messages: Sequence[Message], answer: str, *, adapters: Sequence[Mount] | None = None
    ) -> tuple[float, ...]:
        return self._engine.score(messages, answer, adapters=self._mounts if adapters is None else adapters)

    def close(self) -> None:
        self._closed = True
