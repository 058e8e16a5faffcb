"""What an adapter's answers name: each memory's own name, and the others that its questions go by.

Promise: a name stands for one memory's pair only; what two could be called, neither is. Knows memories,
questions and kinds; nothing of encoders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..memory.manifest import TaughtName
from ..memory.records import Memory
from . import kinds
from .kinds import Pair
from .neighbours import like
from .questions import may_mean_the_same, names_of, synonyms_of, taught_name


def taught_names(memories: Sequence[Memory]) -> tuple[TaughtName, ...]:
    """What answers about these memories name, once each, with what else `ways_for` has them trained by."""
    asked = dict.fromkeys((*(kind.key for kind in kinds.bank()), *kinds.everyday_questions()))
    first = {(memory.subject, memory.attribute): memory for memory in reversed(memories)}
    others = {
        own: other_names(memory, [pair for pair in first if pair != own]) for own, memory in first.items()
    }
    goes_by = Counter(pair for several in others.values() for pair in several)
    found = []
    for own in dict.fromkeys((memory.subject, memory.attribute) for memory in memories):
        also = [pair for pair in others[own] if goes_by[pair] == 1]
        found.append(
            TaughtName(
                name=taught_name(*own),
                also=tuple(taught_name(*pair) for pair in also),
                means=tuple(taught_name(*kind) for kind in asked if may_mean_the_same(kind, [own, *also])),
            )
        )
    return tuple(found)


def other_names(memory: Memory, taken: Sequence[Pair]) -> tuple[Pair, ...]:
    """What the model takes a memory's questions for, and everyday words, that are none of those `taken`."""
    given = tuple(dict.fromkeys(names_of(memory, taken, like(memory)).values()))
    return (*given, *synonyms_of((memory.subject, memory.attribute), given, taken))
