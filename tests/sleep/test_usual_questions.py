"""What most people ask for a kind of fact is kept for later nights before anything else."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from night_parts import a_memory

from dormouse.memory.records import Memory
from dormouse.sleep import kinds
from dormouse.sleep.kinds import words
from dormouse.sleep.replay import to_be_kept, training_set
from dormouse.sleep.settings import ExamSettings, ReplaySettings

SMALL = ReplaySettings(questions_per_memory=20, min_questions=0, negatives_per_memory=6, min_negatives=30)
EXAM = ExamSettings(questions_per_memory=2, unknown_questions=8, old_memories=3)


def usual_for(memory: Memory) -> set[tuple[str, ...]]:
    return {words(question) for question in kinds.asked_often()[memory.subject, memory.attribute]}


def asked_usually(questions: Iterable[str], memory: Memory) -> set[tuple[str, ...]]:
    """The usual questions among these, whatever they open with."""
    asked = [words(question) for question in questions]
    return {usual for usual in usual_for(memory) if any(each[-len(usual) :] == usual for each in asked)}


@pytest.mark.parametrize("seed", range(3))
def test_what_people_ask_most_is_what_is_kept_and_asked_for_anew(seed: int) -> None:
    few = SMALL.model_copy(update={"questions_per_old_memory": 6})
    job = a_memory("user", "job", "welder")
    made = training_set([job], [], SMALL, EXAM, seed)
    trained = asked_usually((each.question for each in made.exchanges if each.kind == "new"), job)
    assert len(trained) >= 6
    kept = [row.question for row in to_be_kept(made, few, seed) if row.memory == job.id]
    assert len(kept) == 6 and all(asked_usually([question], job) for question in kept)
    anew = training_set([a_memory("dog", "name", "Zorbal")], [job], few, EXAM, seed)
    again = [each.question for each in anew.exchanges if each.kind == "old" and each.memory == job.id]
    assert len(again) == 6 and all(asked_usually([question], job) for question in again)
