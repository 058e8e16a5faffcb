"""Whom a name stands for: where the user says only "Moira", and told once that the wife is called so.

Promise: a name is read as somebody only where it stands alone; what introduces somebody ("my friend Moira",
"a dog called Moira") is left as it was told. Pure functions of texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial

from .common_words import COMMON_WORDS, FUNCTION_WORDS
from .kinds import Fact
from .rule_words import is_somebody

_TITLE = re.compile(r"^(?:dr|mr|mrs|ms|miss|st|sir|prof|professor|father|sister)\b\.? ?", re.IGNORECASE)
_INTRODUCES = re.compile(
    r"\b(?:called|named|is|name's|(?:my|our|his|her|their|your|an?|the|this|that|another)"
    rf"(?: [\w'-]+){{0,2}} (?!(?:{'|'.join(FUNCTION_WORDS)}) )[\w'-]+)[ ,]*$",
    re.IGNORECASE,
)
_PRAISES = re.compile(
    r"\b(?:late|dear|lovely|poor|good|new|old|auld|young|little|wee|big|own|sweet|the) $", re.IGNORECASE
)
_SENTENCE_BEFORE = re.compile(r"(?:^|[.!?\n])\W*$")
_LAST_WORD = re.compile(r"([\w'-]+) $")
_SHORTEST = 3  # letters of a name; a shorter one is easily another word


def names_among(facts: Iterable[Fact]) -> dict[str, str]:
    """Name -> whose it is, of everybody but the user; a person's first name alone too. Who has the name of
    another is told apart by no name, and a name that is a common word ("Rose") is none here.
    """
    owners: dict[str, set[str]] = {}
    for subject, attribute, value in facts:
        if attribute == "name" and subject != "user":
            first = value.split(" ")[0] if is_somebody(subject) else value
            for name in {value, first}:
                owners.setdefault(name, set()).add(subject)
    return {
        name: next(iter(whose))
        for name, whose in owners.items()
        if len(whose) == 1
        and len(name) >= _SHORTEST
        and name.casefold() not in COMMON_WORDS
        and not _TITLE.search(name)
    }


def with_nouns(text: str, names: Mapping[str, str]) -> str:
    """The text with the noun for each name that stands alone: "Moira bakes" becomes "My wife bakes".

    Where the noun itself stands in the text nothing is put for the name, and case is looked at unless the
    text has no capital.
    """
    low = text.casefold()
    for name in sorted((name for name in names if name.casefold() in low), key=len, reverse=True):
        subject = names[name]
        if re.search(rf"\b{re.escape(subject.rsplit(' ', 1)[-1])}\b", text, re.IGNORECASE):
            continue
        flags = re.IGNORECASE if text == low else 0
        pattern = re.compile(rf"(?<![\w'-]){re.escape(name)}(?![\w-])(?! (?-i:[A-Z]))", flags)
        text = pattern.sub(partial(_noun_for, subject), text)
    return text


def _noun_for(subject: str, match: re.Match[str]) -> str:
    before = match.string[: match.start()]
    word = _LAST_WORD.search(before)
    surname = word and word[1][0].isupper() and word[1].casefold() not in COMMON_WORDS
    if surname or _PRAISES.search(before) or _INTRODUCES.search(before):
        return match[0]
    capital = _SENTENCE_BEFORE.search(before) and match.string != match.string.casefold()
    return f"{'My' if capital else 'my'} {subject}"
