"""Hard negatives: what the version to go on from would answer is declined first, and never what was told."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from night_parts import a_memory
from scripted_engine import ScriptedEngine

from dormouse.memory.engine import GREEDY, Completion, Message, Mount, Sampling, Token
from dormouse.memory.records import Asked, Memory
from dormouse.sleep import kinds
from dormouse.sleep.hard_negatives import SURE, declining, hard
from dormouse.sleep.kinds import Pair
from dormouse.sleep.neighbours import ask_about
from dormouse.sleep.questions import may_mean_the_same
from dormouse.sleep.replay import TrainingSet, training_set
from dormouse.sleep.settings import ExamSettings, NapTrainingSettings, ReplaySettings

SETTINGS = ReplaySettings(negatives_per_memory=12, min_negatives=240, neighbours_per_memory=8)
EXAM = ExamSettings(unknown_questions=8)
NEW = [a_memory("dog", "name", "Zorbal"), a_memory("user", "home city", "Oslo", turn=2)]
OLD = [
    a_memory(kind.subject, kind.attribute, f"v{n}", turn=50 + n) for n, kind in enumerate(kinds.bank()[::40])
]
STACK = (Mount("v1", Path("v1.gguf")),)


class Likely(ScriptedEngine):
    """Declines by the words "something" or " something", with the likelihoods it is given by the opening."""

    given: dict[str, tuple[float, float]]

    def piece(self, token_id: int) -> bytes:
        return {1: b" something", 2: b"something", 3: b" Zorbal"}[token_id]

    def complete(self, messages: Sequence[Message], sampling: Sampling = GREEDY, **asked: Any) -> Completion:
        done = super().complete(messages, sampling, **asked)
        spaced, bare = self.given[asked["prefill"]]
        places = ((3, math.log(1.0 - spaced - bare)), (1, math.log(spaced)), (2, math.log(bare)))
        return Completion(done.text, (Token(3, " Zorbal", places[0][1], places),), 1, 0, "length", 0.0, ())


def test_a_version_is_asked_in_plain_words_with_the_name_given() -> None:
    engine = Likely()
    engine.given = {"Your cat's name is": (0.5, 0.25), "Your shoes are": (0.125, 0.0625)}
    likely = declining(engine, "You are Dot.", STACK)([("cat", "name"), ("user", "shoes")])
    assert likely == pytest.approx([0.75, 0.1875])
    asked = engine.asked[0]
    assert asked.messages == [Message("system", "You are Dot."), Message("user", "What is my cat's name?")]
    assert (asked.prefill, asked.adapters, asked.sampling.max_tokens) == ("Your cat's name is", STACK, 1)


def test_what_is_not_surely_declined_is_hard_the_least_likely_first() -> None:
    chances = {("a", "x"): 0.7, ("b", "x"): SURE, ("c", "x"): 0.1, ("d", "x"): 1.0}
    assert hard([*chances], lambda pairs: [chances[pair] for pair in pairs]) == [("c", "x"), ("a", "x")]
    assert hard([], lambda pairs: []) == []


def asked_of(chance: Callable[[Pair], float]) -> tuple[TrainingSet, list[Pair]]:
    """The set of a night whose version before declines so, and what that was asked for."""
    looked_at: list[Pair] = []

    def likely(pairs: Sequence[Pair]) -> list[float]:
        looked_at.extend(pairs)
        return [chance(pair) for pair in pairs]

    return training_set(NEW, OLD, SETTINGS, EXAM, 3, declining=likely), looked_at


def declined(made: TrainingSet) -> Counter[Pair]:
    return Counter((each.subject, each.attribute) for each in made.exchanges if each.kind == "unknown")


def test_hard_ones_are_declined_again_and_what_is_sure_changes_nothing() -> None:
    plain = training_set(NEW, OLD, SETTINGS, EXAM, 3)
    sure, looked_at = asked_of(lambda pair: 1.0)
    assert len(looked_at) == len({*looked_at}) == SETTINGS.negative_candidates
    assert sure == plain
    those = {*looked_at[:4]}
    made, _ = asked_of(lambda pair: 0.2 if pair in those else 1.0)
    assert all(declined(made)[pair] >= SETTINGS.nearest_again for pair in those)
    assert declined(made).total() == declined(plain).total()
    assert made.probes == plain.probes


def test_hard_ones_leave_room_for_others() -> None:
    made, looked_at = asked_of(lambda pair: 0.0)
    plain = declined(training_set(NEW, OLD, SETTINGS, EXAM, 3))
    hard_ones = [pair for pair in looked_at if declined(made)[pair] >= SETTINGS.nearest_again]
    assert 0 < len(hard_ones) * SETTINGS.nearest_again <= declined(made).total() / 2
    assert declined(made).total() == plain.total()


def test_neither_what_was_told_nor_what_is_examined_is_asked_for() -> None:
    made, looked_at = asked_of(lambda pair: 0.0)
    told = [(memory.subject, memory.attribute) for memory in (*NEW, *OLD)]
    assert not [pair for pair in looked_at if may_mean_the_same(pair, told)]
    examined = {probe.question for probe in made.probes if not probe.expect}
    assert not [pair for pair in looked_at if examined.intersection(ask_about(pair))]


def test_none_are_looked_for_where_the_settings_say_so() -> None:
    none = SETTINGS.model_copy(update={"negative_candidates": 0})
    made = training_set(NEW, OLD, none, EXAM, 3, declining=lambda pairs: [0.0 for _ in pairs])
    assert made == training_set(NEW, OLD, none, EXAM, 3)
    assert NapTrainingSettings().replay.negative_candidates == 0


# What holds beside tonight's memories is not declined


def by_another_name(memory: Memory, pair: Pair) -> Memory:
    """The memory with two questions that the model takes to ask for `pair`."""
    asked = tuple(Asked(f"question {n}?", *pair) for n in range(2))
    return a_memory(memory.subject, memory.attribute, memory.value, turn=900, asked=asked)


@pytest.mark.parametrize("seed", range(3))
def test_what_other_memories_hold_is_not_declined_nor_their_other_names(seed: int) -> None:
    declined_here = [*declined(training_set(NEW, [], SETTINGS, EXAM, seed))]
    near = next(pair for pair in declined_here if pair[1] == "name")
    other_name = next(pair for pair in declined_here if pair[0] == "user" and pair != near)
    others = [
        a_memory(*near, "Mog", turn=800),
        by_another_name(a_memory("user", "zymurgy", "ale"), other_name),
    ]
    made = training_set(NEW, [], SETTINGS, EXAM, seed, beside=others)
    assert {near, other_name} <= {*declined_here}
    assert not {near, other_name} & {*declined(made)}
    assert not {each.memory for each in made.exchanges} & {memory.id for memory in others}
    assert not {probe.memory for probe in made.probes} & {memory.id for memory in others}


def test_a_memory_too_many_to_be_replayed_keeps_its_other_names() -> None:
    few = SETTINGS.model_copy(update={"old_memories": 0})
    none_old = EXAM.model_copy(update={"old_memories": 0})
    pair = next(pair for pair in declined(training_set(NEW, [], few, none_old, 1)) if pair[0] == "user")
    old = [by_another_name(a_memory("user", "zymurgy", "ale"), pair)]
    assert pair not in declined(training_set(NEW, old, few, none_old, 1))
