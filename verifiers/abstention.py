"""`abstention`: does an answer say that the speaker does not know?

Promise: recognises the usual English ways to decline for want of knowledge, and not the mere words inside an
answer.
"""

from __future__ import annotations

import re
import time

from .abc import Claim, Verdict, Verifier

_DECLINES = re.compile(
    r"""
    \bi\s+(?:(?:really|honestly|simply|just|still|currently|actually)\s+)?
        (?:do\s+not|don'?t|did\s+not|didn'?t|would\s+not|wouldn'?t)\s+
        (?:(?:really|actually|currently|yet|personally)\s+)?
        (?:know|recall|remember|(?:think|believe)\s+(?:that\s+)?you(?:'ve|\s+have|\s+ever)?\s+
            (?:told|mentioned|said|shared)
        |have\s+(?:that|this|any|enough|access|a\s+record|the\s+answer|(?:personal\s+)?(?:information|details)))
    | \b(?:i\s+am|i'?m)\s+(?:not\s+(?:sure|certain|aware|familiar\s+with)|unsure|unaware)\b
    | \b(?:i\s+am|i'?m)\s+(?:sorry,?\s+(?:but\s+)?)?(?:i\s+)?(?:am\s+)?
        (?:unable|not\s+able)\s+to\s+(?:recall|remember|know|say|tell|answer)
    | \byou\s+(?:have\s+not|haven'?t|never|did\s+not|didn'?t)\s+(?:yet\s+|ever\s+)?
        (?:told|tell|said|say|mentioned|mention|shared|share|given|give)\b
        (?!\s+(?:any(?:one|body)|a\s+lie|her|him|them|your)\b)
    | \byou\s+have\s+yet\s+to\s+(?:tell|say|mention|share)
    | \b(?:i\s+have\s+not|i\s+haven'?t|i\s+was\s+not|i\s+wasn'?t|i\s+was\s+never
        |i\s+have\s+never|i'?ve\s+never|i'?ve\s+not)\s+(?:been\s+)?(?:told|informed|heard|given)
    | \bwe\s+(?:have\s+not|haven'?t|never)\s+(?:talked|spoken|spoke)\s+about
    | \b(?:has\s+not|hasn'?t|was\s+not|wasn'?t|was\s+never|has\s+never)\s+(?:been\s+)?
        (?:mentioned|told\s+to\s+me|shared\s+with\s+me|come\s+up)\b
    | \b(?:i\s+have|i'?ve|i\s+had|there\s+is|there'?s)\s+no\s+
        (?:idea|record|information|memory|way\s+of\s+knowing|knowledge)
    | \bi\s+(?:lack|am\s+missing)\s+(?:that|this|the|any)\s+(?:information|knowledge|detail)
    | \bi\s+(?:can\s*not|can'?t|could\s+not|couldn'?t)\s+(?:know|recall|remember|say|tell|find|answer)\b
    | (?:^|[.!?,;]\s+)(?:sorry,?\s+)?no\s+idea\b
    | \bnot\s+something\s+(?:i\s+know|(?:you'?ve|you\s+have|i'?ve\s+been|i\s+have\s+been)\s+told)
    | \bunknown\s+to\s+me\b
    | \bnothing\s+(?:you'?ve|you\s+have|you)\s+(?:told|said|mentioned|shared)
    """,
    re.IGNORECASE | re.VERBOSE,
)


def abstained(text: str) -> bool:
    """Whether `text` says that the speaker does not know.

    Only its first two sentences count: a long answer that ends in "I don't know why" is an answer.
    """
    straight = text.replace("\u2019", "'").strip()
    opening = " ".join(re.split(r"(?<=[.!?;])\s+", straight)[:2])
    return bool(_DECLINES.search(opening))


class Abstention(Verifier):
    """Passes when the text declines to answer for want of knowledge."""

    name = "abstention"

    def judge(self, claim: Claim) -> Verdict:
        started = time.perf_counter()
        said = abstained(claim.text)
        seconds = time.perf_counter() - started
        return Verdict(
            "passed" if said else "failed", "says it does not know" if said else "gives an answer", seconds
        )
