"""Questions that lean on the answer before: "And how old is he?" after "Your uncle's name is Bert.".

An adapter is asked without the talk, so that "he" would be nobody. Promise: only a question without a word
for the user is changed, and only where the answer just before named somebody, or something, of the user's.
Knows English words; nothing of engines.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_MOST_WORDS = 12  # more is no brief question back
_OWN = re.compile(r"\b(?:i|i'[a-z]+|me|my|mine|we|us|our|ours)\b", re.IGNORECASE)
_WHOSE = re.compile(r"(?P<whose>.+?)(?:'s|(?<=s)') ")
_BELONGS = re.compile(r"\b(?:his|its|their|her(?=\s+[a-z]))\b", re.IGNORECASE)
_IS = re.compile(r"\b(?:he|she|it|they)'(?:s|re)\b", re.IGNORECASE)
_MEANT = re.compile(r"\b(?:he|him|she|her|it|they|them)\b", re.IGNORECASE)


def spelled_out(question: str, name: str) -> str:
    """The question with the pronoun spelled out, where it leans on an answer that named `name` ("uncle's
    name"); as it is otherwise.
    """
    asked = question.replace("\u2019", "'")
    named = _WHOSE.match(f"{name} ")
    if named is None or len(asked.split()) > _MOST_WORDS or _OWN.search(asked):
        return question
    whose = f"my {named['whose']}"
    ways: tuple[tuple[re.Pattern[str], str], ...] = (
        (_BELONGS, f"{whose}'" if whose.endswith("s") else f"{whose}'s"),
        (_IS, f"{whose} is"),
        (_MEANT, whose),
    )
    for pattern, words in ways:
        if pattern.search(asked):
            return pattern.sub(_literally(words), asked, count=1)
    return question


def _literally(words: str) -> Callable[[re.Match[str]], str]:
    return lambda found: words[0].upper() + words[1:] if found[0][0].isupper() else words
