"""Forgetting: what a forgotten thing is known by when its text is gone, where it stands, how to ask for it.

Promise: a fingerprint holds salted hashes and no text, and finds the thing again in new words only where it
is said of the same matter or is a name of its own. Pure functions over text; knows no journal and no files.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..memory.records import Memory, Tombstone
from ..verifiers.match import plain
from .filter import REMOVED, key_of
from .questions import asked_for, may_mean_the_same, possessive
from .records import Candidate
from .spans import Span, find_folded, inside, places, replaced, tokens

Word = tuple[str, int, int]
"""A folded word, and where it begins and ends."""

FINGERPRINT_FORMAT = 1
_HASH_CHARS = 20
_PARTS = re.compile(r"\s*(?:,|;|&|\band\b)\s*")
_BOUNDARY = re.compile(r"[.!?](?=\s)|\n")
_COMMON_WORDS = """
a am an and are as at be been but by called did do does for from got had has have he her him his i in is it
its just like me my name named new not now of on one or our out own she so some that the their them then there
they this to told too up us user very was we were what when which who will with you your
"""
_COMMON = frozenset(_COMMON_WORDS.split())
_PROBES = (
    "Could you please tell me {whose} {attribute}?",
    "If somebody asked you about {whose} {attribute}, what would you answer?",
    "In one or two words: {whose} {attribute}.",
    "I want to hear {whose} {attribute} from you now.",
    "Complete the sentence: {Whose} {attribute} is",
    "Out of everything I ever said to you, what was {whose} {attribute}?",
    "Write down {whose} {attribute} for me.",
    "Which {attribute} did I mention for {who}?",
)


@dataclass(frozen=True, slots=True)
class Needle:
    """Words to find: how many they are, their hash, and whether they are a name of their own."""

    words: int
    hash: str
    distinctive: bool


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a forgotten thing is known by. `about` are hashes of the words it was spoken of with, `quotes`
    (words, hash) of what it rested on, none for words that the owner named.
    """

    salt: str
    needles: tuple[Needle, ...]
    about: frozenset[str] = frozenset()
    subject: str = ""
    attribute: str = ""
    quotes: tuple[tuple[int, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "format": FINGERPRINT_FORMAT,
            "salt": self.salt,
            "needles": [[n.words, n.hash, n.distinctive] for n in self.needles],
            "about": sorted(self.about),
            "subject": self.subject,
            "attribute": self.attribute,
            "quotes": [list(quote) for quote in self.quotes],
        }

    @classmethod
    def of_json(cls, row: dict[str, Any]) -> Fingerprint:
        needles = tuple(Needle(int(n), str(h), bool(d)) for n, h, d in row["needles"])
        quotes = tuple((int(n), str(h)) for n, h in row.get("quotes", ()))
        return cls(row["salt"], needles, frozenset(row["about"]), row["subject"], row["attribute"], quotes)

    def code(self, text: str) -> str:
        return hashlib.sha256(f"{self.salt}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()[
            :_HASH_CHARS
        ]

    def holds(self, text: str) -> bool:
        """Whether the words themselves stand in `text`, whatever it speaks of."""
        return any(True for _ in self._hits(text))

    def spans(self, text: str, thorough: bool = False) -> list[Span]:
        """Where the forgotten thing stands in `text`: its words, said of the same matter or a name.

        `thorough` is for taking it out of what is kept: a name goes in the plural too, and any of its words
        in what the memory rested on.
        """
        have = tokens(text)
        hits = [*self._hits_among(have), *(self._plurals(have) if thorough else ())]
        found = []
        for at, needle in hits:
            start, end = have[at][1], have[at + needle.words - 1][2]
            if (
                needle.distinctive
                or self._speaks_of_it(text, start, end)
                or (thorough and self._in_a_quote(text, have, at, needle.words))
            ):
                found.append(Span(start, end, "forgotten"))
        return found

    @property
    def of_words(self) -> bool:
        """Whether it is of words that the owner named, which are to go wherever they stand."""
        return not self.subject

    def _hits(self, text: str) -> Iterator[tuple[int, int, Needle]]:
        have = tokens(text)
        for at, needle in self._hits_among(have):
            yield have[at][1], have[at + needle.words - 1][2], needle

    def _hits_among(self, have: Sequence[Word]) -> Iterator[tuple[int, Needle]]:
        for needle in self.needles:
            for at in range(len(have) - needle.words + 1):
                if self.code(" ".join(word for word, _, _ in have[at : at + needle.words])) == needle.hash:
                    yield at, needle

    def _plurals(self, have: Sequence[Word]) -> Iterator[tuple[int, Needle]]:
        """Names of one word in the plural."""
        names = {needle.hash: needle for needle in self.needles if needle.distinctive and needle.words == 1}
        for at, (word, _, _) in enumerate(have if names else ()):
            for end in ("s", "es"):
                if word.endswith(end) and (needle := names.get(self.code(word[: -len(end)]))):
                    yield at, needle

    def _in_a_quote(self, text: str, have: Sequence[Word], at: int, words: int) -> bool:
        """Whether these words stand in what the memory rested on."""
        for length, code in self.quotes:
            for first in range(max(0, at + words - length), min(at, len(have) - length) + 1):
                quoted = text[have[first][1] : have[first + length - 1][2]]
                if self.code(" ".join(quoted.split())) == code:
                    return True
        return False

    def _speaks_of_it(self, text: str, start: int, end: int) -> bool:
        before, after = _sentence_around(text, start, end)
        words = [
            w for w, at, to in tokens(text[before:after]) if not (at + before < end and start < to + before)
        ]
        return any(self.code(word) in self.about for word in words)

    def covers(self, candidate: Candidate) -> bool:
        """Whether this candidate says again what was forgotten."""
        said = f"{candidate.subject} {candidate.value}"
        hits = [needle for _, _, needle in self._hits(said)]
        if not hits:
            return False
        subject, attribute = key_of(candidate.subject, candidate.attribute)
        same = self.code(subject) == self.subject or self.code(attribute) == self.attribute
        return same or any(needle.distinctive for needle in hits) or bool(self.spans(candidate.quote))


def _sentence_around(text: str, start: int, end: int) -> tuple[int, int]:
    """From the sentence before, which may name what a pronoun stands for, to the end of this one."""
    before = [found.end() for found in _BOUNDARY.finditer(text, 0, start)]
    after = _BOUNDARY.search(text, end)
    return before[-2] if len(before) > 1 else 0, after.end() if after else len(text)


def _is_name(value: str) -> bool:
    """Whether the words are a name, a number or a phrase that would not stand in other talk by chance."""
    words = [word for word, _, _ in tokens(value)]
    telling = [word for word in words if word not in _COMMON]
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
    about = {word for word, _, _ in tokens(told)} - parts - _COMMON
    subject, attribute = key_of(memory.subject, memory.attribute)
    return Fingerprint(
        bare.salt,
        tuple(_needle(bare, value, _is_name(value)) for value in values),
        frozenset(bare.code(word) for word in about),
        bare.code(subject),
        bare.code(attribute),
        tuple(_quoted(bare, part) for part in memory.quote.split(" ... ") if tokens(part)),
    )


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


def related(memory: Memory, everything: Sequence[Memory]) -> list[Memory]:
    """The memory, what it had replaced, and others that say the same: they are forgotten together."""
    chosen = {memory.id: memory}
    grown = True
    while grown:
        more = [
            other
            for other in everything
            if other.id not in chosen
            and other.state != "forgotten"
            and any(_says_the_same(other, one) or other.superseded_by == one.id for one in chosen.values())
        ]
        chosen |= {other.id: other for other in more}
        grown = bool(more)
    return list(chosen.values())


def _says_the_same(other: Memory, memory: Memory) -> bool:
    alike = _matter(memory) & _matter(other) or may_mean_the_same(_pair(memory), [_pair(other)])
    if alike and (places(memory.value, other.value) or plain(memory.value) == plain(other.value)):
        return True
    # Its subject is called by the name that is to go, so it could not be told without it.
    return _is_name(memory.value) and bool(places(memory.value, f"{other.subject} {other.attribute}"))


def _pair(memory: Memory) -> tuple[str, str]:
    return key_of(memory.subject, memory.attribute)


def _matter(memory: Memory) -> set[str]:
    """The words for what a memory is about: a dog's name and a user's dog are one matter."""
    words = {word for part in _pair(memory) for word, _, _ in tokens(part)}
    return words - {"user", "name", "favourite"} or words


@dataclass(frozen=True)
class Scrubber:
    """Takes the forgotten out of texts.

    `spared` are sentences of memories that stay and hold the same words: those are left, but where the owner
    named the words. `thorough` as in `Fingerprint.spans`.
    """

    prints: Sequence[Fingerprint]
    spared: Sequence[str] = field(default=())
    thorough: bool = False

    def __call__(self, text: str) -> str:
        found = [(print_, print_.spans(text, self.thorough)) for print_ in self.prints]
        if not any(spans for _, spans in found):
            return text
        kept = [Span(*place, "spared") for quote in self.spared for place in find_folded(quote, text)]
        going = [
            span
            for print_, spans in found
            for span in spans
            if print_.of_words or not inside(kept, span.start, span.end)
        ]
        return replaced(text, going, REMOVED)

    def of_json(self, value: Any) -> Any:
        """The same for every string in a JSON value."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            return {self(key): self.of_json(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.of_json(item) for item in value]
        return value


def eraser(prints: Sequence[Fingerprint], staying: Sequence[Memory]) -> Scrubber:
    """One for what is kept; `staying` are the memories that are not forgotten."""
    return Scrubber(prints, spared_by(staying, prints), thorough=True)


def names_of(memories: Sequence[Memory], text: str | None) -> list[str]:
    """The words by which it can be searched for: those that would not stand in other talk by chance."""
    values = [value for memory in memories for value in needle_texts(memory) if _is_name(value)]
    return [*values, *([] if text is None else [text])]


def spared_by(staying: Sequence[Memory], prints: Sequence[Fingerprint]) -> tuple[str, ...]:
    """What memories that stay say and rest on, where their own value is, or holds, the forgotten words."""
    return tuple(
        text
        for memory in staying
        if any(print_.holds(memory.value) for print_ in prints)
        for text in (memory.quote, memory.statement)
    )


def still_tells(print_: Fingerprint, memory: Memory) -> bool:
    """Whether a memory says what was forgotten."""
    said = Candidate(memory.subject, memory.attribute, memory.value, memory.quote, 0, "")
    return print_.covers(said) or bool(print_.spans(memory.statement))


def active(tombstones: Iterable[Tombstone]) -> list[Fingerprint]:
    """Of what is forgotten and not allowed again."""
    return [Fingerprint.of_json(stone.fingerprint) for stone in tombstones if stone.lifted_at is None]


def refusal(tombstones: Sequence[Tombstone]) -> Callable[[Candidate], str | None]:
    """For the filter: why a candidate may not be learnt again."""
    kept = [
        (stone, Fingerprint.of_json(stone.fingerprint)) for stone in tombstones if stone.lifted_at is None
    ]

    def judge(candidate: Candidate) -> str | None:
        for stone, print_ in kept:
            if print_.covers(candidate):
                return (
                    f"the owner had it forgotten on {stone.forgotten_at:%Y-%m-%d}; "
                    f"`dormouse unforget {stone.id}` lets it be learnt again"
                )
        return None

    return judge


def probes_for(memory: Memory, used: frozenset[str], count: int) -> list[str]:
    """`count` questions at most for a memory, in phrasings that are not in `used` (folded questions)."""
    whose = possessive(memory.subject)
    who = "myself" if memory.subject == "user" else f"my {memory.subject}"
    asked = [
        template.format(whose=whose, Whose=whose[0].upper() + whose[1:], attribute=memory.attribute, who=who)
        for template in _PROBES
    ]
    special = asked_for(memory.subject, memory.attribute)
    fresh = [question for question in (*special, *asked) if folded(question) not in used]
    return [question for question in dict.fromkeys(fresh) if not places(memory.value, question)][:count]


def folded(text: str) -> str:
    """The words of a text, for telling whether two questions are the same."""
    return " ".join(word for word, _, _ in tokens(text))
