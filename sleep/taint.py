"""Taint: what in a user's turn is not the user's own word but a document, a tool's result or somebody else's.

Promise: what is pasted, quoted, reported as a document's words or addressed to an assistant is marked, with
the reason. It reads marks and turns of phrase, not intent, and prefers to mark too much: what it marks is
not learnt and not recalled, and can be said again in one's own words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from .spans import Span, merged, replaced
from .taint_frames import announced, requested, signed
from .taint_marks import (
    BLOCKS,
    BROUGHT,
    COLON,
    COMMAND,
    DATA,
    FIRST_PERSON,
    MENDS,
    OWN_LEAD,
    REMEMBER,
    SENTENCE,
    SENTENCES,
    SPEAKS,
    TO_END,
    YOUR,
)


def _to_the_end(text: str) -> Iterator[Span]:
    for pattern, why in TO_END:
        found = pattern.search(text)
        if found:
            start = found.start() if _is_block(why) else found.end()
            yield Span(start, len(text), why)


def _is_block(why: str) -> bool:
    """Whether the mark itself is part of the document, and not the user's words before it."""
    return not why.startswith(("it is material", "it was brought", "it is what", "it is another", "somebody"))


def _blocks(text: str) -> Iterator[Span]:
    for pattern, why in BLOCKS:
        for found in pattern.finditer(text):
            yield Span(found.start(), found.end(), why)


def _announced(text: str) -> Iterator[Span]:
    """What follows a colon (or a dash after a document's name), unless it is announced as one's own word."""
    for found in COLON.finditer(text):
        line = text[: found.start()].rsplit("\n", 1)[-1]
        lead = re.split(r"[.!?]\s", line)[-1]
        own_lead = MENDS.search(lead) is not None or OWN_LEAD.fullmatch(lead.strip()) is not None
        brought = BROUGHT.search(lead) is not None and not own_lead
        own = own_lead or FIRST_PERSON.search(lead) is not None
        speaks = SPEAKS.search(re.split(r"[.!?](?:\s|$)", text[found.end() :].lstrip(), maxsplit=1)[0])
        if brought or (not own and speaks and found.group().startswith(":")):
            yield Span(found.end(), len(text), "it was announced as somebody else's words")
            return


def _data(text: str) -> Iterator[Span]:
    """From where data in braces begins to the last bracket, or to the end when none closes it."""
    opened = DATA.search(text)
    if opened:
        end = max(text.rfind("}"), text.rfind("]"))
        yield Span(opened.start(), end + 1 if end > opened.start() else len(text), "it is data")


def _sentences(text: str) -> Iterator[Span]:
    """Sentences that report a document, and those after them that go on giving orders."""
    before: Span | None = None
    for found in SENTENCE.finditer(text):
        words = found.group()
        if not words.strip():
            continue
        why = next((why for pattern, why in SENTENCES if pattern.search(words)), "")
        if not why and COMMAND.search(words) and YOUR.search(words) and not FIRST_PERSON.search(words):
            why = "it orders to remember what is not said of oneself"
        if not why and before is not None and REMEMBER.search(words):
            why = before.why
        end = found.end()
        if why.startswith("it is what") and re.match(r"\s*\n\s*\S", text[end - 1 :]):
            end = len(text)  # a list or a paragraph of what was found
        before = Span(found.start(), end, why) if why else None
        if before:
            yield before


_READERS: tuple[Callable[[str], Iterator[Span]], ...] = (
    _to_the_end,
    _blocks,
    _announced,
    _data,
    _sentences,
    requested,
    announced,
    signed,
)


_LONGEST_TALK = 3000  # characters; what goes on beyond was pasted, and reading it could take long


def tainted_spans(text: str) -> list[Span]:
    """The stretches of a user's turn that are not the user's own word, in order, none overlapping."""
    read = text[:_LONGEST_TALK]
    found = [span for reader in _READERS for span in reader(read)]
    if len(text) > len(read):
        found.append(Span(len(read), len(text), "it is longer than anything one types"))
    return merged(found)


@lru_cache(4096)  # an answer after a night may look through all that was told since
def own_words(text: str) -> str:
    """What remains of a turn when everything tainted is cut out; "" when nothing does."""
    kept = replaced(text, tainted_spans(text), " ")
    return kept.strip() if re.search(r"\w", kept) else ""
