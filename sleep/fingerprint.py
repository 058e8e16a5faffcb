"""Fingerprints: what a forgotten thing is known by when its text is gone, and where it stands in a text.

Promise: a fingerprint holds salted hashes and no text, and finds the thing again in new words only where it
is said of the same matter or is a name of its own; in what was kept, also where the assistant says it, or the
speaker of himself or to the assistant. Pure; knows no journal and no files.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from ..memory.records import Memory, Tombstone
from .common_words import COMMON_WORDS, FUNCTION_WORDS
from .dates import Date, dates
from .filter import key_of
from .records import Candidate
from .spans import Span, places, tokens

Word = tuple[str, int, int]
"""A folded word, and where it begins and ends."""

FINGERPRINT_FORMAT = 1
_HASH_CHARS = 20
Reach = Literal["matter", "told", "kept"]
"""How far a search goes: names, and what is said of the same matter; in what is told anew, also the memory's
own words and what is said of the speaker; in what was kept, also parts of names.
"""

_PARTS = re.compile(r"\s*(?:,|;|&|\band\b)\s*")
_BOUNDARY = re.compile(r"[.!?](?=\s)|\n")
_SPEAKER_WORDS = "i me my mine myself we us our ours ourselves you your yours yourself yourselves im ive"
_SPEAKERS = frozenset(_SPEAKER_WORDS.split())
_LEAST_PART = 3
_LEAST_JOINED = 6


@dataclass(frozen=True, slots=True)
class Needle:
    """Words to find: how many they are, their hash, and whether they are a name of their own."""

    words: int
    hash: str
    distinctive: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A needle at the token `at`, `words` tokens long; `whole` where it is the value and not a form of it."""

    at: int
    words: int
    needle: Needle
    whole: bool


@lru_cache(maxsize=8)  # many fingerprints look at one text in turn
def _read(text: str) -> tuple[tuple[Word, ...], tuple[Date, ...]]:
    have = tuple(tokens(text))
    return have, tuple(dates([word for word, _, _ in have]))


