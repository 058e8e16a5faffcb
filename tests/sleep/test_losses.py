"""The losses against plain references in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dormouse.sleep.losses import Term, cross_entropy, replayed, top_k_divergence, unlikelihood

Array = NDArray[np.float64]


def log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(axis=1, keepdims=True)
    out: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return out


def drawn(seed: int, n: int = 9, vocabulary: int = 31) -> tuple[Array, Array]:
    """Logits [n, vocabulary] and weights [n]."""
    random = np.random.default_rng(seed)
    return random.normal(size=(n, vocabulary)) * 2, random.uniform(0, 3, n)


def as_torch(array: Array) -> torch.Tensor:
    return torch.tensor(array, dtype=torch.float32)


@pytest.mark.parametrize("seed", range(3))
def test_cross_entropy_is_the_weighted_mean(seed: int) -> None:
    logits, weight = drawn(seed)
    target = np.random.default_rng(seed + 50).integers(0, logits.shape[1], len(logits))
    losses = -log_softmax(logits)[np.arange(len(target)), target]
    wanted = (losses * weight).sum() / weight.sum()
    found = cross_entropy(as_torch(logits), torch.tensor(target), as_torch(weight))
    assert found.item() == pytest.approx(wanted, rel=1e-5)


def test_cross_entropy_is_computed_in_float32() -> None:
    logits, weight = drawn(0)
    half = as_torch(logits).bfloat16()
    target = torch.zeros(len(logits), dtype=torch.long)
    found = cross_entropy(half, target, as_torch(weight))
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(cross_entropy(half.float(), target, as_torch(weight)).item())


def test_weights_of_zero_leave_nothing() -> None:
    logits, _ = drawn(0)
    target, none = torch.zeros(len(logits), dtype=torch.long), torch.zeros(len(logits))
    assert cross_entropy(as_torch(logits), target, none).item() == 0.0


def stored(seed: int, k: int, n: int = 9, vocabulary: int = 31) -> tuple[NDArray[np.int64], Array, Array]:
    """The top-k ids and log-probabilities of a random distribution, and the whole of it."""
    whole = log_softmax(np.random.default_rng(seed + 100).normal(size=(n, vocabulary)) * 2)
    ids = np.argsort(-whole, axis=1)[:, :k]
    return ids, np.take_along_axis(whole, ids, axis=1), whole


def bucketed(logits: Array, ids: NDArray[np.int64], logprobs: Array, weight: Array) -> float:
    """KL over the k stored tokens and one bucket for the others, row by row."""
    rows = log_softmax(logits)
    total = 0.0
    for row, chosen, known, w in zip(rows, ids, logprobs, weight, strict=True):
        used = np.isfinite(known)
        p, q = np.exp(known[used]), np.exp(row[chosen[used]])
        tail_p, tail_q = 1 - p.sum(), 1 - q.sum()
        total += w * ((p * np.log(p / q)).sum() + tail_p * np.log(tail_p / tail_q))
    return float(total / weight.sum())


def divergence(logits: Array, ids: NDArray[np.int64], logprobs: Array, weight: Array) -> float:
    return top_k_divergence(as_torch(logits), torch.tensor(ids), as_torch(logprobs), as_torch(weight)).item()


@pytest.mark.parametrize("k", [1, 4, 16])
def test_divergence_has_one_bucket_for_the_tail(k: int) -> None:
    logits, weight = drawn(1)
    ids, logprobs, _ = stored(1, k)
    wanted = bucketed(logits, ids, logprobs, weight)
    assert divergence(logits, ids, logprobs, weight) == pytest.approx(wanted, rel=1e-4)


def test_unused_places_count_for_nothing() -> None:
    logits, weight = drawn(2)
    ids, logprobs, _ = stored(2, 6)
    logprobs[:4, 3:] = -np.inf
    ids[:4, 3:] = 0
    wanted = bucketed(logits, ids, logprobs, weight)
    assert divergence(logits, ids, logprobs, weight) == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_divergence_is_under_that_of_whole_distributions_and_zero_for_the_same(seed: int) -> None:
    logits, weight = drawn(seed)
    ids, logprobs, whole = stored(seed, 5)
    full = (np.exp(whole) * (whole - log_softmax(logits))).sum(axis=1)
    assert 0 < divergence(logits, ids, logprobs, weight) < (full * weight).sum() / weight.sum()
    assert divergence(whole, ids, logprobs, weight) == pytest.approx(0.0, abs=1e-5)


def test_gradients_are_finite_where_nothing_is_stored_and_where_all_is() -> None:
    """-inf where unused, and a tail of nothing, must not become NaN on the way back."""
    logits = as_torch(drawn(3, n=2)[0]).requires_grad_()
    ids = torch.tensor([[1, 0, 0], [2, 3, 4]])
    inf = float("inf")
    logprobs = torch.tensor([[0.0, -inf, -inf], [-inf, -inf, -inf]])
    top_k_divergence(logits, ids, logprobs, torch.ones(2)).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[0].abs().sum() > 0


@pytest.mark.parametrize("seed", range(3))
def test_the_terms_of_a_step_count_by_their_tokens_and_factors(seed: int) -> None:
    """alpha and beta against the plain sum over tokens, in float64."""
    logits, _ = drawn(seed)
    ids, logprobs, _ = stored(seed, 4)
    target = np.random.default_rng(seed + 9).integers(0, logits.shape[1], len(logits))
    ones = np.ones(3)
    nll = -log_softmax(logits)[np.arange(9), target]
    new, again = nll[:3].mean(), nll[3:6].mean()
    dark = bucketed(logits[6:], ids[6:], logprobs[6:], ones)
    wanted = (3 * new + 3 * 0.5 * again + 3 * 2.0 * dark) / 9
    z, t, w = as_torch(logits), torch.tensor(target), torch.ones(3)
    found = replayed(
        [
            Term(cross_entropy(z[:3], t[:3], w), 1.0, 3),
            Term(cross_entropy(z[3:6], t[3:6], w), 0.5, 3),
            Term(top_k_divergence(z[6:], torch.tensor(ids[6:]), as_torch(logprobs[6:]), w), 2.0, 3),
        ]
    )
    assert found.item() == pytest.approx(wanted, rel=1e-4)
    assert replayed([]).item() == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_unlikelihood_is_the_chance_of_any_wrong_token(seed: int) -> None:
    logits, weight = drawn(seed)
    wrong = np.random.default_rng(seed).permuted(np.tile(np.arange(31), (9, 1)), axis=1)[:, :3]
    wrong[0, 1:] = -1
    q = np.exp(log_softmax(logits))
    mass = np.array([q[n, [w for w in row if w >= 0]].sum() for n, row in enumerate(wrong)])
    wanted = (-np.log(1 - mass) * weight).sum() / weight.sum()
    found = unlikelihood(as_torch(logits), torch.tensor(wrong), as_torch(weight))
    assert found.item() == pytest.approx(wanted, rel=1e-4)


def test_unlikelihood_pushes_a_wrong_token_down_and_is_finite_at_certainty() -> None:
    logits = torch.tensor([[200.0, 0.0, 0.0], [0.0, 1.0, 0.0]], requires_grad=True)
    loss = unlikelihood(logits, torch.tensor([[0], [1]]), torch.ones(2))
    loss.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert logits.grad[1, 1] > 0 > logits.grad[1, 0]
