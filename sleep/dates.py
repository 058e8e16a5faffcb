"""Days of the calendar in text, in the usual orders and spellings, so that two ways to say one compare equal.

Promise: `3 May 1990`, `May 3rd, 1990`, `the third of May 1990`, `03/05/1990` and `1990-05-03` are one day. A
numeric date whose order cannot be told is read both ways. Pure; knows English.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_MONTH_NAMES = """
january february march april may june july august september october november december
"""
_MONTHS = tuple(_MONTH_NAMES.split())
_MONTH = {name: n for n, month in enumerate(_MONTHS, 1) for name in (month, month[:3])} | {"sept": 9}
_ORDINALS = """
first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth
fifteenth sixteenth seventeenth eighteenth nineteenth twentieth
"""
_ORDINAL = {word: day for day, word in enumerate(_ORDINALS.split(), 1)} | {"thirtieth": 30}
_TENS = {"twenty": 20, "thirty": 30}
_DAY = re.compile(r"0?([1-9]|[12][0-9]|3[01])(?:st|nd|rd|th)?")
_YEAR = re.compile(r"(?:1[5-9]|20)[0-9][0-9]")


@dataclass(frozen=True, slots=True)
class Date:
    """`words` words from the word `at`; `year` is "" where none is said."""

    at: int
    words: int
    month: int
    day: int
    year: str = ""

    @property
    def bare(self) -> str:
        """The day alone, for a text that says no year."""
        return f"date {self.month}-{self.day}"

    @property
    def known(self) -> str:
        """What a value with this date is known by."""
        return self._full if self.year else f"day {self.month}-{self.day}"

    @property
    def said(self) -> tuple[str, str]:
        """What a text with this date may be known as."""
        return self._full if self.year else self.bare, f"day {self.month}-{self.day}"

    @property
    def _full(self) -> str:
        return f"date {self.year}-{self.month}-{self.day}"


def dates(words: Sequence[str]) -> Iterator[Date]:
    """Every date in a row of folded words."""
    for at in range(len(words)):
        yield from _numeric(words, at)
        yield from _spelled(words, at)


def _numeric(words: Sequence[str], at: int) -> Iterator[Date]:
    three = words[at : at + 3]
    if len(three) < 3 or not all(word.isascii() and word.isdigit() for word in three):
        return
    if _YEAR.fullmatch(three[0]):
        orders = [(three[0], three[1], three[2])]
    elif _YEAR.fullmatch(three[2]):
        orders = [(three[2], three[1], three[0]), (three[2], three[0], three[1])]
    else:
        return
    read = dict.fromkeys((int(month), int(day), year) for year, month, day in orders)
    for month, day, year in read:
        if 1 <= month <= 12 and 1 <= day <= 31:
            yield Date(at, 3, month, day, year)


def _spelled(words: Sequence[str], at: int) -> Iterator[Date]:
    if words[at] in _MONTH:
        month, to = _MONTH[words[at]], at + 1
        to += words[to : to + 1] == ["the"]
        day, count = _day(words, to)
        to += count
    else:
        day, count = _day(words, at)
        to = at + count
        to += words[to : to + 1] == ["of"]
        month = _MONTH.get(words[to], 0) if to < len(words) else 0
        to += 1
    if day and month:
        year = words[to] if to < len(words) and _YEAR.fullmatch(words[to]) else ""
        yield Date(at, to + bool(year) - at, month, day, year)


def _day(words: Sequence[str], at: int) -> tuple[int, int]:
    """(day of the month, how many words say it); (0, 0) when none is said."""
    word = words[at] if at < len(words) else ""
    if found := _DAY.fullmatch(word):
        return int(found[1]), 1
    unit = _ORDINAL.get(words[at + 1], 0) if at + 1 < len(words) else 0
    if word in _TENS and 1 <= unit <= 9 and _TENS[word] + unit <= 31:
        return _TENS[word] + unit, 2
    return (_ORDINAL[word], 1) if word in _ORDINAL else (0, 0)
