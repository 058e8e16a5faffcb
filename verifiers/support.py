"""`support`: does the quoted source hold what a claimed memory says?

Promise: a memory whose value does not stand in the user's own words never passes. It judges words, not
entailment.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import ClassVar

from .abc import Claim, Key, Verdict, Verifier
from .match import plain


def words(text: str) -> list[str]:
    """Lower-case words of `text` without accents or punctuation."""
    return re.findall(r"[^\W_]+(?:['-][^\W_]+)*", plain(text))


def stands_in(value: str, text: str) -> bool:
    """Whether the words of `value` stand in `text` one after the other, as whole words."""
    wanted, have = words(value), words(text)
    if not wanted:
        return False
    return any(have[i : i + len(wanted)] == wanted for i in range(len(have) - len(wanted) + 1))


class Support(Verifier):
    """Judges `claim.fields` (`subject`, `value`) against `claim.source`, the quoted user words."""

    name = "support"
    keys: ClassVar[Mapping[str, Key]] = {
        "answer": Key("text"),
        "value": Key("text"),
        "subject": Key("text"),
        "source": Key("text", needed=True),
    }

    def judge(self, claim: Claim) -> Verdict:
        started = time.perf_counter()
        value = claim.fields.get("value", claim.text)
        outcome: Verdict
        if not stands_in(value, claim.source):
            outcome = Verdict("failed", f"the words {value!r} do not stand in the quoted turn")
        else:
            outcome = Verdict("passed", f"supported by {claim.source!r}")
        return Verdict(outcome.outcome, outcome.evidence, time.perf_counter() - started)
