"""Many questions answered at once, side by side: as one lane ends, the next question takes it.

Promise: each answer is what its own prompt, sampling and seed give, whatever is asked beside it, up to the
rounding of a sum of products. Knows lanes and answers; nothing of who asks.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from .engine import Completion
from .llama_answer import Answer
from .llama_context import LlamaContext
from .llama_lanes import LANES, Lane, LlamaLanes


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt in tokens, and the answer to be written; `room` is the most tokens that both fill."""

    ids: list[int]
    answer: Answer
    room: int


def answer_all(
    native: LlamaContext,
    adapters: Sequence[tuple[Any, float]],
    names: tuple[str, ...],
    questions: Sequence[Question],
    cancelled: Callable[[], bool],
) -> list[Completion]:
    """The answers in the order asked. `cancelled` is asked before each step; what is unfinished then ends so.

    Raises EngineError and EngineClosed.
    """
    if not questions:
        return []
    started = time.perf_counter()
    prefix = _shared([question.ids for question in questions]) if len(questions) > 1 else []
    count = min(LANES, len(questions))
    room = sum(sorted((question.room for question in questions), reverse=True)[:count])
    with native.computing():
        lanes = LlamaLanes(native, adapters, count=count, context_tokens=room, prefix=prefix)
    try:
        _run(native, lanes, questions, count, cancelled)
    finally:
        lanes.close()
    seconds = time.perf_counter() - started
    return [
        question.answer.completion(len(question.ids), len(prefix), seconds, names) for question in questions
    ]


def _run(
    native: LlamaContext,
    lanes: LlamaLanes,
    questions: Sequence[Question],
    count: int,
    cancelled: Callable[[], bool],
) -> None:
    waiting = deque(questions)
    free = list(range(count))
    at_work: dict[int, tuple[Lane, Answer]] = {}
    while waiting or at_work:
        if cancelled():
            for question in questions:
                question.answer.cancel()
            return
        with native.computing():
            while free and waiting:
                question, number = waiting.popleft(), free.pop()
                at_work[number] = (lanes.open(number, question.ids), question.answer)
            for lane, logits in lanes.step([lane for lane, _ in at_work.values()]):
                answer = at_work[lane.number][1]
                token = answer.take(logits)
                if answer.over:
                    del at_work[lane.number]
                    free.append(lane.number)
                else:
                    lane.waiting.append(token.id)


def _shared(prompts: Sequence[Sequence[int]]) -> list[int]:
    """What all prompts begin with, short of the last token of the shortest: that one's logits are needed."""
    alike = takewhile(lambda column: len({*column}) == 1, zip(*prompts, strict=False))
    return [column[0] for column in alike][: min(len(prompt) for prompt in prompts) - 1]
