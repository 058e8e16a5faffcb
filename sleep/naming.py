"""What an adapter's answers name: each memory's own name, and the others that its questions go by.

Promise: a name stands for one memory's pair only. Knows memories, questions and kinds; nothing of encoders.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..memory.manifest import TaughtName
from ..memory.records import Memory
from . import kinds
from .neighbours import like
from .questions import may_mean_the_same, names_of, synonyms_of, taught_name


def taught_names(memories: Sequence[Memory]) -> tuple[TaughtName, ...]:
    """What answers about these memories name, once each, as `ways_for` has them trained."""
    asked = dict.fromkeys((*(kind.key for kind in kinds.bank()), *kinds.everyday_questions()))
    first = {(memory.subject, memory.attribute): memory for memory in reversed(memories)}
    found = []
    for own in dict.fromkeys((memory.subject, memory.attribute) for memory in memories):
        others = [pair for pair in first if pair != own]
        given = tuple(dict.fromkeys(names_of(first[own], others, like(first[own])).values()))
        also = (*given, *synonyms_of(own, given, others))
        found.append(
            TaughtName(
                name=taught_name(*own),
                also=tuple(taught_name(*pair) for pair in also),
                means=tuple(taught_name(*kind) for kind in asked if may_mean_the_same(kind, [own, *also])),
            )
        )
    return tuple(found)
