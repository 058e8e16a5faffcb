"""An engine that is watched: what each answer was asked for with, and when its tokens came.

Promise: the answers are those of the engine behind. What is computed side by side in a context of its own
(`complete_all`) is not noted, since it leaves what the chat has computed alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field

from ...memory.engine import GREEDY, Completion, Message, Mount, Sampling, Stream, Token, WakeEngine
from ...memory.forwarding_engine import ForwardingEngine


@dataclass
class Watched:
    """One answer: `prompt` and `tokens` as token ids, `times` (`time.perf_counter`) at which tokens came;
    none of them where it was not streamed.
    """

    messages: Sequence[Message]
    prefill: str
    stack: Sequence[Mount]
    prompt: list[int]
    tokens: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)


class WatchedEngine(ForwardingEngine):
    """Notes `answers`, the first one first; who watches clears them."""

    def __init__(self, engine: WakeEngine) -> None:
        super().__init__(engine)
        self.answers: list[Watched] = []

    def stream(
        self,
        messages: Sequence[Message],
        sampling: Sampling = GREEDY,
        *,
        adapters: Sequence[Mount] | None = None,
        prefill: str = "",
        cancelled: Callable[[], bool] | None = None,
    ) -> Stream:
        answer = self._begun(messages, adapters, prefill)
        said = super().stream(messages, sampling, adapters=adapters, prefill=prefill, cancelled=cancelled)

        def noted() -> Generator[Token, None, Completion]:
            with said:
                for token in said:
                    answer.tokens.append(token.id)
                    answer.times.append(time.perf_counter())
                    yield token
                return said.completion

        return Stream(noted())

    def complete(
        self,
        messages: Sequence[Message],
        sampling: Sampling = GREEDY,
        *,
        adapters: Sequence[Mount] | None = None,
        prefill: str = "",
        cancelled: Callable[[], bool] | None = None,
    ) -> Completion:
        answer = self._begun(messages, adapters, prefill)
        said = super().complete(messages, sampling, adapters=adapters, prefill=prefill, cancelled=cancelled)
        answer.tokens += [token.id for token in said.tokens]
        return said

    def _begun(self, messages: Sequence[Message], adapters: Sequence[Mount] | None, prefill: str) -> Watched:
        stack = tuple(self.mounted if adapters is None else adapters)
        answer = Watched(
            list(messages), prefill, stack, self._engine.render_tokens(messages, prefill=prefill)
        )
        self.answers.append(answer)
        return answer