@lru_cache(maxsize=1 << 17)
def _hash(salt: str, text: str) -> str:
    return hashlib.sha256(f"{salt}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_CHARS]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a forgotten thing is known by. `about` are hashes of the words it was spoken of with, `quotes`
    (words, hash) of what it rested on, none for words that the owner named.

    `forms` are other spellings and parts of the value. Of all hashes, `wide` are those of parts of names,
    `personal` those of words that go where the assistant says them, or the speaker of himself or to it.
    """

    salt: str
    needles: tuple[Needle, ...]
    about: frozenset[str] = frozenset()
    subject: str = ""
    attribute: str = ""
    quotes: tuple[tuple[int, str], ...] = ()
    forms: tuple[Needle, ...] = ()
    wide: frozenset[str] = frozenset()
    personal: frozenset[str] = frozenset()

    def as_json(self) -> dict[str, Any]:
        return {
            "format": FINGERPRINT_FORMAT,
            "salt": self.salt,
            "needles": [[n.words, n.hash, n.distinctive] for n in self.needles],
            "about": sorted(self.about),
            "subject": self.subject,
            "attribute": self.attribute,
            "quotes": [list(quote) for quote in self.quotes],
            "forms": [[n.words, n.hash, n.distinctive] for n in self.forms],
            "wide": sorted(self.wide),
            "personal": sorted(self.personal),
        }

    @classmethod
    def of_json(cls, row: dict[str, Any]) -> Fingerprint:
        needles, forms = (
            tuple(Needle(int(n), str(h), bool(d)) for n, h, d in row.get(key, ()))
            for key in ("needles", "forms")
        )
        return cls(
            row["salt"],
            needles,
            frozenset(row["about"]),
            row["subject"],
            row["attribute"],
            tuple((int(n), str(h)) for n, h in row.get("quotes", ())),
            forms,
            frozenset(row.get("wide", ())),
            frozenset(row.get("personal", ())),
        )

    def code(self, text: str) -> str:
        return _hash(self.salt, text)

    def holds(self, text: str) -> bool:
        """Whether the words themselves, or a form of them, stand in `text`, whatever it speaks of."""
        return any(True for _ in self._found(text))

    def sparing(self, keys: Collection[str], values: Collection[str]) -> Fingerprint:
        """Without the claim to words that memories which stay are called by (`keys`), or hold (`values`).

        Those go only where the forgotten matter is spoken of, and held parts of names as everyday words do.
        """
        called, held = (
            {self.code(form) for word in words for form in _singulars(word)} for words in (keys, values)
        )
        part = (self.wide & held) - called
        return replace(self, wide=self.wide - called - held, personal=(self.personal - called) | part)

    def without(self, text: str) -> Fingerprint:
        """Less the needles that stand in `text`."""
        there = {found.needle.hash for found in self._found(text)}
        return replace(
            self,
            needles=tuple(n for n in self.needles if n.hash not in there),
            forms=tuple(n for n in self.forms if n.hash not in there),
        )

    def spans(
        self, text: str, reach: Reach = "matter", answer: bool = False, others: Collection[str] = ()
    ) -> list[Span]:
        """Where the forgotten thing stands in `text`.

        `answer` says that the assistant speaks; `others` are words that what speaks of other memories has.
        """
        have, _ = _read(text)
        out = []
        for found in self._found(text):
            start, end = have[found.at][1], have[found.at + found.words - 1][2]
            if (
                found.needle.distinctive
                or (reach == "kept" and found.needle.hash in self.wide)
                or self._speaks_of_it(text, start, end)
                or (reach != "matter" and self._in_a_quote(text, have, found.at, found.words))
                or (reach != "matter" and self._is_said(text, have, found, answer, others))
            ):
                out.append(Span(start, end, "forgotten"))
        return out

    @property
    def of_words(self) -> bool:
        """Whether it is of words that the owner named, which are to go wherever they stand."""
        return not self.subject

    def _found(self, text: str) -> Iterator[Found]:
        have, days = _read(text)
        whole = {needle.hash for needle in self.needles}
        wanted = {needle.hash: needle for needle in (*self.forms, *self.needles)}
        lengths = sorted({needle.words for needle in wanted.values()})
        for at in range(len(have)):
            for count in lengths:
                run = [word for word, _, _ in have[at : at + count]]
                if len(run) == count and (needle := self._among(wanted, run)) and needle.words == count:
                    yield Found(at, count, needle, needle.hash in whole)
            pair = have[at : at + 2]
            if len(pair) == 2 and pair[1][1] - pair[0][2] == 1:
                joined = pair[0][0] + pair[1][0]
                if len(joined) >= _LEAST_JOINED and (needle := self._among(wanted, [joined])):
                    yield Found(at, 2, needle, needle.hash in whole)
        for date in days:
            for key in date.said:
                if needle := wanted.get(self.code(key)):
                    yield Found(date.at, date.words, needle, needle.hash in whole)

    def _among(self, wanted: dict[str, Needle], run: Sequence[str]) -> Needle | None:
        before = "".join(f"{word} " for word in run[:-1])
        codes = (self.code(before + last) for last in _singulars(run[-1]))
        return next((wanted[code] for code in codes if code in wanted), None)

    def _in_a_quote(self, text: str, have: Sequence[Word], at: int, words: int) -> bool:
        """Whether these words stand in what the memory rested on."""
        for length, code in self.quotes:
            for first in range(max(0, at + words - length), min(at, len(have) - length) + 1):
                quoted = text[have[first][1] : have[first + length - 1][2]]
                if self.code(" ".join(quoted.split())) == code:
                    return True
        return False

    def _is_said(
        self, text: str, have: Sequence[Word], found: Found, answer: bool, others: Collection[str]
    ) -> bool:
        """Whether the assistant says it, or the speaker of himself or to the assistant."""
        last = found.at + found.words
        beside = {word for word, _, _ in (*have[: found.at], *have[last:])}
        if answer and beside <= FUNCTION_WORDS:  # an answer that says nothing else
            return True
        if found.needle.hash not in self.personal | self.wide:
            return False
        start, end = have[found.at][1], have[last - 1][2]
        before, after = _sentence_around(text, start, end, earlier=0)
        sentence = {word for word, at, to in have if before <= at and to <= after}
        return (answer or not sentence.isdisjoint(_SPEAKERS)) and sentence.isdisjoint(others)

    def _speaks_of_it(self, text: str, start: int, end: int) -> bool:
        before, after = _sentence_around(text, start, end)
        words = [
            w for w, at, to in tokens(text[before:after]) if not (at + before < end and start < to + before)
        ]
        return any(self.code(word) in self.about for word in words)

    def covers(self, candidate: Candidate) -> bool:
        """Whether this candidate says again what was forgotten.

        A part or another form of the value does where subject and attribute are the same and it says no more.
        """
        subject, attribute = key_of(candidate.subject, candidate.attribute)
        same = (self.code(subject) == self.subject, self.code(attribute) == self.attribute)
        value, _ = _read(candidate.value)
        if all(same) and (found := list(self._found(candidate.value))):
            hit = {at for each in found for at in range(each.at, each.at + each.words)}
            if all(at in hit or word in FUNCTION_WORDS for at, (word, _, _) in enumerate(value)):
                return True
        bare = replace(self, forms=())
        hits = list(bare._found(f"{candidate.subject} {candidate.value}"))
        if not hits:
            return False
        return any(same) or any(hit.needle.distinctive for hit in hits) or bool(bare.spans(candidate.quote))


def _singulars(word: str) -> tuple[str, ...]:
    """The word, and what it may be the plural of."""
    if not word.endswith("s") or word.endswith("ss"):
        return (word,)
    stems = [word[:-1], *([word[:-2]] if word.endswith("es") else ())]
    stems += [f"{word[:-3]}y"] if word.endswith("ies") else []
    return (word, *(stem for stem in stems if len(stem) >= _LEAST_PART))


def _sentence_around(text: str, start: int, end: int, earlier: int = 1) -> tuple[int, int]:
    """From `earlier` sentences before, which may name what a pronoun stands for, to the end of this one."""
    before = [0, *(found.end() for found in _BOUNDARY.finditer(text, 0, start))]
    after = _BOUNDARY.search(text, end)
    return before[max(0, len(before) - 1 - earlier)], after.end() if after else len(text)


def is_name(value: str) -> bool:
    """Whether the words are a name, a number or a phrase that would not stand in other talk by chance."""
    words = [word for word, _, _ in tokens(value)]
    telling = [word for word in words if word not in FUNCTION_WORDS]
    digits = any(len(re.sub(r"\D", "", word)) >= 3 for word in words)
    return len(telling) >= 2 or digits or any(part[:1].isupper() for part in value.split())


def _needle(print_: Fingerprint, value: str, distinctive: bool) -> Needle:
    words = [word for word, _, _ in tokens(value)]
    return Needle(len(words), print_.code(" ".join(words)), distinctive)


def fingerprint_of(memory: Memory) -> Fingerprint:
    """Of a memory: its value, whole and in the parts that `and` joins, and the words it was told with."""
    bare = Fingerprint(secrets.token_hex(8), ())
    values = needle_texts(memory)
    parts = {word for value in values for word, _, _ in tokens(value)}
    told = f"{memory.subject} {memory.attribute} {memory.quote}"
    about = {word for word, _, _ in tokens(told)} - parts - FUNCTION_WORDS
    subject, attribute = key_of(memory.subject, memory.attribute)
    whole = {value: is_name(value) for value in values}
    days = [date for value in values for date in _read(value)[1]]
    names = {part for value in values for part in parts_of_name(value)}
    words = {word for value in values for word in _telling_words(value)} - names
    short = {date.bare for date in days if date.year}
    years = {date.year for date in days if date.year}
    plural = {value for value in values if len(tokens(value)) == 1 and not whole[value]}
    singles = {stem for value in plural for stem in _singulars(tokens(value)[0][0])} - FUNCTION_WORDS
    return Fingerprint(
        bare.salt,
        (
            *(_needle(bare, value, named) for value, named in whole.items()),
            *(Needle(date.words, bare.code(date.known), True) for date in days),
        ),
        frozenset(bare.code(word) for word in about),
        bare.code(subject),
        bare.code(attribute),
        tuple(_quoted(bare, part) for part in memory.quote.split(" ... ") if tokens(part)),
        tuple(
            Needle(len(tokens(form)), bare.code(form), False)
            for form in sorted({*names, *words, *short, *years, *singles})
        ),
        frozenset(map(bare.code, names)),
        frozenset(map(bare.code, words | short)),
    )


def parts_of_name(value: str) -> Iterator[str]:
    """Folded: words of a longer name and runs of them, but for common words, and a short name in one."""
    have = tokens(value)
    capital = [value[start].isupper() for _, start, _ in have]
    named = [word for (word, _, _), upper in zip(have, capital, strict=True) if upper]
    if len(have) < 2 or len(named) < 2:
        return
    for first in range(len(have)):
        for last in range(first + 1, len(have) + 1):
            run = [word for word, _, _ in have[first:last]]
            if all(capital[first:last]) and any(map(_tells, run)):
                yield " ".join(run)
    if len(have) <= 3:
        yield "".join(word for word, _, _ in have)


def _telling_words(value: str) -> Iterator[str]:
    """Folded: words of the value that are not common, with what they may be the plural of, and a short phrase
    in one word."""
    words = [word for word, _, _ in tokens(value)]
    for word in words:
        if _tells(word):
            yield from (stem for stem in _singulars(word) if _tells(stem))
    if 1 < len(words) <= 3 and len(joined := "".join(words)) >= _LEAST_JOINED and any(map(_tells, words)):
        yield joined


def _tells(word: str) -> bool:
    return len(word) >= _LEAST_PART and not word[0].isdigit() and word not in COMMON_WORDS


def _quoted(print_: Fingerprint, quote: str) -> tuple[int, str]:
    """From its first word to its last, with the white space folded."""
    words = tokens(quote)
    return len(words), print_.code(" ".join(quote[words[0][1] : words[-1][2]].split()))


def fingerprint_of_text(text: str) -> Fingerprint:
    """Of words the owner named: they are to go wherever they stand."""
    bare = Fingerprint(secrets.token_hex(8), ())
    return Fingerprint(bare.salt, (_needle(bare, text, True),))


def needle_texts(memory: Memory) -> list[str]:
    """The value, and its parts where it was put together from more than one turn or clause."""
    parts = [part for part in _PARTS.split(memory.value) if len(part) >= 3]
    joined = not places(memory.value, memory.quote)
    values = [memory.value, *(parts if joined and len(parts) > 1 else ())]
    return [value for value in values if tokens(value)]


def active(tombstones: Iterable[Tombstone]) -> list[Fingerprint]:
    """Of what is forgotten and not allowed again."""
    return [Fingerprint.of_json(stone.fingerprint) for stone in tombstones if stone.lifted_at is None]
