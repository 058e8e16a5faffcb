"""Drift: how much less likely a candidate finds plain text and plain chat than the bare base does.

Promise: both are asked the same texts through the wake engine, which no night trains on; the figure is a
ratio of perplexities with its interval over the texts. Knows nothing of exams' thresholds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Literal, NamedTuple, get_args

from ..memory.engine import Message, Mount, WakeEngine, log_softmax_at
from .intervals import mean_interval

DriftKind = Literal["general", "chat"]
KINDS: tuple[DriftKind, ...] = get_args(DriftKind)


@dataclass(frozen=True, slots=True)
class Passage:
    """A text to be scored: all of it, or the answer to a question."""

    kind: DriftKind
    text: str
    question: str = ""


class Nats(NamedTuple):
    """How unlikely a text is: in nats, over that many tokens."""

    nats: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Drift:
    """Over `texts` texts of `tokens` tokens in all: the base's perplexity, and the candidate's divided by it,
    with the ends of its 95% interval.
    """

    texts: int
    tokens: int
    base: float
    ratio: float
    low: float
    high: float


def passages() -> list[Passage]:
    """The texts, general ones first."""
    path = resources.files(__package__) / "data" / "exam_drift.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [Passage(r["kind"], r.get("text") or r["answer"], r.get("question", "")) for r in rows]


def drift(texts: Sequence[Passage], bare: Sequence[Nats], tuned: Sequence[Nats]) -> dict[str, Drift]:
    """The drift from `bare` to `tuned`, what the base and a candidate gave each text, for each kind there is.

    The ratio is exp of the mean difference of nats a token.
    """
    measured: dict[str, list[tuple[float, float, int]]] = {}
    for passage, before, after in zip(texts, bare, tuned, strict=True):
        if before.tokens:
            measured.setdefault(passage.kind, []).append((before.nats, after.nats, before.tokens))
    return {kind: _summed(rows) for kind, rows in measured.items()}


def nats(engine: WakeEngine, persona: str, passage: Passage, stack: Sequence[Mount]) -> Nats:
    """-sum_t log p(x_t | x_<t) of a text under `stack`. Raises EngineError."""
    logprobs = _logprobs(engine, persona, passage, stack)
    return Nats(-sum(logprobs), len(logprobs))


def _summed(rows: Sequence[tuple[float, float, int]]) -> Drift:
    tokens = sum(n for _, _, n in rows)
    differences = [(tuned - bare) / n for bare, tuned, n in rows]
    mean, low, high = mean_interval(differences, [float(n) for _, _, n in rows])
    base = math.exp(sum(bare for bare, _, _ in rows) / tokens)
    return Drift(len(rows), tokens, base, *(_exp(value) for value in (mean, low, high)))


def _exp(nats: float) -> float:
    return math.exp(min(nats, 700.0))  # a model that finds a text impossible is no overflow


def _logprobs(engine: WakeEngine, persona: str, passage: Passage, stack: Sequence[Mount]) -> Sequence[float]:
    if passage.question:
        asked = [Message("system", persona), Message("user", passage.question)]
        return engine.score(asked, passage.text, adapters=stack)
    ids = engine.tokenize(passage.text, special=False)
    logits = engine.logits(ids[:-1], adapters=stack)
    return list(map(float, log_softmax_at(logits, ids[1:])))
