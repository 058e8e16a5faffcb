"""What trains the naming that the package carries: the same file each time, and one that names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hashed_embedder import HashedEmbedder
from night_parts import a_memory
from safetensors import safe_open

from dormouse.memory.naming import Namer, Names
from dormouse.sleep import kinds, train_naming
from dormouse.sleep.naming import taught_names
from dormouse.sleep.questions import taught_name


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Sequence[kinds.Kind]:
    """Thirty kinds, with twenty questions each."""
    chosen = [kind for kind in kinds.bank() if len(kind.asked) >= 20][:30]
    monkeypatch.setattr(kinds, "bank", lambda: tuple(chosen))
    monkeypatch.setattr(kinds, "everyday_questions", dict)
    monkeypatch.setattr(kinds, "general_prompts", lambda: tuple(f"What is {n} times {n}?" for n in range(20)))
    monkeypatch.setattr(train_naming, "_MOST_MEMORIES", 6)
    monkeypatch.setattr(train_naming, "_SENTENCES", 300)
    torch.set_num_threads(1)
    return chosen


def made(out: Path) -> Namer:
    embedder = HashedEmbedder(96)
    train_naming.train(embedder, out, people=80, folds=2, seed=3, say=lambda line: None)
    with safe_open(out, "np") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return Namer(embedder, file.metadata()["kinds"].split("\n"), weights)


def test_it_makes_the_same_file_again_and_that_names_what_is_asked_for(
    few: Sequence[kinds.Kind], tmp_path: Path
) -> None:
    namer = made(tmp_path / "one.safetensors")
    made(tmp_path / "two.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()

    told, untold = few[:5], few[15:]
    names = Names(taught_names([a_memory(*kind.key, "Zorbal") for kind in told]), namer)
    right = [
        meant.names[0] == taught_name(*kind.key) for kind in told for meant in names.asked_for(kind.asked)
    ]
    likely = [meant.likely for kind in told for meant in names.asked_for(kind.asked)]
    never = [meant.likely for kind in untold for meant in names.asked_for(kind.asked)]
    assert np.mean(right) > 0.4  # of five; a hash of words is a poor encoder
    assert np.mean(likely) > 1.5 * np.mean(never)

    telling = [text for text in kinds.talk_without_facts() if "?" not in text][:100]
    asks = [namer.asking(list(words)) for words in (few[-1].asked, telling)]
    assert np.mean(asks[0]) > 2 * np.mean(asks[1])


def test_what_is_asked_of_made_up_people_was_not_trained_on(
    few: Sequence[kinds.Kind], monkeypatch: pytest.MonkeyPatch
) -> None:
    import random

    trained: list[np.ndarray] = []
    head = train_naming.train_head

    def remembering(bank: train_naming.Bank, chosen: np.ndarray, epochs: int = 15) -> object:
        trained.append(chosen)
        return head(bank, chosen, epochs)

    asked: list[int] = []
    person = train_naming._Life.person

    def listening(life: train_naming._Life) -> object:
        memories, rows, asks = person(life)
        asked.extend(rows)
        return memories, rows, asks

    monkeypatch.setattr(train_naming, "train_head", remembering)
    monkeypatch.setattr(train_naming._Life, "person", listening)
    bank = train_naming.read_bank(HashedEmbedder(96))
    train_naming.made_up_people(bank, 6, random.Random(0))
    (chosen,) = trained
    assert asked
    assert not chosen[asked].any()
    never_seen = {*bank.kind.tolist()} - {*bank.kind[chosen].tolist()}
    assert len(never_seen) == 6  # a fifth of thirty
