"""`ensemble` over several models: who answers how often, what it costs, and who is closed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pydantic import ValidationError

from dormouse.verifiers.abc import Claim, Means, Said
from dormouse.verifiers.declared import built, fault
from dormouse.verifiers.ensemble import EnsembleOptions
from dormouse.verifiers.errors import NoModel

CLAIM = Claim("Oslo", source="Capital of Norway?")


class Model:
    """Says one thing, for three tokens an answer."""

    def __init__(self, answer: str) -> None:
        self.answer, self.asked, self.closed = answer, 0, 0

    def __call__(self, question: str, count: int) -> Sequence[str]:
        self.asked += count
        return [Said(self.answer, 3)] * count

    def close(self) -> None:
        self.closed += 1


def test_several_models_share_the_samples_and_are_closed_with_it() -> None:
    models = {name: Model(answer) for name, answer in (("a", "Oslo"), ("b", "It is Oslo."), ("c", "Bergen"))}
    own = Model("Rome")
    ensemble = built(
        {"ensemble": {"samples": 5, "models": ["a", "b", "c"]}}, Means(sample=own, other=models.__getitem__)
    )
    verdict = ensemble.judge(CLAIM)
    assert {name: model.asked for name, model in models.items()} == {"a": 2, "b": 2, "c": 1}
    assert own.asked == 0
    assert (verdict.outcome, verdict.tokens) == ("passed", 15)
    assert verdict.evidence.startswith("2 meanings among 6 answers")
    ensemble.close()
    assert [model.closed for model in models.values()] == [1, 1, 1]


def test_models_that_disagree_are_doubt() -> None:
    models = {name: Model(name) for name in ("Oslo", "Bergen", "Rome")}
    ensemble = built({"ensemble": {"samples": 3, "models": list(models)}}, Means(other=models.__getitem__))
    assert ensemble.judge(CLAIM).outcome == "unsure"


def test_without_models_of_its_own_it_asks_the_agents_and_leaves_that_open() -> None:
    own = Model("Oslo")
    ensemble = built({"ensemble": {"samples": 2}}, Means(sample=own))
    assert ensemble.judge(CLAIM).passed and own.asked == 2
    ensemble.close()
    assert own.closed == 0


def test_what_a_model_is_asked_about_the_meaning_costs_too() -> None:
    ensemble = built(
        {"ensemble": {"samples": 2}},
        Means(sample=Model("the Norwegian capital"), ask=lambda question, choices: Said("yes", 7)),
    )
    assert ensemble.judge(CLAIM).tokens == 2 * 3 + 2 * 7


def test_more_models_than_samples_and_no_models_at_all_are_refused() -> None:
    with pytest.raises(ValidationError, match="2 samples cannot be drawn of 3 models"):
        EnsembleOptions(samples=2, models=("a", "b", "c"))
    said = fault({"ensemble": {"samples": 2, "models": ["a", "b", "c"]}})
    assert said is not None and "2 samples cannot be drawn of 3 models" in said
    with pytest.raises(NoModel):
        built({"ensemble": {"models": ["a"]}}, Means(sample=Model("Oslo")))


def test_the_critic_says_what_its_word_cost() -> None:
    critic = built("critic", Means(ask=lambda question, choices: Said("yes", 11)))
    verdict = critic.judge(Claim("a dog", source="I have a dog"))
    assert (verdict.outcome, verdict.tokens) == ("passed", 11)
