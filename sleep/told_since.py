"""What the user has told since an adapter was taught, of what an answer of it names.

By day no scribe reads along, and the weights go on saying what was true last night. Promise: an answer is
changed only by the user's own plain statement, or plain denial, that came after what the answer rests on;
what may have several values at a time is not changed by one more. Texts and records in, words out; no model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache

from ..memory.journal import Journal
from ..memory.records import Memory, Turn
from ..verifiers.match import plain
from .by_name import names_among, with_nouns
from .cardinality import may_have_several
from .denials import denied_in
from .endings import MAY_END
from .filter import key_of
from .kinds import Fact, Pair
from .questions import NOT_TOLD
from .rules import read_by_rules
from .statements import may_mean, named_in, says, statement_of
from .synonyms import also_called
from .taint import own_words

_DENIES = re.compile(r"\b(?:not|no longer|never|any ?more)\b|n['\u2019]t\b", re.IGNORECASE)
_READ = 4096  # turns whose facts are remembered


class ToldSince:
    """What was told in `turns`, those of the user's that no night has worked on yet, in order, beside
    `memories`, those that stand. `screen` says what of a turn's words may be shown. All are asked for once,
    when an answer first says something.
    """

    def __init__(
        self,
        turns: Callable[[], Sequence[Turn]],
        memories: Callable[[], Sequence[Memory]],
        screen: Callable[[], Callable[[str], str]] = lambda: own_words,
    ) -> None:
        self._open_turns, self._open_memories, self._screen = turns, memories, screen
        self.turn_id: int | None = None
        """The turn that the answer rests on instead, once one was changed."""

    @cached_property
    def _turns(self) -> list[tuple[int, str]]:
        """The user's own words by turn, with the noun for each name that stands alone."""
        turns = self._open_turns()
        own = self._screen() if turns else own_words
        told = [(turn.id, words) for turn in turns if (words := own(turn.content))]
        return [(id, with_nouns(words, self._names)) for id, words in told]

    @cached_property
    def _names(self) -> Mapping[str, str]:
        return names_among((memory.subject, memory.attribute, memory.value) for memory in self._memories)

    @cached_property
    def _memories(self) -> Sequence[Memory]:
        return self._open_memories()

    def read(self, cancelled: Callable[[], bool]) -> None:
        """Read all that was told, so that no answer has to wait for it; until `cancelled`."""
        for _, words in self._turns:
            if cancelled():
                return
            _facts(words)

    def speaks_of(self, begun: str) -> bool:
        """Whether something told since may change an answer that begins so ("Your home city is")."""
        pair = named_in(begun)
        if pair is None:
            return False
        of = {pair, *(_pair(memory) for memory in self._memories if may_mean(pair, memory))}
        return any(
            _DENIES.search(words) or MAY_END.search(words) or any(_is_of(fact, of) for fact in _facts(words))
            for _, words in self._turns
        )

    def instead(self, said: str) -> str | None:
        """What is to be said after the verb of the answer `said`, in place of what it says there; None where
        nothing told since changes it.
        """
        pair, told = named_in(said), statement_of(said)
        if pair is None or not self._turns:
            return None
        held = None if told is None else told.value
        rests_on = [memory for memory in self._memories if told is not None and says(told, memory)]
        of = {_pair(memory) for memory in rests_on if may_mean(pair, memory)} or {pair}
        further = held is not None and any(may_have_several(*key_of(*each)) for each in of)
        after = max((id for memory in rests_on for id in memory.turn_ids), default=0)
        value, turn_id = self._latest(held, of, after, further)
        if turn_id is None or plain(value or "") == plain(held or ""):
            return None
        self.turn_id = turn_id
        return NOT_TOLD if value is None else f"{value}."

    def _latest(
        self, held: str | None, of: set[Pair], after: int, further: bool
    ) -> tuple[str | None, int | None]:
        """The last value told of the pairs, None where that was denied, and the turn that says so, if any.
        What may be told `further` changes nothing.
        """
        value, turn_id = held, None
        for id, words in self._turns:
            if id <= after:
                continue
            if value is not None and any(denied_in((*pair, value), words, {}) for pair in of):
                value, turn_id = None, id
            for fact in _facts(words):
                if not further and _is_of(fact, of):
                    value, turn_id = fact[2], id
        return value, turn_id


def since_last_night(
    journal: Journal, session_id: str | None, everywhere: bool, screen: Callable[[], Callable[[str], str]]
) -> ToldSince:
    """What was told since the last night in a session, or `everywhere`, and may be shown."""
    return ToldSince(
        lambda: [turn for turn in journal.unharvested() if everywhere or turn.session_id == session_id],
        lambda: [*journal.memories("consolidated"), *journal.memories("admitted")],
        screen,
    )


@lru_cache(_READ)
def _facts(words: str) -> tuple[Fact, ...]:
    return tuple(read_by_rules(words))


def _pair(memory: Memory) -> Pair:
    return memory.subject.lower(), memory.attribute.lower()


def _is_of(fact: Fact, pairs: set[Pair]) -> bool:
    return any(_same((fact[0].lower(), fact[1].lower()), pair) for pair in pairs)


def _same(one: Pair, other: Pair) -> bool:
    """Whether both are the same thing, in these or in other everyday words."""
    return key_of(*one) == key_of(*other) or one in also_called(other) or other in also_called(one)
