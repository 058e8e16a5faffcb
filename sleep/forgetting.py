"""Forgetting: which memories go together, how texts are rewritten without them, and how to ask afterwards.

Promise: what memories that stay say and rest on is left whole. How a forgotten thing is known stands in
`fingerprint.py`. Pure functions over text; knows no journal and no files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..memory.records import Memory, Tombstone
from ..verifiers.match import plain
from .common_words import FUNCTION_WORDS
from .filter import REMOVED, key_of
from .fingerprint import Fingerprint, Reach, is_name, needle_texts, parts_of_name
from .questions import asked_for, may_mean_the_same, possessive
from .records import Candidate
from .spans import Span, find_folded, inside, places, replaced, tokens

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
    alike = _one_matter(memory, other) or may_mean_the_same(_pair(memory), [_pair(other)])
    if alike and (places(memory.value, other.value) or plain(memory.value) == plain(other.value)):
        return True
    # Its subject is called by the name that is to go, so it could not be told without it.
    called = [memory.value, *parts_of_name(memory.value)] if is_name(memory.value) else []
    return any(places(name, f"{other.subject} {other.attribute}") for name in called)


def _one_matter(one: Memory, other: Memory) -> bool:
    """Not where only the attribute is shared: a user's hobby and a sister's are two."""
    subjects = [{word for word, _, _ in tokens(_pair(memory)[0])} - {"user"} for memory in (one, other)]
    if subjects[0] == subjects[1]:
        return bool(_matter(one) & _matter(other))
    return bool(subjects[0] & _matter(other) or subjects[1] & _matter(one))


def _pair(memory: Memory) -> tuple[str, str]:
    return key_of(memory.subject, memory.attribute)


def _matter(memory: Memory) -> set[str]:
    """The words for what a memory is about: a dog's name and a user's dog are one matter."""
    words = {word for part in _pair(memory) for word, _, _ in tokens(part)}
    return words - {"user", "name", "favourite"} or words


@dataclass(frozen=True)
class Scrubber:
    """Takes the forgotten out of texts.

    `spared` are sentences of memories that stay and hold the same words, and `others` words for what those
    are about: such are left, but where the owner named the words. `serving` are the ids of those memories.
    """

    prints: Sequence[Fingerprint]
    spared: Sequence[str] = field(default=())
    reach: Reach = "matter"
    others: frozenset[str] = frozenset()
    serving: frozenset[str] = frozenset()

    def __call__(self, text: str, answer: bool = False) -> str:
        found = [(print_, print_.spans(text, self.reach, answer, self.others)) for print_ in self.prints]
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

    def of_json(self, value: Any, answer: bool = False) -> Any:
        """The same for every string in a JSON value, of which some are the assistant's answers."""
        if isinstance(value, str):
            return self(value, answer)
        if isinstance(value, dict):
            spoken = value.get("role") == "assistant"
            return {
                self(key): self.of_json(item, answer or key == "answer" or (spoken and key == "content"))
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.of_json(item, answer) for item in value]
        return value

    def of_answer(self, value: Any) -> Any:
        """The same for what the assistant said."""
        return self.of_json(value, answer=True)

    def holds(self, value: Any) -> bool:
        """Whether the words themselves stand in a JSON value, whatever it speaks of."""
        if isinstance(value, str):
            return any(print_.holds(value) for print_ in self.prints)
        if isinstance(value, dict):
            return any(self.holds(part) for item in value.items() for part in item)
        return isinstance(value, list | tuple) and any(map(self.holds, value))

    def searching(self) -> Scrubber:
        """For looking at pieces of texts afterwards: less the words that memories which stay hold."""
        kept = " \n ".join(self.spared)
        return replace(self, prints=[print_.without(kept) for print_ in self.prints], spared=())


def eraser(prints: Sequence[Fingerprint], staying: Sequence[Memory], reach: Reach = "kept") -> Scrubber:
    """One for what is kept; `staying` are the memories that are not forgotten."""
    alike = [m for m in staying if any(print_.holds(m.value) for print_ in prints)]
    keys = {word for m in staying for word, _, _ in tokens(f"{m.subject} {m.attribute}")}
    values = {word for m in alike for word, _, _ in tokens(m.value)}
    others = {word for m in alike for word in _matter(m)} - FUNCTION_WORDS
    return Scrubber(
        [print_ if print_.of_words else print_.sparing(keys, values) for print_ in prints],
        spared_by(staying, prints),
        reach,
        frozenset(others),
        frozenset(m.id for m in alike),
    )


def names_of(memories: Sequence[Memory], text: str | None) -> list[str]:
    """The words by which it can be searched for: those that would not stand in other talk by chance."""
    values = [value for memory in memories for value in needle_texts(memory) if is_name(value)]
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
