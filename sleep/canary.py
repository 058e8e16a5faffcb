"""The canary: has a newly published version done worse by day than the one before it?

Promise: the same counts give the same ruling; however often it is looked, a version that is no worse is
rolled back with a chance of 5% at most. Pure functions of counts and texts; knows no journal and no engine.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import NormalDist
from typing import Literal

from ..verifiers.abstention import abstained
from .intervals import difference, wilson
from .settings import CanarySettings

Ruling = Literal["watch", "promote", "rollback"]
CHANCE = 0.05
"""How often a version that is no worse may be rolled back, over all looks and signs together."""

_REFUSES = re.compile(
    r"\b(?:i\s+(?:can\s*not|can'?t|won'?t|am\s+(?:unable|not\s+able)\s+to)\s+(?:help|assist|do|comply|discuss|provide)"
    r"|as\s+an\s+ai\b|against\s+my\s+(?:guidelines|policy))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Signs:
    """What was seen of one answer: a verifier failed it, it said that it does not know, it refused, a tool it
    called failed, or it is strange (empty, or words the version before would hardly have said).
    """

    failed: bool = False
    abstained: bool = False
    refused: bool = False
    tool_error: bool = False
    strange: bool = False


SIGNS: tuple[str, ...] = tuple(field.name for field in fields(Signs))


@dataclass(frozen=True, slots=True)
class Ruled:
    """What is to be done, and why, in a sentence."""

    ruling: Ruling
    reason: str


def refused(text: str) -> bool:
    """Whether an answer refuses what was asked."""
    return bool(_REFUSES.search(text.replace("\u2019", "'")))


def signs_of(
    text: str, *, failed: bool, tool_error: bool, nats: float | None, settings: CanarySettings
) -> Signs:
    """What an answer shows; `nats` is how unlikely the version before found it, a token (None: not known)."""
    strange = not text.strip() or (nats is not None and not nats <= settings.strange_nats)
    return Signs(failed, abstained(text), refused(text), tool_error, strange)


def answers_new(adapter: str, turn_id: int, share: float) -> bool:
    """Whether the new version answers this turn: the same for the same turn, whoever asks."""
    digest = hashlib.sha256(f"{adapter} {turn_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < share


def ruled(new: Sequence[Signs], before: Sequence[Signs], settings: CanarySettings) -> Ruled:
    """What to do after these answers of the new version and of the one before.

    Rolled back when for any sign the interval of the difference of shares, new less before, lies above what
    is allowed, or when the Wilson interval of its bad answers lies above `most_bad`. The level of each
    interval is CHANCE / (turns x signs) (Bonferroni), since every turn is a look.
    """
    n = len(new)
    if n < settings.least:
        return Ruled("watch", f"{n} of {settings.turns} turns seen")
    z = NormalDist().inv_cdf(1 - CHANCE / (2 * settings.turns * (len(SIGNS) + 1)))
    for sign in SIGNS:
        count, count_before = _count(new, sign), _count(before, sign)
        low, _ = difference(count, n, count_before, len(before), z)
        allowed = settings.more_abstained if sign == "abstained" else settings.more_bad
        if low > allowed:
            return Ruled(
                "rollback",
                f"{_WORDS[sign]}: {count} of {n} answers, {count_before} of {len(before)} of those before",
            )
    bad = sum(_bad(signs) for signs in new)
    if wilson(bad, n, z)[0] > settings.most_bad:
        return Ruled("rollback", f"{bad} of {n} answers were failed, refused, strange or broke a tool")
    if n >= settings.turns:
        if bad > settings.most_bad * n:
            return Ruled("rollback", f"{bad} of {n} answers were bad, more than {settings.most_bad:.0%}")
        return Ruled("promote", f"{bad} of {n} answers were bad, {_bad_of(before)} of the version before")
    return Ruled("watch", f"{n} of {settings.turns} turns seen")


_WORDS = {
    "failed": "failed by a verifier",
    "abstained": "said not to know",
    "refused": "refused",
    "tool_error": "a tool failed",
    "strange": "empty or strange",
}


def _count(signs: Sequence[Signs], name: str) -> int:
    return sum(getattr(each, name) for each in signs)


def _bad(signs: Signs) -> bool:
    return signs.failed or signs.refused or signs.tool_error or signs.strange


def _bad_of(signs: Sequence[Signs]) -> str:
    return f"{sum(map(_bad, signs))} of {len(signs)}"
