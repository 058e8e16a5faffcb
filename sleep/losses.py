"""The losses of consolidation, as pure functions of logits and targets.

Each states its equation and source. Knows nothing about models, data or optimisers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean negative log-likelihood: sum_i w_i * -log softmax(z_i)[y_i] / sum_i w_i.

    logits [N, V] (any float dtype; computed in float32), target [N] int64, weight [N] >= 0; returns a scalar
    in nats.
    """
    losses = functional.cross_entropy(logits.float(), target, reduction="none")
    return (losses * weight).sum() / weight.sum().clamp_min(1e-9)


def top_k_divergence(logits: Tensor, top_ids: Tensor, top_logprobs: Tensor, weight: Tensor) -> Tensor:
    """KL(stored || model) with the stored top-k and one bucket for the tail (a lower bound of the full KL).

    KL = sum_k p_k (log p_k - log q_k) + p_t (log p_t - log q_t), with p_t = 1 - sum_k p_k and q_t likewise,
    after the stored-logit distance of Dark Experience Replay (Buzzega et al. 2020, arXiv:2004.07211, eq.
    5-6). logits [N, V]; top_ids [N, K] int64; top_logprobs [N, K], nats, -inf where unused; weight [N]; a
    scalar in nats.
    """
    log_q = torch.log_softmax(logits.float(), dim=-1).gather(1, top_ids)
    p = top_logprobs.exp()
    tail_p = (1.0 - p.sum(dim=1)).clamp_min(1e-6)
    used = p > 0
    tail_q = (1.0 - torch.where(used, log_q.exp(), torch.zeros_like(p)).sum(dim=1)).clamp_min(1e-6)
    inside = torch.where(
        used, p * (torch.where(used, top_logprobs, torch.zeros_like(p)) - log_q), torch.zeros_like(p)
    )
    each = inside.sum(dim=1) + tail_p * (tail_p.log() - tail_q.log())
    return (each * weight).sum() / weight.sum().clamp_min(1e-9)


@dataclass(frozen=True, slots=True)
class Term:
    """One loss of a step: its mean (nats a token), its factor, and over how many tokens it was taken."""

    loss: Tensor
    factor: float
    tokens: int


def replayed(terms: Sequence[Term]) -> Tensor:
    """The loss of one step over new answers, anchors and two draws from the replay buffer; a scalar.

    L = sum_g n_g / N * f_g * L_g, N = sum_g n_g, with L_g the cross-entropy of new answers (f = 1), the
    divergence from stored distributions (f = alpha) and the cross-entropy of stored answers (f = beta): Dark
    Experience Replay with labels (DER++, Buzzega et al. 2020, arXiv:2004.07211, eq. 6). Its expectations are
    estimated over the tokens of one mixed step, so a term counts by its share of them; the divergence is
    `top_k_divergence`, a lower bound of that of whole distributions.
    """
    total = torch.zeros((), dtype=torch.float32)
    everything = max(1, sum(term.tokens for term in terms))
    for term in terms:
        total = total + term.tokens / everything * term.factor * term.loss
    return total


def unlikelihood(logits: Tensor, wrong: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of -log(1 - sum_k q[wrong_k]): what is wrongly likely is pushed down.

    Unlikelihood (Welleck et al. 2020, arXiv:1908.04319, eq. 4) of a set of tokens taken together. logits
    [N, V]; wrong [N, K] int64, each row's own tokens once, -1 where unused; weight [N]; a scalar in nats.
    """
    q = torch.softmax(logits.float(), dim=-1).gather(1, wrong.clamp_min(0))
    mass = torch.where(wrong >= 0, q, torch.zeros_like(q)).sum(dim=1)
    each = -(1.0 - mass).clamp_min(1e-6).log()
    return (each * weight).sum() / weight.sum().clamp_min(1e-9)
