"""The losses against plain references in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dormouse.sleep.losses import (
    Term,
    cross_entropy,
    likeliest,
    log_probabilities,
    replayed,
    top_k_divergence,
    unlikelihood,
)

Array = NDArray[np.float64]


def log_softmax(logits: Array) -> Array:
    shifted = logits - logits.max(axis=1, keepdims=True)
    out: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return out


def drawn(seed: int, n: int = 9, vocabulary: int = 31) -> tuple[Array, Array]:
    """Logits [n, vocabulary] and weights [n]."""
    random = np.random.default_rng(seed)
    return random.normal(size=(n, vocabulary)) * 2, random.uniform(0, 3, n)


def of(logits: torch.Tensor, target: NDArray[np.int64]) -> torch.Tensor:
    """What the logits give each row's target."""
    return log_probabilities(logits, torch.tensor(target)[:, None])[:, 0]


def as_torch(array: Array) -> torch.Tensor:
    return torch.tensor(array, dtype=torch.float32)


@pytest.mark.parametrize("seed", range(3))
def test_cross_entropy_is_the_weighted_mean(seed: int) -> None:
    logits, weight = drawn(seed)
    target = np.random.default_rng(seed + 50).integers(0, logits.shape[1], len(logits))
    losses = -log_softmax(logits)[np.arange(len(target)), target]
    wanted = (losses * weight).sum() / weight.sum()
    found = cross_entropy(of(as_torch(logits), target), as_torch(weight))
    assert found.item() == pytest.approx(wanted, rel=1e-5)


def test_weights_of_zero_leave_nothing() -> None:
    logits, _ = drawn(0)
    none = torch.zeros(len(logits))
    assert cross_entropy(of(as_torch(logits), np.zeros(len(logits), dtype=np.int64)), none).item() == 0.0


@pytest.mark.parametrize("rows", [1, 15, 16, 17, 40])
def test_log_probabilities_and_their_gradient_are_those_of_a_softmax(rows: int) -> None:
    """Of a token asked for twice, too; and nothing is left of the logits' scale, which may be large."""
    logits, _ = drawn(rows, n=rows)
    ids = np.random.default_rng(rows).integers(0, 31, (rows, 6))
    ids[:, 5] = ids[:, 0]
    upstream = np.random.default_rng(rows + 1).normal(size=ids.shape)
    z = as_torch(logits + 300).requires_grad_()
    found = log_probabilities(z, torch.tensor(ids))
    found.backward(as_torch(upstream))  # type: ignore[no-untyped-call]
    whole = log_softmax(logits)
    wanted = -np.exp(whole) * upstream.sum(axis=1, keepdims=True)
    for k in range(ids.shape[1]):
        wanted[np.arange(rows), ids[:, k]] += upstream[:, k]
    assert z.grad is not None
    np.testing.assert_allclose(found.detach().numpy(), np.take_along_axis(whole, ids, axis=1), atol=1e-4)
    np.testing.assert_allclose(z.grad.numpy(), wanted, atol=1e-4)
    assert torch.equal(z.detach(), as_torch(logits + 300))  # it is read, not used up


def test_log_probabilities_are_computed_in_float32() -> None:
    half = as_torch(drawn(0, vocabulary=3000)[0]).bfloat16().requires_grad_()
    whole = half.detach().float().requires_grad_()
    ids = torch.zeros((len(half), 1), dtype=torch.long)
    found, wanted = log_probabilities(half, ids), log_probabilities(whole, ids)
    assert torch.equal(found, wanted)
    found.sum().backward()  # type: ignore[no-untyped-call]
    wanted.sum().backward()  # type: ignore[no-untyped-call]
    assert half.grad is not None
    assert whole.grad is not None
    assert torch.equal(half.grad, whole.grad.bfloat16())


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
    log_q = log_probabilities(as_torch(logits), torch.tensor(ids))
    return top_k_divergence(log_q, as_torch(logprobs), as_torch(weight)).item()


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
    top_k_divergence(log_probabilities(logits, ids), logprobs, torch.ones(2)).backward()  # type: ignore[no-untyped-call]
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
    w, log_q = torch.ones(3), of(as_torch(logits), target)
    log_dark = log_probabilities(as_torch(logits[6:]), torch.tensor(ids[6:]))
    found = replayed(
        [
            Term(cross_entropy(log_q[:3], w), 1.0, 3),
            Term(cross_entropy(log_q[3:6], w), 0.5, 3),
            Term(top_k_divergence(log_dark, as_torch(logprobs[6:]), w), 2.0, 3),
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
    log_q = log_probabilities(as_torch(logits), torch.tensor(wrong).clamp_min(0))
    found = unlikelihood(log_q, torch.tensor(wrong) >= 0, as_torch(weight))
    assert found.item() == pytest.approx(wanted, rel=1e-4)


def test_unlikelihood_pushes_a_wrong_token_down_and_is_finite_at_certainty() -> None:
    logits = torch.tensor([[200.0, 0.0, 0.0], [0.0, 1.0, 0.0]], requires_grad=True)
    log_q = log_probabilities(logits, torch.tensor([[0], [1]]))
    loss = unlikelihood(log_q, torch.ones((2, 1), dtype=torch.bool), torch.ones(2))
    loss.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert logits.grad[1, 1] > 0 > logits.grad[1, 0]


@pytest.mark.parametrize("k", [1, 3, 40])
def test_the_likeliest_come_best_first_with_their_log_probabilities(k: int) -> None:
    logits, _ = drawn(5, n=20)
    values, ids = likeliest(as_torch(logits).bfloat16(), k)
    whole = log_softmax(as_torch(logits).bfloat16().double().numpy())
    wanted = -np.sort(-whole, axis=1)[:, :k]
    np.testing.assert_allclose(values.numpy(), wanted, atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(whole, ids.numpy(), axis=1), wanted, atol=1e-5)
