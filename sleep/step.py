"""One step of training over a packed row: its loss, and what a model says of answers it has learnt.

Promise: each example counts in its own term of the loss. Knows models and packs; nothing of optimisers, files
or nights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from .below import TOKENS_AT_A_TIME, Below
from .losses import (
    Term,
    cross_entropy,
    likeliest,
    log_probabilities,
    replayed,
    top_k_divergence,
    unlikelihood,
)
from .packing import DARK, OLD, STORED, alike, pack

if TYPE_CHECKING:
    from .buffer import Top
    from .packing import Example, Pack

HEAD_MULTIPLE = 32
_DISTILLED = ("anchor", "dark")


def step_loss(
    model: Any, pack: Pack, factors: Mapping[str, float], below: Below | None = None
) -> torch.Tensor:
    """The loss of one step (see losses.replayed): a scalar, in nats a token.

    `factors` are those of the terms: "new" and "stored" answers by cross-entropy, "anchor" and "dark" ones by
    their divergence from what is stored with them.
    """
    gamma = factors.get("contrast", 0.0)
    asked = _asked(pack, with_wrong=gamma > 0)
    log_q = log_probabilities(answer_logits(model, pack, below), asked.padded(HEAD_MULTIPLE))
    terms = []
    for name, factor in factors.items():
        rows = [i for i, owner in enumerate(pack.owner) if _term(pack.examples[owner]) == name]
        if not rows:  # "contrast" has none of its own
            continue
        weight = pack.weight[rows]
        if name in _DISTILLED:
            loss = top_k_divergence(log_q[rows, asked.top], asked.top_logprobs[rows], weight)
        else:
            loss = cross_entropy(log_q[rows, 0], weight)
        terms.append(Term(loss, factor, len(rows)))
    loss = replayed(terms)
    return loss + gamma * _contrast(pack, asked, log_q) if gamma else loss


@dataclass(frozen=True, slots=True)
class _Asked:
    """Of which tokens the probability is wanted at each of the N answer tokens: `ids` [N, 1 + K + W].

    First the answer's own token, then the K that are stored with it, their log-probabilities in
    `top_logprobs` [N, K] (nats, -inf where unused), then W that would be wrong, where `wrong` [N, W] says so.
    """

    ids: torch.Tensor
    top_logprobs: torch.Tensor
    wrong: torch.Tensor

    @property
    def top(self) -> slice:
        return slice(1, 1 + self.top_logprobs.shape[1])

    @property
    def avoided(self) -> slice:
        return slice(1 + self.top_logprobs.shape[1], None)

    def padded(self, multiple: int) -> torch.Tensor:
        """`ids` with rows of zeros up to a multiple, as `answer_logits` has."""
        return torch.nn.functional.pad(self.ids, (0, 0, 0, -len(self.ids) % multiple))


def _asked(pack: Pack, *, with_wrong: bool) -> _Asked:
    tops = [place for example in pack.examples for place in _stored(example)]
    wrongs = [place for example in pack.examples for place in _wrong(example, with_wrong)]
    k, w = max(map(len, tops)), max(map(len, wrongs))
    nowhere = float("-inf")
    ids = [
        [
            target,
            *(token for token, _ in top),
            *[0] * (k - len(top)),
            *wrong,
            *[0] * (w - len(wrong)),
        ]
        for target, top, wrong in zip(pack.target.tolist(), tops, wrongs, strict=True)
    ]
    logprobs = [[*(value for _, value in top), *[nowhere] * (k - len(top))] for top in tops]
    used = [[place < len(wrong) for place in range(w)] for wrong in wrongs]
    return _Asked(
        torch.tensor(ids),
        torch.tensor(logprobs, dtype=torch.float32).view(len(tops), k),
        torch.tensor(used, dtype=torch.bool).view(len(tops), w),
    )


def _stored(example: Example) -> Iterator[tuple[tuple[int, float], ...]]:
    """What is stored with each token of the answer: nothing, or the top-k."""
    answers = len(example.ids) - example.answer_start
    yield from example.top or [()] * answers


def _wrong(example: Example, wanted: bool) -> Iterator[tuple[int, ...]]:
    """The tokens that would be wrong at each token of the answer."""
    for place in range(len(example.ids) - example.answer_start):
        yield example.wrong if wanted and place == example.wrong_at else ()


def _contrast(pack: Pack, asked: _Asked, log_q: torch.Tensor) -> torch.Tensor:
    """Unlikelihood of how other memories' values begin, by its share of all answer tokens."""
    rows = asked.wrong.any(dim=1).nonzero()[:, 0]
    if not len(rows):
        return torch.zeros((), dtype=torch.float32)
    loss = unlikelihood(log_q[rows][:, asked.avoided], asked.wrong[rows], pack.weight[rows])
    return len(rows) / len(pack.owner) * loss


def _term(example: Example) -> str:
    if example.top:
        return "dark" if example.kind == DARK else "anchor"
    return "stored" if example.kind in (STORED, OLD) else "new"


def answer_logits(model: Any, pack: Pack, below: Below | None = None) -> torch.Tensor:
    """Logits [M, vocabulary] whose first N rows predict the N answer tokens; the others are padding.

    `below` remembers the blocks not trained. The output head runs on the answer positions only: it is a fifth
    of a small model's cost. M is a multiple of `HEAD_MULTIPLE`, so that matrix kernels are compiled for few
    shapes.
    """
    hidden = (below or Below(model, 0)).last_hidden(pack)[pack.source]
    logits: torch.Tensor = model.lm_head(
        torch.nn.functional.pad(hidden, (0, 0, 0, -len(hidden) % HEAD_MULTIPLE))
    )
    return logits


def distributions(model: Any, examples: Sequence[Example], top_k: int) -> list[Top]:
    """For each example, the `top_k` likeliest tokens (id, nats) at each token of its answer, best first."""
    places = {id(example): place for place, example in enumerate(examples)}
    found: list[list[tuple[tuple[int, float], ...]]] = [[] for _ in examples]
    for some in alike(examples, TOKENS_AT_A_TIME):
        row = pack(some, torch.bfloat16)
        with torch.no_grad():
            logprobs, ids = likeliest(answer_logits(model, row), top_k)
        for owner, *best in zip(row.owner, ids.tolist(), logprobs.tolist(), strict=False):
            top = tuple((token, round(value, 4)) for token, value in zip(*best, strict=True))
            found[places[id(row.examples[owner])]].append(top)
    return [tuple(top) for top in found]
