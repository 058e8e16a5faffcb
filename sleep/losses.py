"""The losses of consolidation, as pure functions of what a model gives chosen tokens.

Each states its equation and source. Knows nothing about models, data or optimisers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_ROWS_AT_A_TIME = 16  # as wide as the vocabulary: in float32 a few megabytes, which stay in the cache


class _LogProbabilities(torch.autograd.Function):
    """`log softmax(z)[ids]` without the whole of it, forwards and backwards.

    d/dz_j of sum_k g_k log q_k is g_j (where j is one of the ids) - q_j sum_k g_k. Written out because
    autograd makes five arrays as wide as the vocabulary of it, which was a fourth of a step on a CPU.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, ids: Tensor) -> Tensor:
        normaliser = torch.cat(
            [_log_sum_exp(_as_float32(part)) for part in torch.split(logits, _ROWS_AT_A_TIME)]
        )
        ctx.save_for_backward(logits, ids, normaliser)
        return logits.gather(1, ids).float() - normaliser[:, None]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        logits, ids, normaliser = ctx.saved_tensors
        out = torch.empty_like(logits)
        parts = (torch.split(each, _ROWS_AT_A_TIME) for each in (logits, ids, normaliser, grads[0], out))
        for z, index, total, grad, place in zip(*parts, strict=True):
            q = _as_float32(z).sub_(total[:, None]).exp_()
            place.copy_(q.mul_(-grad.sum(dim=1, keepdim=True)).scatter_add_(1, index, grad))
        return out, None


def _as_float32(z: Tensor) -> Tensor:
    """A copy, to be overwritten."""
    return z.to(torch.float32, copy=True)


def _log_sum_exp(z: Tensor) -> Tensor:
    """log sum_j exp z_ij, of a `z` [N, V] that is overwritten (torch's own makes two copies of it)."""
    largest = z.amax(dim=1)
    return z.sub_(largest[:, None]).exp_().sum(dim=1).log_().add_(largest)


def log_probabilities(logits: Tensor, ids: Tensor) -> Tensor:
    """log softmax(z_i)[ids_ik]: what the model gives the tokens asked for, in nats.

    logits [N, V] (any float dtype; computed in float32), ids [N, K] int64; returns [N, K] float32.
    """
    picked: Tensor = _LogProbabilities.apply(logits, ids)  # type: ignore[no-untyped-call]
    return picked


def likeliest(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The `k` likeliest tokens of each row of `logits` [N, V], best first; fewer where V is less.

    Returns their log-probabilities (nats, float32) and ids, [N, k] each.
    """
    rows = []
    for part in torch.split(logits, _ROWS_AT_A_TIME):
        best = part.float().topk(min(k, part.shape[1]), dim=1)
        rows.append((best.values - _log_sum_exp(_as_float32(part))[:, None], best.indices))
    values, ids = zip(*rows, strict=True)
    return torch.cat(values), torch.cat(ids)


def cross_entropy(log_q: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean negative log-likelihood: sum_i w_i * -log q_i / sum_i w_i.

    log_q [N], nats, of the right tokens; weight [N] >= 0; returns a scalar in nats.
    """
    return -(log_q * weight).sum() / weight.sum().clamp_min(1e-9)


def top_k_divergence(log_q: Tensor, top_logprobs: Tensor, weight: Tensor) -> Tensor:
    """KL(stored || model) with the stored top-k and one bucket for the tail (a lower bound of the full KL).

    KL = sum_k p_k (log p_k - log q_k) + p_t (log p_t - log q_t), with p_t = 1 - sum_k p_k and q_t likewise,
    after the stored-logit distance of Dark Experience Replay (Buzzega et al. 2020, arXiv:2004.07211, eq.
    5-6). log_q [N, K], nats, of the stored tokens; top_logprobs [N, K], nats, -inf where unused; weight [N];
    a scalar in nats.
    """
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


def unlikelihood(log_q: Tensor, wrong: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of -log(1 - sum_k q_k): what is wrongly likely is pushed down.

    Unlikelihood (Welleck et al. 2020, arXiv:1908.04319, eq. 4) of a set of tokens taken together. log_q
    [N, K], nats, each row's own tokens once; wrong [N, K] bool, whether a place is used; weight [N]; a scalar
    in nats.
    """
    mass = torch.where(wrong, log_q.exp(), torch.zeros_like(log_q)).sum(dim=1)
    each = -(1.0 - mass).clamp_min(1e-6).log()
    return (each * weight).sum() / weight.sum().clamp_min(1e-9)
