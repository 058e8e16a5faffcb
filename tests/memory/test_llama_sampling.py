"""How the next token is chosen from logits: filters as llama.cpp has them, one seed one answer."""

from __future__ import annotations

import ctypes
from collections import Counter
from typing import Any

import numpy as np
import pytest

from dormouse.memory.engine import Sampling
from dormouse.memory.errors import BadInput, EngineError
from dormouse.memory.llama_library import llama
from dormouse.memory.llama_sampling import Chooser, Grammar, candidates, gbnf

WORDS = 300


@pytest.fixture
def logits() -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(5).normal(0, 2, WORDS).astype(np.float32)


def by_llama(logits: np.ndarray[Any, Any], sampling: Sampling) -> dict[int, float]:
    """The same filters by llama.cpp's own samplers: id -> probability."""
    library = llama()
    data = (library.llama_token_data * WORDS)()
    for i in range(WORDS):
        data[i] = library.llama_token_data(i, float(logits[i]), 0.0)
    array = library.llama_token_data_array(data, WORDS, -1, False)
    chain = library.llama_sampler_chain_init(library.llama_sampler_chain_default_params())
    if sampling.top_k:
        library.llama_sampler_chain_add(chain, library.llama_sampler_init_top_k(sampling.top_k))
    if sampling.top_p < 1:
        library.llama_sampler_chain_add(chain, library.llama_sampler_init_top_p(sampling.top_p, 1))
    if sampling.min_p > 0:
        library.llama_sampler_chain_add(chain, library.llama_sampler_init_min_p(sampling.min_p, 1))
    library.llama_sampler_chain_add(chain, library.llama_sampler_init_temp(sampling.temperature))
    library.llama_sampler_chain_add(chain, library.llama_sampler_init_dist(1))
    library.llama_sampler_apply(chain, ctypes.byref(array))
    library.llama_sampler_free(chain)
    return {array.data[i].id: array.data[i].p for i in range(array.size)}


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(temperature=1.0),
        Sampling(temperature=0.7, top_k=10),
        Sampling(temperature=1.3, top_p=0.8),
        Sampling(temperature=1.0, top_p=0.0),
        Sampling(temperature=1.0, min_p=0.1),
        Sampling(temperature=0.5, top_k=40, top_p=0.6, min_p=0.05),
        Sampling(temperature=1.0, top_p=0.95, min_p=0.2),
        Sampling(temperature=1.0, top_k=WORDS * 2),
    ],
    ids=repr,
)
def test_filters_keep_what_llama_cpp_keeps(logits: np.ndarray[Any, Any], sampling: Sampling) -> None:
    ids, probabilities = candidates(logits, sampling)
    expected = by_llama(logits, sampling)
    assert sorted(ids.tolist()) == sorted(expected)
    assert probabilities.sum() == pytest.approx(1.0)
    assert {int(i): p for i, p in zip(ids, probabilities, strict=True)} == pytest.approx(expected, rel=1e-3)


def test_tokens_are_drawn_as_often_as_they_are_likely(logits: np.ndarray[Any, Any]) -> None:
    sampling = Sampling(temperature=0.8, top_k=5, seed=3)
    chooser = Chooser(sampling, None)
    drawn = Counter(chooser.choose(logits)[0] for _ in range(4000))
    ids, probabilities = candidates(logits, sampling)
    assert set(drawn) <= set(ids.tolist())
    for token, probability in zip(ids, probabilities, strict=True):
        assert drawn[int(token)] / 4000 == pytest.approx(probability, abs=0.03)


