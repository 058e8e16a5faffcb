"""What an answer states of the user in the form that a night trains, and whether what was told bears it out.

Promise: an answer in any other form, one that declines, and one about a thing that a memory may mean by
another name are never doubted. Pure functions of texts and records; knows no journal and no engine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from ..memory.records import Memory, Turn
from ..verifiers.abstention import abstained
from ..verifiers.support import stands_in, words
from . import kinds
from .asking import read_name
from .kinds import Pair
from .questions import OPENING, answer_opening, may_mean_the_same
from .synonyms import also_called

_VERB = re.compile(r" (?:is|are) ")
_SENTENCE_END = re.compile(r"(?<!\bDr)(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bSt)[.!?](?=\s|$)|\n")
_MOST_WORDS = 8
"""What is longer is talk, and no value."""
_FILLERS = frozenset(["a", "an", "the", "my", "your", "in", "at", "on", "of", "and", "called"])
_DENIES = frozenset(["not", "isn't", "aren't", "wasn't", "never", "no"])
_DENIED_WITHIN = 3  # words

Search = Callable[[str], Sequence[Turn]]
"""The turns in which these words may stand, other than what the model said."""


@dataclass(frozen=True, slots=True)
class Statement:
    """That `attribute` of `subject` is `value`; `rest` is all that follows the verb."""

    subject: str
    attribute: str
    value: str
    rest: str

    @property
    def pair(self) -> Pair:
        return self.subject, self.attribute

    def __str__(self) -> str:
        opening = answer_opening(*self.pair).removeprefix(OPENING)
        return f"your{opening} {self.value}"


def statement_of(answer: str) -> Statement | None:
    """What the answer states of the user; None when it states nothing in that form."""
    straight = answer.replace("\u2019", "'").strip()
    if not straight.startswith(f"{OPENING} ") or abstained(straight):
        return None
    named, (_, _, rest) = named_in(straight), _split(straight)
    value = _SENTENCE_END.split(rest, maxsplit=1)[0].strip()
    if named is None or not _content(value):
        return None
    return Statement(*named, value, rest)


def named_in(answer: str) -> Pair | None:
    """What an answer names before its verb; None where it opens otherwise than a night teaches."""
    straight = answer.replace("\u2019", "'").strip()
    opening, verb, _ = _split(f"{straight} ")
    return read_name(opening) if verb else None


def unfounded(said: Statement, asked: str, memories: Sequence[Memory], search: Search) -> str | None:
    """Why a statement made in answer to `asked` is borne out by nothing, as a clause; None where it is, or
    where that is open.

    `memories` are those that stand. What was said after the memory it is held against, or of what no memory
    holds, bears it out too: by the next night it is a memory.
    """
    meant = [memory for memory in memories if may_mean(said.pair, memory)]
    if any(says(said, memory) for memory in meant):
        return None
    against = [memory for memory in meant if _means(said.pair, memory)]
    if not against and (meant or not _could_be_told(said, asked, memories)):
        return None
    since = max((id for memory in against for id in memory.turn_ids), default=0)
    others = [memory for memory in memories if memory not in meant and says(said, memory)]
    if any(turn.id > since and _bears_out(turn, said, bool(others)) for turn in search(said.value)):
        return None
    if against:
        return f"it says that {said}, and what was told is {against[-1].value}"
    return f"it says that {said}, which was never told"


def _split(text: str) -> tuple[str, str, str]:
    found = _VERB.search(text)
    return (text[: found.start()], found.group(), text[found.end() :]) if found else (text, "", "")


def _means(pair: Pair, memory: Memory) -> bool:
    """Whether the pair is that of the memory, by its own name or by another everyday one."""
    own = (memory.subject.lower(), memory.attribute.lower())
    return pair == own or pair in also_called(own)


def may_mean(pair: Pair, memory: Memory) -> bool:
    """Whether the pair could be the memory's, by whatever name the model took a question for."""
    own = (memory.subject.lower(), memory.attribute.lower())
    names = {(each.subject.lower(), each.attribute.lower()) for each in memory.asked}
    return _means(pair, memory) or pair in names or may_mean_the_same(pair, [own])


def says(said: Statement, memory: Memory) -> bool:
    """Whether it says the memory's value, or less of it."""
    return stands_in(memory.value, said.rest) or _content(said.value) <= _content(memory.value)


def _could_be_told(said: Statement, asked: str, memories: Sequence[Memory]) -> bool:
    """Whether the pair is something that users tell, and not a turn of phrase ("Your best option is ...")."""
    if len(words(said.value)) > _MOST_WORDS:
        return False
    told = (memory.attribute.lower() for memory in memories)
    return (
        said.attribute in told or stands_in(said.attribute, asked) or said.attribute in _attributes_of_bank()
    )


@cache
def _attributes_of_bank() -> frozenset[str]:
    return frozenset(kind.attribute for kind in kinds.bank())


def _bears_out(turn: Turn, said: Statement, ambiguous: bool) -> bool:
    """Whether the turn says the value, and, where that is something else's too, what of."""
    have, wanted = words(turn.content), _content(said.value)
    if not wanted <= set(have):
        return False
    thing = said.attribute if said.subject == "user" else said.subject
    if ambiguous and words(thing)[-1] not in have:
        return False
    first = min(have.index(word) for word in wanted)
    return _DENIES.isdisjoint(have[max(0, first - _DENIED_WITHIN) : first])


def _content(text: str) -> set[str]:
    return set(words(text)) - _FILLERS
