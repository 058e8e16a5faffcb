"""A question's words as an FTS5 query, and what that costs: common words are left to the vectors.

Promise: no text is an operator, whatever is in it. Knows SQLite's full-text tables, nothing of meaning.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Iterable

_MOST_WORDS = 48
_LARGE = 50_000  # episodes from which on a word's frequency is looked at before it is asked for
_MOST_ROWS = 6_000  # that one question may have scored: bm25 costs about a microsecond a row
_FILLER_WORDS = """
a about again all also am an and any are as at be because been before being both but by can could d did do
does doing done down during each ever few for from further get got had has have having he her here hers him
his how i if in into is it its just ll m me more most my myself no nor not now of off on once only or other
our out over own re s same she should so some such t than that the their them then there these they this
those through to too under until up ve very was we were what when where which while who whom whose why will
with would you your
"""
_FILLER = frozenset(_FILLER_WORDS.split())


def telling(text: str, without: Iterable[str] = ()) -> list[str]:
    """The words of `text` worth looking up, in order; all of them when it has none but filler."""
    words = list(dict.fromkeys(word.casefold() for word in _cut(text)))
    left_out = _FILLER | {word.casefold() for word in without}
    return ([word for word in words if word not in left_out] or words)[:_MOST_WORDS]


def any_of(words: Iterable[str]) -> str:
    """The FTS5 query for texts with at least one of the words; "" for none."""
    return " OR ".join(f'"{word}"' for word in words)


def all_of(words: Iterable[str]) -> str:
    """The FTS5 query for texts with every one of the words; "" for none."""
    return " AND ".join(f'"{word}"' for word in words)


class Frequencies:
    """How many episodes hold a word, counted no further than matters, and remembered."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def affordable(self, db: sqlite3.Connection, words: list[str], episodes: int) -> str:
        """A query for as many of the words, the rarest first, as may be scored at once; "" for none of them.

        Where every word is common, the query asks for the episodes that hold all of them.
        """
        if episodes < _LARGE:
            return any_of(words)
        counts = sorted((self._count(db, word), word) for word in words)
        counts = [(count, word) for count, word in counts if count]
        chosen: list[str] = []
        rows = 0
        for count, word in counts:
            rows += count
            if rows > _MOST_ROWS:
                break
            chosen.append(word)
        return any_of(chosen)

    def forget(self) -> None:
        """Count anew: what was counted has grown."""
        self._known.clear()

    def _count(self, db: sqlite3.Connection, word: str) -> int:
        if word not in self._known:
            asked = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
            self._known[word] = int(db.execute(asked, (f'"{word}"', _MOST_ROWS + 1)).fetchone()[0])
        return self._known[word]


def _cut(text: str) -> list[str]:
    # Cut at what is surely no part of a word; the rest is left to the tokenizer that cut the indexed text.
    spaced = "".join(char if _in_a_word(char) else " " for char in text)
    return [word for word in spaced.split() if re.search(r"\w", word)]


def _in_a_word(char: str) -> bool:
    return (
        char.isalnum() or unicodedata.category(char)[0] == "M" or unicodedata.category(char) in ("Cn", "Co")
    )
