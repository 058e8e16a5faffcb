"""`ensemble`: several answers to the same question, grouped by meaning; disagreement is doubt.

Promise: an answer passes only when the largest group holds it and is large enough. That models agree is no
proof: they may be wrong together.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .abc import Ask, Claim, Key, Means, OtherModel, Outcome, Sample, Verdict, Verifier, tokens_of
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
    """How many answers are drawn, of which models, and how many of them must agree."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    samples: int = Field(default=5, ge=2, le=100, description="Answers drawn, beside the one judged.")
    least_share: float = Field(
        default=0.6, gt=0.5, le=1.0, description="Share of the answers that the largest group must hold."
    )
    models: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(),
        max_length=16,
        description="The models that answer in turn, each `embedded`, the path of a GGUF file or "
        "hf://owner/repo/file.gguf; none for the agent's own. Each is opened when it is first asked.",
    )

    @model_validator(mode="after")
    def _each_is_asked(self) -> Self:
        if len(self.models) > self.samples:
            raise ValueError(f"{self.samples} samples cannot be drawn of {len(self.models)} models")
        return self


class Ensemble(Verifier):
    """Judges the text as an answer to the question `source`, among `samples` more, shared evenly by the
    models `drawn_of`. Two answers mean the same when their words or their number do; with `ask`, also when a
    model says so.
    """

    name = "ensemble"
    Options = EnsembleOptions
    keys: ClassVar[Mapping[str, Key]] = {
        "answer": Key("text", needed=True),
        "source": Key("text", needed=True),
    }

    paths = ("models",)

    def __init__(
        self,
        drawn_of: Sequence[Sample],
        ask: Ask | None = None,
        *,
        samples: int = 5,
        least_share: float = 0.6,
        owned: Sequence[OtherModel] = (),
    ) -> None:
        self._drawn_of, self._ask, self._owned = drawn_of, ask, owned
        self._samples, self._least_share = samples, least_share

    @classmethod
    def build(cls, options: BaseModel, means: Means) -> Self:
        assert isinstance(options, EnsembleOptions)
        if (means.other if options.models else means.sample) is None:
            raise NoModel(cls.name)
        own = [means.other(model) for model in dict.fromkeys(options.models)] if means.other else []
        drawn_of: Sequence[Sample] = own or ([means.sample] if means.sample else [])
        return cls(drawn_of, means.ask, samples=options.samples, least_share=options.least_share, owned=own)

    def close(self) -> None:
        for model in self._owned:
            model.close()

    def judge(self, claim: Claim) -> Verdict:
        started = time.perf_counter()
        others = self._drawn(claim.source)
        asked: list[str] = []

        def same(a: str, b: str) -> bool:
            return alike(a, b) or self._said_same(claim.source, a, b, asked)

        groups = grouped([claim.text, *others], same)
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
        return Verdict(outcome, doubt, time.perf_counter() - started, tokens=tokens_of(*others, *asked))

    def _drawn(self, question: str) -> list[str]:
        """Answers of the models, of the first ones one more where they cannot be shared evenly."""
        each, more = divmod(self._samples, len(self._drawn_of))
        counts = [each + (place < more) for place in range(len(self._drawn_of))]
        return [
            answer
            for sample, count in zip(self._drawn_of, counts, strict=True)
            for answer in sample(question, count)
        ]

    def _said_same(self, question: str, a: str, b: str, asked: list[str]) -> bool:
        """Whether a model says so; its words go to `asked`."""
        if self._ask is None or abstained(a) != abstained(b):
            return False
        asked.append(self._ask(_SAME.format(question=question, a=a, b=b), ("yes", "no")))
        return asked[-1] == "yes"


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
