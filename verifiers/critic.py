"""`critic`: a model is asked whether the quoted source supports a claim, and can say yes, no or unsure.

Promise: the model can answer nothing else; what it says is a model's word, no proof.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import ClassVar, Self

from pydantic import BaseModel

from .abc import Ask, Claim, Key, Means, Outcome, Verdict, Verifier, tokens_of
from .errors import NoModel

CHOICES = ("yes", "no", "unsure")
_OUTCOMES: dict[str, Outcome] = {"yes": "passed", "no": "failed", "unsure": "unsure"}
_QUESTION = """\
Source: {source}
Claim: {claim}
Does the source by itself support the claim?
Answer yes if it says so, no if it says otherwise or does not say it, unsure if it is unclear."""


class Critic(Verifier):
    """Judges whether `source` supports the text, by asking `ask`."""

    name = "critic"
    keys: ClassVar[Mapping[str, Key]] = {
        "answer": Key("text", needed=True),
        "source": Key("text", needed=True),
    }

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    @classmethod
    def build(cls, options: BaseModel, means: Means) -> Self:
        if means.ask is None:
            raise NoModel(cls.name)
        return cls(means.ask)

    def judge(self, claim: Claim) -> Verdict:
        started = time.perf_counter()
        question = _QUESTION.format(source=claim.source.strip(), claim=claim.text.strip())
        said = self._ask(question, CHOICES)
        seconds = time.perf_counter() - started
        outcome = _OUTCOMES.get(said, "unsure")
        words = f"asked whether the source supports it, the model says {said}"
        return Verdict(outcome, words, seconds, tokens=tokens_of(said))
