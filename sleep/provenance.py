"""Whose words a candidate rests on, and whether they may be learnt: the judge of taint and of secrets.

Promise: a candidate whose value stands only in what is not the user's own word is tainted, and one that a
secret reaches into is secret, with the reason. Looks at the whole turn, since a quote alone hides where it
stood. Pure.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from functools import lru_cache

from .records import Candidate
from .secret import MASK, masked, names_a_secret, secret_spans
from .spans import Span, find_folded, inside, places
from .taint import tainted_spans

_tainted = lru_cache(maxsize=256)(tainted_spans)
_secret = lru_cache(maxsize=256)(secret_spans)
_SHORTEST_PART = 4  # characters of a secret by which a part of it is known


def taint_of(candidate: Candidate, turns: Mapping[int, str]) -> str | None:
    """Why these are not the user's own words; None when they are."""
    turn = turns.get(candidate.turn_id, candidate.quote)
    marked = _tainted(turn)
    if not marked:
        return None
    reasons = [inside(marked, *place) for place in _value_places(candidate, turn)]
    if any(reason is None for reason in reasons):
        return None
    found = next((span for span in reasons if span), marked[0])
    return f"it is not the user's own word: {found.why}"


def _value_places(candidate: Candidate, turn: str) -> list[tuple[int, int]]:
    """Where the value stands in the quote, as places of the turn."""
    quotes = find_folded(candidate.quote, turn) or [(0, len(turn))]
    found = [
        (start + at, start + end)
        for start, stop in quotes
        for at, end in places(candidate.value, turn[start:stop])
    ]
    return found or quotes


def secret_of(candidate: Candidate, turns: Mapping[int, str]) -> str | None:
    """What kind of secret this candidate holds; None when it holds none."""
    if names_a_secret(candidate.subject, candidate.attribute):
        return "it is a password, a number or a key that stays secret"
    turn = turns.get(candidate.turn_id, candidate.quote)
    text = f"{candidate.subject} | {candidate.attribute} | {candidate.value}"
    for span in _secret(turn):
        if _reaches(span, turn, candidate, text):
            return f"it holds {span.why.removeprefix('it holds ')}"
    own = _secret(candidate.value)
    return f"it holds {own[0].why}" if own else None


def _reaches(span: Span, turn: str, candidate: Candidate, text: str) -> bool:
    """Whether the value stands in the secret, or a part of the secret in what the candidate says."""
    if any(span.overlaps(*place) for place in places(candidate.value, turn)):
        return True
    return any(part in text.casefold() for part in _parts(span, turn))


def _parts(span: Span, turn: str) -> set[str]:
    """The words of a secret that are long enough to be known again, without case and outer marks."""
    words = (word.strip(string.punctuation).casefold() for word in turn[span.start : span.end].split())
    return {word for word in words if len(word) >= _SHORTEST_PART}


def presentable(text: str, candidate: Candidate, turns: Mapping[int, str]) -> str:
    """`text` about this candidate as it may be shown and kept: every secret of its turn masked."""
    turn = turns.get(candidate.turn_id, candidate.quote)
    secrets = _secret(turn)
    for span in secrets:
        text = text.replace(turn[span.start : span.end], MASK)
    text = masked(text)
    # A scribe may have copied a key with a letter wrong, which no detector would know again.
    if secrets and candidate.value and not places(candidate.value, turn):
        text = text.replace(candidate.value, MASK)
    return text


def masked_candidate(candidate: Candidate, turns: Mapping[int, str]) -> str:
    """What a secret candidate may be called: what it is about, not what it is.

    A scribe may have put the secret, or a part of it, in the subject's place.
    """
    turn = turns.get(candidate.turn_id, candidate.quote)
    parts = {part for span in _secret(turn) for part in _parts(span, turn)}

    def named(text: str) -> str:
        return MASK if any(part in text.casefold() for part in parts) else masked(text)

    return f"{named(candidate.subject)} | {named(candidate.attribute)} | {MASK}"
