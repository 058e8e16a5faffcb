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
from .statements import statement_of

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
    called failed, it is strange (empty, or words the version before would hardly have said), or it states
    something of the user (`states`, no sign by itself) that nothing told bears out.
    """

    failed: bool = False
    abstained: bool = False
    refused: bool = False
    tool_error: bool = False
    strange: bool = False
    unfounded: bool = False
    states: bool = False


SIGNS: tuple[str, ...] = tuple(field.name for field in fields(Signs) if field.name != "states")


@dataclass(frozen=True, slots=True)
class Ruled:
    """What is to be done, and why, in a sentence."""

    ruling: Ruling
    reason: str


def refused(text: str) -> bool:
    """Whether an answer refuses what was asked."""
    return bool(_REFUSES.search(text.replace("\u2019", "'")))


def signs_of(
    text: str,
    *,
    failed: bool,
    unfounded: bool,
    tool_error: bool,
    nats: float | None,
    settings: CanarySettings,
) -> Signs:
    """What an answer shows; `nats` is how unlikely the version before found it, a token (None: not known)."""
    strange = not text.strip() or (nats is not None and not nats <= settings.strange_nats)
    states = statement_of(text) is not None
    return Signs(failed, abstained(text), refused(text), tool_error, strange, unfounded, states)


def answers_new(adapter: str, turn_id: int, share: float) -> bool:
    """Whether the new version answers this turn: the same for the same turn, whoever asks."""
    digest = hashlib.sha256(f"{adapter} {turn_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < share


def ruled(new: Sequence[Signs], before: Sequence[Signs], settings: CanarySettings) -> Ruled:
    """What to do after these answers of the new version and of the one before.

    Rolled back when for any sign the interval of the difference of shares, new less before, lies above what
    is allowed, or when the Wilson interval of its bad answers lies above `most_bad`. The level of each
    interval is CHANCE / (turns x signs) (Bonferroni), since every turn is a look. At the last turn also when
    more than `most_bad` of them are bad, or of those that state something of the user, if these are enough
    (`least`) to tell: talk about other things does not cover for falsehoods.
    """
    n = len(new)
    if n < min(settings.least, settings.turns):
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
        return Ruled("rollback", f"{bad} of {n} answers were {_BAD}")
    if n >= settings.turns:
        stating, false = _count(new, "states"), _count(new, "unfounded")
        if stating >= settings.least and false > settings.most_bad * stating:
            return Ruled(
                "rollback",
                f"{_WORDS['unfounded']}: {false} of {stating} answers that state something of the user",
            )
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
    "unfounded": "not what was told",
}
_BAD = "failed, refused, strange, not what was told or broke a tool"


def _count(signs: Sequence[Signs], name: str) -> int:
    return sum(getattr(each, name) for each in signs)


def _bad(signs: Signs) -> bool:
    return signs.failed or signs.refused or signs.tool_error or signs.strange or signs.unfounded


def _bad_of(signs: Sequence[Signs]) -> str:
    return f"{sum(map(_bad, signs))} of {len(signs)}"