class Every(Grammar):
    """Allows every token of `allowed_ids`, at any place; notes how many it was asked about at a time."""

    def __init__(self, allowed_ids: list[int]) -> None:
        self.allowed_ids, self.asked_about = allowed_ids, Counter[int]()

    def allowed(self, tokens: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        self.asked_about[len(tokens)] += 1
        return np.isin(tokens, self.allowed_ids)

    def accept(self, token: int) -> None:
        assert token in self.allowed_ids


@pytest.mark.parametrize("best_is_allowed", [True, False])
def test_under_a_grammar_tokens_are_drawn_as_often_as_under_the_whole_mask(best_is_allowed: bool) -> None:
    words = 6000
    logits = np.random.default_rng(7).normal(0, 1, words).astype(np.float32)
    order = np.argsort(-logits)
    allowed = [order[2], order[40]] if best_is_allowed else []
    allowed += list(order[1500:3000:3])  # beyond those that are looked at beforehand
    grammar = Every([int(token) for token in allowed])
    chooser = Chooser(Sampling(temperature=1.3, seed=3), grammar)
    draws = 6000
    drawn = Counter(chooser.choose(logits)[0] for _ in range(draws))
    likely = np.exp((logits[grammar.allowed_ids].astype(np.float64) - logits.max()) / 1.3)
    expected = likely / likely.sum()
    for token, probability in list(zip(grammar.allowed_ids, expected, strict=True))[:2]:
        assert drawn[token] / draws == pytest.approx(probability, abs=4 * np.sqrt(probability / draws))
    first = sum(drawn[token] for token in grammar.allowed_ids[: len(allowed) // 2]) / draws
    wanted = expected[: len(allowed) // 2].sum()
    assert first == pytest.approx(wanted, abs=4 * np.sqrt(wanted / draws))
    assert grammar.asked_about[words] < draws / 100  # seldom about the whole vocabulary


def test_a_grammar_that_allows_hardly_anything_is_asked_about_everything() -> None:
    logits = np.zeros(6000, dtype=np.float32)
    logits[5999] = -30.0
    grammar = Every([5999])
    assert Chooser(Sampling(temperature=1.0), grammar).choose(logits)[0] == 5999
    assert grammar.asked_about[6000] == 1


def test_the_seed_is_all_that_decides(logits: np.ndarray[Any, Any]) -> None:
    def drawn(seed: int) -> list[int]:
        chooser = Chooser(Sampling(temperature=1.0, seed=seed), None)
        return [chooser.choose(logits)[0] for _ in range(20)]

    assert drawn(1) == drawn(1) != drawn(2)


def test_a_repeat_penalty_weakens_what_was_said(logits: np.ndarray[Any, Any]) -> None:
    penalised = Chooser(Sampling(repeat_penalty=5.0, top_logprobs=1), None)
    said = [penalised.choose(logits) for _ in range(3)]
    assert len({token for token, _, _ in said}) == 3
    best = int(logits.argmax())
    # What is reported stays the model's own.
    assert [top[0][0] for _, _, top in said] == [best] * 3
    assert said[0][1] == said[0][2][0][1] > said[1][1]
    plain = Chooser(Sampling(), None)
    assert [plain.choose(logits)[0] for _ in range(3)] == [best] * 3


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_logits_that_are_no_numbers_are_an_error(broken: float) -> None:
    with pytest.raises(EngineError, match="broken"), np.errstate(invalid="ignore"):
        Chooser(Sampling(), None).choose(np.array([0.0, broken, 1.0], dtype=np.float32))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"temperature": -1.0}, "temperature must be at least 0"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 1.5}, "top_p must be between 0 and 1, and it is 1.5"),
        ({"top_k": -1}, "top_k"),
        ({"min_p": 2.0}, "min_p"),
        ({"repeat_penalty": 0.0}, "repeat_penalty"),
        ({"max_tokens": 0}, "max_tokens must be at least 1"),
        ({"seed": -1}, "seed"),
        ({"top_logprobs": -1}, "top_logprobs"),
        ({"stop": ("",)}, "stop string"),
        ({"grammar": "root ::= [a]", "json_schema": "{}"}, "both"),
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        Sampling(**wrong)


def test_a_schema_becomes_a_grammar() -> None:
    assert gbnf(Sampling()) is None
    assert gbnf(Sampling(grammar="root ::= [a]")) == "root ::= [a]"
    made = gbnf(Sampling(json_schema='{"enum": ["a"]}'))
    assert made is not None and made.startswith("root ::=")
