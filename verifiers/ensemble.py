"""`ensemble`: several answers to the same question, grouped by meaning; disagreement is doubt.

Promise: an answer passes only when the largest group holds it and is large enough. That models agree is no
proof: they may be wrong together.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from .abc import Ask, Claim, Key, Means, Outcome, Sample, Verdict, Verifier
from .abstention import abstained
from .errors import NoModel
from .match import plain


def _words(text: str) -> list[str]:
    return text.split()


_FILLERS = frozenset(_words("a an the is it its was are your my of in at to you i"))
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_SAME = "Question: {question}\nAnswer A: {a}\nAnswer B: {b}\nDo the two answers say the same?"
Same = Callable[[str, str], bool]


class EnsembleOptions(BaseModel):
    """How many answers are drawn, and how many of them must agree."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    samples: int = Field(default=5, ge=2, le=100, description="Answers drawn, beside the one judged.")
    least_share: float = Field(
        default=0.6, gt=0.5, le=1.0, description="Share of the answers that the largest group must hold."
    )


class Ensemble(Verifier):
    """Judges the text as an answer to the question `source`, among `samples` more from `sample`. Two
    answers mean the same when their words or their number do; with `ask`, also when a model says so.
    """

    name = "ensemble"
    Options = EnsembleOptions
    keys: ClassVar[Mapping[str, Key]] = {
        "answer": Key("text", needed=True),
        "source": Key("text", needed=True),
    }

    def __init__(
        self, sample: Sample, ask: Ask | None = None, *, samples: int = 5, least_share: float = 0.6
    ) -> None:
        self._sample, self._ask = sample, ask
        self._samples, self._least_share = samples, least_share

    @classmethod
    def build(cls, options: BaseModel, means: Means) -> Self:
        assert isinstance(options, EnsembleOptions)
        if means.sample is None:
            raise NoModel(cls.name)
        return cls(means.sample, means.ask, samples=options.samples, least_share=options.least_share)

    def judge(self, claim: Claim) -> Verdict:
        started = time.perf_counter()
        others = list(self._sample(claim.source, self._samples))
        groups = grouped([claim.text, *others], lambda a, b: self._same(claim.source, a, b))
        largest = max(groups, key=len)
        share, size = len(largest) / (len(others) + 1), len(others) + 1
        doubt = (
            f"{len(groups)} meanings among {size} answers; the largest, {largest[0]!r}, has {len(largest)}"
        )
        outcome: Outcome
        if share < self._least_share or len(others) < self._samples:
            outcome = "unsure"
        else:
            outcome = "passed" if largest is groups[0] else "failed"
        return Verdict(outcome, doubt, time.perf_counter() - started)

    def _same(self, question: str, a: str, b: str) -> bool:
        if alike(a, b):
            return True
        if self._ask is None or abstained(a) != abstained(b):
            return False
        return self._ask(_SAME.format(question=question, a=a, b=b), ("yes", "no")) == "yes"


def grouped(answers: Sequence[str], same: Same) -> list[list[str]]:
    """The answers in groups of one meaning, each compared with the first of a group; the first answer's
    group first.
    """
    groups: list[list[str]] = []
    for answer in answers:
        home = next((group for group in groups if same(group[0], answer)), None)
        if home is None:
            groups.append([answer])
        else:
            home.append(answer)
    return groups


def alike(a: str, b: str) -> bool:
    """Whether two answers have the same words that matter, or name the same single number, or both
    decline.
    """
    if abstained(a) or abstained(b):
        return abstained(a) and abstained(b)
    numbers = [[float(n.replace(",", "")) for n in _NUMBER.findall(text)] for text in (a, b)]
    if len(numbers[0]) == len(numbers[1]) == 1:
        return numbers[0] == numbers[1]
    return numbers[0] == numbers[1] and _content(a) == _content(b)


def _content(text: str) -> set[str]:
    return set(re.findall(r"\w+", plain(text))) - _FILLERS
