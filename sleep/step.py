"""One step of training over a packed row: its loss, and what a model says of answers it has learnt.

Promise: each example counts in its own term of the loss. Knows models and packs; nothing of optimisers, files
or nights.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from .below import Below
from .losses import Term, cross_entropy, replayed, top_k_divergence, unlikelihood
from .packing import DARK, OLD, STORED, batches, pack

if TYPE_CHECKING:
    from .buffer import Top
    from .packing import Example, Pack

HEAD_MULTIPLE = 64
_DISTILLED = ("anchor", "dark")


def step_loss(
    model: Any, pack: Pack, factors: Mapping[str, float], below: Below | None = None
) -> torch.Tensor:
    """The loss of one step (see losses.replayed): a scalar, in nats a token.

    `factors` are those of the terms: "new" and "stored" answers by cross-entropy, "anchor" and "dark" ones by
    their divergence from what is stored with them.
    """
    logits = answer_logits(model, pack, below)
    terms = []
    for name, factor in factors.items():
        rows = [i for i, owner in enumerate(pack.owner) if _term(pack.examples[owner]) == name]
        if not rows:  # "contrast" has none of its own
            continue
        if name in _DISTILLED:
            ids, logprobs = _stored(pack, rows)
            loss = top_k_divergence(logits[rows], ids, logprobs, pack.weight[rows])
        else:
            loss = cross_entropy(logits[rows], pack.target[rows], pack.weight[rows])
        terms.append(Term(loss, factor, len(rows)))
    loss = replayed(terms)
    gamma = factors.get("contrast", 0.0)
    return loss + gamma * _contrast(pack, logits) if gamma else loss


def _contrast(pack: Pack, logits: torch.Tensor) -> torch.Tensor:
    """Unlikelihood of how other memories' values begin, by its share of all answer tokens."""
    begun: dict[int, int] = {}
    for row, owner in enumerate(pack.owner):
        begun.setdefault(owner, row)
    examples = pack.examples
    rows = [begun[owner] + examples[owner].wrong_at for owner in begun if examples[owner].wrong]
    if not rows:
        return torch.zeros((), dtype=torch.float32)
    chosen = [examples[pack.owner[row]].wrong for row in rows]
    width = max(len(tokens) for tokens in chosen)
    wrong = torch.tensor([[*tokens, *[-1] * (width - len(tokens))] for tokens in chosen])
    return len(rows) / len(pack.owner) * unlikelihood(logits[rows], wrong, pack.weight[rows])


def _term(example: Example) -> str:
    if example.top:
        return "dark" if example.kind == DARK else "anchor"
    return "stored" if example.kind in (STORED, OLD) else "new"


def answer_logits(model: Any, pack: Pack, below: Below | None = None) -> torch.Tensor:
    """Logits [N, vocabulary] that predict the N answer tokens; `below` remembers the blocks not trained.

    The output head runs on the answer positions only: it is a fifth of a small model's cost.
    """
    hidden = (below or Below(model, 0)).last_hidden(pack)[pack.source]
    missing = -len(hidden) % HEAD_MULTIPLE  # few shapes, so that matrix kernels are compiled once
    logits: torch.Tensor = model.lm_head(torch.nn.functional.pad(hidden, (0, 0, 0, missing)))[: len(hidden)]
    return logits


def _stored(pack: Pack, rows: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """The stored distributions of the targets in `rows`: ids and log-probabilities, [N, K] each."""
    first: dict[int, int] = {}
    for row, owner in enumerate(pack.owner):
        first.setdefault(owner, row)
    tops = [pack.examples[pack.owner[row]].top[row - first[pack.owner[row]]] for row in rows]
    width = max(len(top) for top in tops)
    ids = torch.zeros((len(rows), width), dtype=torch.long)
    logprobs = torch.full((len(rows), width), float("-inf"))
    for index, top in enumerate(tops):
        ids[index, : len(top)] = torch.tensor([token for token, _ in top])
        logprobs[index, : len(top)] = torch.tensor([value for _, value in top])
    return ids, logprobs


def distributions(model: Any, examples: Sequence[Example], top_k: int, tokens_per_step: int) -> list[Top]:
    """For each example, the `top_k` likeliest tokens (id, nats) at each token of its answer, best first."""
    places = {id(example): place for place, example in enumerate(examples)}
    found: list[list[tuple[tuple[int, float], ...]]] = [[] for _ in examples]
    for step in batches(examples, tokens_per_step, random.Random(0)):
        row = pack(step, torch.bfloat16)
        with torch.no_grad():
            logprobs = torch.log_softmax(answer_logits(model, row).float(), dim=-1)
            best = torch.topk(logprobs, min(top_k, logprobs.shape[-1]), dim=-1)
        for owner, values, ids in zip(row.owner, best.values.tolist(), best.indices.tolist(), strict=True):
            likeliest = tuple((token, round(value, 4)) for token, value in zip(ids, values, strict=True))
            found[places[id(row.examples[owner])]].append(likeliest)
    return [tuple(top) for top in found]
