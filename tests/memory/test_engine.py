"""What the engine's interface computes by itself."""

from __future__ import annotations

import numpy as np
import pytest

from dormouse.memory.engine import log_softmax_at


@pytest.mark.parametrize("offset", [0.0, 1e4, -1e4])
def test_log_probabilities_are_those_of_float64_wherever_the_logits_lie(offset: float) -> None:
    rng = np.random.default_rng(0)
    logits = (rng.standard_normal((7, 50_000)) * 5 + offset).astype(np.float32)
    ids = rng.integers(0, 50_000, 7).tolist()
    exact = logits.astype(np.float64)
    exact -= exact.max(axis=1, keepdims=True)
    exact -= np.log(np.exp(exact).sum(axis=1, keepdims=True))
    assert log_softmax_at(logits, ids) == pytest.approx(exact[np.arange(7), ids], abs=1e-6)


def test_of_no_rows_there_are_no_log_probabilities() -> None:
    assert log_softmax_at(np.zeros((0, 4), dtype=np.float32), []).shape == (0,)
