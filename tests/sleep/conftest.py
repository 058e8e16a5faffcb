"""What the tests of training share: a tiny model saved as training reads it, examples, a job."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dormouse.sleep.packing import Example
from dormouse.sleep.worker import Job

Examples = Callable[..., list[Example]]


def made_examples(seed: int = 0, count: int = 6, vocabulary: int = 288) -> list[Example]:
    """Random examples under two system prompts, some of them anchors, of unequal lengths and weights."""
    rng = random.Random(seed)

    def ids(length: int) -> tuple[int, ...]:
        return tuple(rng.randrange(3, vocabulary) for _ in range(length))

    prompts = {"a": ids(11), "b": ids(7)}
    out = []
    for number in range(count):
        name = "ab"[number % 3 == 2]
        asked, answer = prompts[name] + ids(rng.randint(2, 14)), ids(rng.randint(1, 6))
        example = Example(asked + answer, len(asked), "new", weight=rng.choice((0.5, 1.0, 2.0)), prompt=name)
        if number % 3 == 1:
            top = tuple(
                tuple((token, -0.7 - 0.9 * at) for at, token in enumerate(rng.sample(range(vocabulary), 3)))
                for _ in answer
            )
            example = replace(example, kind="anchor", top=top)
        out.append(example)
    return out


@pytest.fixture
def examples() -> Examples:
    return made_examples


@pytest.fixture(scope="session")
def tiny_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random llama in the form that training reads."""
    from tiny_torch import KINDS, tiny_model

    folder = tmp_path_factory.mktemp("copy")
    tiny_model(KINDS["llama"]).save_pretrained(folder)
    return folder


@pytest.fixture
def job(tiny_copy: Path) -> Job:
    return Job(
        model=str(tiny_copy),
        start_from=None,
        rank=4,
        alpha=8.0,
        first_layer=0,
        learning_rate=5e-3,
        epochs=6.0,
        tokens_per_step=60,
        warmup_share=0.1,
        weight_decay=0.0,
        anchor_weight=1.0,
        max_grad_norm=1.0,
        seed=3,
        threads=1,
        nice=0,
    )
