"""`fiction`: are the quoted words meant as the speaker's own life, or as a hypothesis or a story?

Promise: unsure, never failed, when a turn of phrase marks a hypothesis or a work of fiction. It reads words,
not sense.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import ClassVar

from .abc import Claim, Key, Verdict, Verifier

_MARKS = re.compile(
    r"\b(?:if\s+(?:i|we|my|only)\b|imagine|(?<!i\s)suppose|pretend|let'?s\s+say|hypothetically|role\s*-?play"
    r"|in\s+(?:the|a|this|my)\s+(?:book|film|movie|novel|story|show|game|dream)\b)",
    re.IGNORECASE,
)


class Fiction(Verifier):
    """Judges `claim.source`, the quoted user words."""

    name = "fiction"
    keys: ClassVar[Mapping[str, Key]] = {"source": Key("text", needed=True)}

    def judge(self, claim: Claim) -> Verdict:
        started = time.perf_counter()
        mark = _MARKS.search(claim.source)
        seconds = time.perf_counter() - started
        if mark:
            return Verdict("unsure", f"the words {mark.group(0)!r} mark a hypothesis or a story", seconds)
        return Verdict("passed", "nothing marks a hypothesis or a story", seconds)
