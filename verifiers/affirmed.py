"""`affirmed`: are the quoted words said as true of now, or is what they hold denied or only wished for?

Promise: unsure, never failed, where the clause that holds the value takes it back ("I'm not allergic to
nuts", "I never worked as a vet") or wishes for it ("I'd love to live in Oslo"). Where the denial is the fact
itself, as of what is not eaten or of a former home, it passes. It reads turns of phrase, not sense.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import ClassVar

from .abc import Claim, Key, Verdict, Verifier
from .match import plain
from .support import words

_HELD = (
    r"(?:lived?|lives|work(?:ed|s)?|have|has|had|got|been|own(?:ed|s)?|stud(?:y|ied)|play(?:ed|s)?|speaks?"
    r"|drives?) ?"
)
_DENIES = re.compile(
    r"(?:\b(?:am|is|are|was|were)|'m|'s|'re) (?:not|no longer|never)\b(?! true that)"
    r"|\b(?:is|are|was|were|ai)n'?t\b"
    r"|\b(?:(?:do|does|did)(?:n'?t| not)|never(?! have\b)|no longer|(?:have|has|had)(?:n'?t| not| never))"
    rf" (?:\w+ly |ever )?{_HELD}|\bno longer\b|\b(?:is it|not) true that (?:my|our|i|we)(?:'m| \w+)?\b"
    r"|\b(?:stopped|quit|gave up|given up) (?:playing|speaking|driving|studying|working|living|being)\b"
)
_WISHES = re.compile(
    r"\b(?:i|we)(?:'d| would) (?:so |really )?(?:love|like) to (?:live|work|be|have|own)\b"
    r"|\b(?:i|we) wish (?:that )?(?:i|we|my \w+) (?:lived|worked|was|were|had|owned)\b"
)
_SUPPOSES = re.compile(r"\b(?:if|unless|whether|when|your)\b[^.!?;]*$")
_SMALL = re.compile(
    r"(?:actually|really|even|an?|the|my|our|any|in|at|on|from|as|for|to|am|is|was|allergic|intolerant|living"
    r"|working|based|born|called|named|married|engaged|here|currently)"
)
_DENIAL_IS_THE_FACT = re.compile(
    r"\b(?:former|previous|old|past|ex|earlier|first|childhood|last|diet|dislike[sd]?|hated?|avoid\w*|not"
    r"|never|without)\b"
)
_WISH_IS_THE_FACT = re.compile(
    r"\b(?:dream|wish|goal|plan|ambition|hope|want|next|future|destination|trip|aim|target)"
)


def _reaches(source: str, at: int, value: list[str]) -> bool:
    """Whether only small words, or a thing that is called so, stand between source[at:] and the value."""
    ahead = words(re.split(r"[,.!?;:]", source[at:], maxsplit=1)[0])
    while ahead and ahead[: len(value)] != value:
        called = len(ahead) > 1 and ahead[1] in ("called", "named")
        if not called and not _SMALL.fullmatch(ahead[0]):
            return False
        ahead = ahead[1:]
    return bool(ahead and value)


def denial(value: str, source: str) -> re.Match[str] | None:
    """The turn of phrase by which `source` denies the value, found in `plain(source)`; None if none does."""
    return _taken(_DENIES, words(value), plain(source))


def _taken(pattern: re.Pattern[str], value: list[str], source: str) -> re.Match[str] | None:
    """The turn of phrase before the value, if it is the speaker's word on how things are."""
    return next(
        (
            found
            for found in pattern.finditer(source)
            if _reaches(source, found.end(), value) and not _SUPPOSES.search(source[: found.start()])
        ),
        None,
    )


class Affirmed(Verifier):
    """Judges `claim.fields` (`value`, and `attribute` if it is given) in `claim.source`, the quoted words."""

    name = "affirmed"
    keys: ClassVar[Mapping[str, Key]] = {
        "answer": Key("text"),
        "value": Key("text"),
        "attribute": Key("text"),
        "source": Key("text", needed=True),
    }

    def judge(self, claim: Claim) -> Verdict:
        started = time.perf_counter()
        value = words(claim.fields.get("value", claim.text))
        attribute, source = plain(claim.fields.get("attribute", "")), plain(claim.source)
        denied = None if _DENIAL_IS_THE_FACT.search(attribute) else _taken(_DENIES, value, source)
        wished = None if _WISH_IS_THE_FACT.search(attribute) else _taken(_WISHES, value, source)
        seconds = time.perf_counter() - started
        if found := denied or wished:
            how = "denied" if denied else "only wished for"
            return Verdict("unsure", f"it is {how} in the words {found.group().strip()!r}", seconds)
        return Verdict("passed", "nothing denies it or only wishes for it", seconds)
