"""The wake engine as a night uses it: an answer that a turn comes upon is dropped, and asked for again later.

Promise: a turn waits for one token of an answer of the night's at most, and the night gets whole answers.
Knows engines and who has the right of way; nothing of stages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import numpy as np
from numpy.typing import NDArray

from ..memory.engine import GREEDY, Completion, Message, Mount, Sampling, Stream, WakeEngine
from ..memory.forwarding_engine import ForwardingEngine
from ..sleep.right_of_way import RightOfWay


class NightEngine(ForwardingEngine):
    """`engine`, used only while `way` is free. `between_turns` is entered to change what it serves with.

    Every call that computes may raise NightStopped.
    """

    def __init__(
        self,
        engine: WakeEngine,
        way: RightOfWay,
        between_turns: Callable[[], AbstractContextManager[object]],
    ) -> None:
        super().__init__(engine)
        self._way, self._between_turns = way, between_turns

    def mount(self, mounts: Sequence[Mount]) -> None:
        with self._between_turns():  # a turn has one stack from its first token to its last
            super().mount(mounts)

    def complete(
        self,
        messages: Sequence[Message],
        sampling: Sampling = GREEDY,
        *,
        adapters: Sequence[Mount] | None = None,
        prefill: str = "",
        cancelled: Callable[[], bool] | None = None,
    ) -> Completion:
        given_up = cancelled or _never

        def enough() -> bool:
            return self._way.held or given_up()

        while True:
            self._way.wait()
            done = super().complete(messages, sampling, adapters=adapters, prefill=prefill, cancelled=enough)
            if done.finish != "cancelled" or given_up():
                return done

    def complete_all(
        self,
        asked: Sequence[tuple[Sequence[Message], Sampling]],
        *,
        adapters: Sequence[Mount] | None = None,
        prefills: Sequence[str] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[Completion]:
        begins = prefills or [""] * len(asked)
        given_up = cancelled or _never
        done: dict[int, Completion] = {}

        def enough() -> bool:
            return self._way.held or given_up()

        while True:
            self._way.wait()
            left = [number for number in range(len(asked)) if number not in done]
            answers = super().complete_all(
                [asked[number] for number in left],
                adapters=adapters,
                prefills=[begins[number] for number in left],
                cancelled=enough,
            )
            found = dict(zip(left, answers, strict=True))
            done |= {number: answer for number, answer in found.items() if answer.finish != "cancelled"}
            if len(done) == len(asked) or given_up():
                return [(found | done)[number] for number in range(len(asked))]

    def stream(
        self,
        messages: Sequence[Message],
        sampling: Sampling = GREEDY,
        *,
        adapters: Sequence[Mount] | None = None,
        prefill: str = "",
        cancelled: Callable[[], bool] | None = None,
    ) -> Stream:
        """As the engine's own: tokens that were shown cannot be taken back, so a turn waits for them."""
        self._way.wait()
        return super().stream(messages, sampling, adapters=adapters, prefill=prefill, cancelled=cancelled)

    def logits(
        self, token_ids: Sequence[int], *, adapters: Sequence[Mount] | None = None
    ) -> NDArray[np.float32]:
        self._way.wait()
        return super().logits(token_ids, adapters=adapters)

    def score(
        self, messages: Sequence[Message], answer: str, *, adapters: Sequence[Mount] | None = None
    ) -> tuple[float, ...]:
        self._way.wait()
        return super().score(messages, answer, adapters=adapters)


def _never() -> bool:
    return False
