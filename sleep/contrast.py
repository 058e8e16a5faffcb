"""Contrast: at the place where an answer's value begins, how the values of other memories begin is wrong.

Promise: what is wrong for an answer is never what it goes on with. Knows tokens and memories; nothing of
losses.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from ..memory.engine import WakeEngine
from ..memory.records import Memory
from .packing import Example
from .questions import answer_opening

MOST_WRONG = 16


def contrasted(
    example: Example, subject: str, attribute: str, memories: Sequence[Memory], engine: WakeEngine
) -> Example:
    """The example with how the values of `memories` begin as wrong tokens at its value's place.

    Those of the same attribute come first, then those of the same subject; its own memory's is left out.
    Unchanged where the answer does not open as answers about `attribute` of `subject` do.
    """
    opening = tuple(engine.tokenize(answer_opening(subject, attribute), special=False))
    answer = example.ids[example.answer_start :]
    if answer[: len(opening)] != opening or len(answer) <= len(opening):
        return example
    near = sorted(
        (memory for memory in memories if memory.id != example.memory),
        key=lambda memory: (
            memory.attribute != attribute,
            memory.subject != subject,
            random.Random(f"{memory.id} {example.ids}").random(),
        ),
    )
    begins = [engine.tokenize(f" {memory.value}", special=False)[:1] for memory in near]
    wrong = dict.fromkeys(token for begin in begins for token in begin if token != answer[len(opening)])
    return replace(example, wrong_at=len(opening), wrong=tuple(wrong)[:MOST_WRONG])
