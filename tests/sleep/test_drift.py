"""Drift: nothing for the same weights, more for others, and texts that no night trains on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scripted_engine import ScriptedEngine

from dormouse.memory.engine import Message, Mount
from dormouse.sleep.drift import KINDS, Drift, Passage, drift, nats, passages
from dormouse.sleep.replay import anchor_prompts

STACK = (Mount("a" * 16, Path("adapter.gguf")),)


class Scored(ScriptedEngine):
    """Gives each token of chat -2 nats, -3 with an adapter; of a text ln 4, twice that with one."""

    def tokenize(self, text: str, special: bool = True) -> list[int]:
        return [1 for _ in text.split()]

    def logits(
        self, token_ids: Sequence[int], *, adapters: Sequence[Mount] | None = None
    ) -> NDArray[np.float32]:
        return np.zeros((len(token_ids), 16 if adapters else 4), dtype=np.float32)

    def score(
        self, messages: Sequence[Message], answer: str, *, adapters: Sequence[Mount] | None = None
    ) -> tuple[float, ...]:
        return (-3.0 if adapters else -2.0,) * len(answer.split())


def measured(stack: Sequence[Mount], texts: Sequence[Passage]) -> dict[str, Drift]:
    bare, tuned = ([nats(Scored(), "Persona.", text, each) for text in texts] for each in ((), stack))
    return drift(texts, bare, tuned)


def test_the_ratio_is_that_of_perplexities() -> None:
    texts = [
        Passage("general", "one two three four"),
        Passage("general", "a b c"),
        Passage("chat", "yes", "so?"),
    ]
    found = measured(STACK, texts)
    assert found["general"].tokens == 3 + 2  # the first token of a text is given
    assert found["general"].base == pytest.approx(4.0)
    assert found["general"].ratio == pytest.approx(4.0)
    assert found["chat"].base == pytest.approx(math.exp(2))
    assert found["chat"].ratio == pytest.approx(math.e)
    assert [found["general"].low, found["general"].high] == pytest.approx([4.0, 4.0])


def test_the_bare_base_has_not_drifted() -> None:
    for found in measured((), passages()).values():
        assert found.ratio == pytest.approx(1.0)


def test_there_are_enough_texts_of_each_kind_and_no_anchor_among_them() -> None:
    texts = passages()
    for kind in KINDS:
        assert sum(passage.kind == kind for passage in texts) >= 8
    anchored = {prompt.casefold().strip(" ?.!") for prompt in anchor_prompts()}
    assert not anchored & {passage.question.casefold().strip(" ?.!") for passage in texts if passage.question}
