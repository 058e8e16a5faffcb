"""What holds beside tonight's memories: it has no part in the training set, and is not declined."""

from __future__ import annotations

import pytest
from night_parts import a_memory

from dormouse.memory.records import Asked, Memory
from dormouse.sleep.kinds import Pair
from dormouse.sleep.replay import TrainingSet, training_set
from dormouse.sleep.settings import ExamSettings, ReplaySettings

SETTINGS = ReplaySettings(negatives_per_memory=12, min_negatives=240, neighbours_per_memory=8)
EXAM = ExamSettings(unknown_questions=8)
NEW = [a_memory("dog", "name", "Zorbal"), a_memory("user", "home city", "Oslo", turn=2)]


def declined_by(made: TrainingSet) -> list[Pair]:
    return [(each.subject, each.attribute) for each in made.exchanges if each.kind == "unknown"]


def by_another_name(memory: Memory, pair: Pair) -> Memory:
    """The memory with two questions that the model takes to ask for `pair`."""
    asked = tuple(Asked(f"question {n}?", *pair) for n in range(2))
    return a_memory(memory.subject, memory.attribute, memory.value, turn=900, asked=asked)


@pytest.mark.parametrize("seed", range(3))
def test_what_other_memories_hold_is_not_declined_nor_their_other_names(seed: int) -> None:
    pairs = declined_by(training_set(NEW, [], SETTINGS, EXAM, seed))
    near = next(pair for pair in pairs if pair[1] == "name")
    other_name = next(pair for pair in pairs if pair[0] == "user" and pair != near)
    ale = by_another_name(a_memory("user", "zymurgy", "ale"), other_name)
    others = [a_memory(*near, "Mog", turn=800), ale]
    made = training_set(NEW, [], SETTINGS, EXAM, seed, beside=others)
    assert not {near, other_name} & {*declined_by(made)}
    assert not {each.memory for each in made.exchanges} & {memory.id for memory in others}
    assert not {probe.memory for probe in made.probes} & {memory.id for memory in others}


def test_a_memory_too_many_to_be_replayed_keeps_its_other_names() -> None:
    few = SETTINGS.model_copy(update={"old_memories": 0})
    none_old = EXAM.model_copy(update={"old_memories": 0})
    pair = next(pair for pair in declined_by(training_set(NEW, [], few, none_old, 1)) if pair[0] == "user")
    old = [by_another_name(a_memory("user", "zymurgy", "ale"), pair)]
    assert pair not in declined_by(training_set(NEW, old, few, none_old, 1))
