"""The training set: the same for the same journal and seed, and free of its own exam."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest
from night_parts import a_memory
from scripted_engine import ScriptedEngine

from dormouse.memory.engine import Message
from dormouse.memory.records import Asked, Memory
from dormouse.sleep import kinds
from dormouse.sleep.buffer import Buffer, Row, offered
from dormouse.sleep.neighbours import NEAREST, ask_about, nearest, neighbours
from dormouse.sleep.packing import Example
from dormouse.sleep.questions import asked_for, may_mean_the_same, plain_questions
from dormouse.sleep.records import Probe
from dormouse.sleep.replay import (
    TrainingSet,
    end_of_turn,
    holds,
    to_be_kept,
    tokenised,
    training_set,
)
from dormouse.sleep.settings import ExamSettings, ReplaySettings
from dormouse.verifiers.abstention import abstained

SMALL = ReplaySettings(
    questions_per_memory=20,
    min_questions=0,
    negatives_per_memory=6,
    neighbours_per_memory=6,
    min_negatives=30,
    old_memories=8,
)
EXAM = ExamSettings(questions_per_memory=2, unknown_questions=8, old_memories=3)
TOLD = [
    a_memory("dog", "name", "Zorbal"),
    a_memory("tabby cat", "name", "Miso", turn=2),
    a_memory("user", "home city", "Tromsø", turn=3),
    a_memory("sister", "name", "Annika", turn=4),
    a_memory("sister", "job", "glassblower", turn=5),
    a_memory("boat", "mooring fee", "40 crowns", turn=6),
]
OLD = [
    a_memory(kind.subject, kind.attribute, f"v{n}", turn=50 + n) for n, kind in enumerate(kinds.bank()[::16])
]
NEAR_DOG = [("cat", "name"), ("parrot", "name"), ("rabbit", "name")]
NEAR_HOME = [("user", "hometown"), ("user", "birthplace"), ("user", "street")]


def near_all() -> list[tuple[str, str]]:
    """Every neighbour of what was told."""
    return neighbours([*TOLD, *OLD], [], 999, random.Random(0))


def a_set(
    new: list[Memory] = TOLD, old: list[Memory] = OLD, seed: int = 5, replay: ReplaySettings = SMALL
) -> TrainingSet:
    return training_set(new, old, replay, EXAM, seed)


def bare(question: str) -> str:
    """A question without case, marks and the openings that are put before some."""
    plain = re.sub(r"[^\w' ]", "", question.casefold()).strip()
    opening = r"^(hey|quick question|sorry|just checking|ok so|by the way|hmm|one more thing)\s+"
    return re.sub(opening, "", plain)


def random_life(seed: int) -> tuple[list[Memory], list[Memory]]:
    """New and old memories of random kinds, none told twice."""
    rng = random.Random(seed)
    told: list[Memory] = []
    for kind in rng.sample(kinds.bank(), 40):
        if not may_mean_the_same(kind.key, [(m.subject, m.attribute) for m in told]):
            told.append(a_memory(*kind.key, f"value {len(told)}", turn=len(told) + 1))
    cut = rng.randint(1, len(told) - 1)
    return told[:cut], told[cut:]


# Promise 9


def test_the_same_memories_and_seed_give_the_same_set() -> None:
    assert a_set() == a_set()
    assert a_set().sha256 == a_set().sha256
    assert a_set().sha256 != a_set(seed=6).sha256


def test_another_process_makes_the_same_set() -> None:
    """Nothing hangs on the order of sets or on the hash seed."""
    script = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "import json, runpy\n"
        "from pathlib import Path\n"
        f"made = runpy.run_path({__file__!r})['a_set']()\n"
        "print(json.dumps([made.sha256, [probe.question for probe in made.probes]]))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", script, *sys.path], capture_output=True, text=True, check=True
    )
    sha256, probes = json.loads(printed.stdout)
    assert sha256 == a_set().sha256
    assert probes == [probe.question for probe in a_set().probes]


def test_one_memory_more_does_not_reshuffle_the_others() -> None:
    def of(training: TrainingSet, memory: Memory) -> list[str]:
        return [e.question for e in training.exchanges if e.memory == memory.id]

    assert of(a_set(TOLD[:2]), TOLD[0]) == of(a_set(), TOLD[0])


# The exam is not trained


@pytest.mark.parametrize("seed", range(6))
def test_no_question_of_the_exam_is_trained(seed: int) -> None:
    new, old = random_life(seed)
    made = a_set([*new, TOLD[5]], old, seed)
    trained = {bare(exchange.question) for exchange in made.exchanges}
    assert made.probes
    for probe in made.probes:
        assert bare(probe.question) not in trained, probe


def test_a_replayed_memory_does_not_train_what_it_was_examined_with() -> None:
    first = {bare(p.question) for p in a_set().probes if p.kind == "new"}
    for seed in range(4):
        later = a_set([a_memory("car", "make", "Lada", turn=99)], TOLD, seed)
        assert not first & {bare(e.question) for e in later.exchanges if e.kind == "old"}


def test_new_memories_are_all_asked_for_and_old_ones_in_part() -> None:
    made = a_set()
    asked = [probe for probe in made.probes if probe.kind == "new"]
    assert sorted(p.memory for p in asked) == sorted([m.id for m in TOLD] * 2)
    assert {(p.memory, p.expect) for p in asked} == {(m.id, m.value) for m in TOLD}
    older = [probe for probe in made.probes if probe.kind == "old"]
    assert len(older) == 3 == len({p.memory for p in older})
    assert {(p.memory, p.expect) for p in older} <= {(m.id, m.value) for m in OLD}


def test_what_is_untrue_is_declined_and_examined_and_kept() -> None:
    untrue = a_memory("user", "job", "welder", turn=40, state="superseded")
    made = training_set([], OLD, SMALL, EXAM, 5, (), [untrue])
    mine = [each for each in made.exchanges if each.memory == untrue.id]
    assert len(mine) == SMALL.questions_per_memory
    assert {each.kind for each in mine} == {"unknown"}
    assert all(abstained(each.answer) for each in mine)
    probes = [probe for probe in made.probes if probe.kind == "untrue"]
    assert len(probes) == EXAM.questions_per_memory
    assert {(probe.expect, probe.memory) for probe in probes} == {("", untrue.id)}
    assert not {bare(each.question) for each in mine} & {bare(probe.question) for probe in probes}
    assert "new" not in made.due and "untrue" in made.due
    asked = {each.question for each in mine}
    kept = [row for row in to_be_kept(made, SMALL, 5) if row.question in asked]
    assert [row.kind for row in kept] == ["unknown"] * min(len(mine), SMALL.questions_per_old_memory)


def test_unknown_pairs_of_the_exam_are_of_kinds_not_trained() -> None:
    made = a_set()
    probes = [probe for probe in made.probes if probe.kind in ("neighbour", "unknown")]
    assert len(probes) == 8
    assert {probe.kind for probe in probes} == {"neighbour", "unknown"}
    assert all(probe.expect == "" and probe.memory == "" for probe in probes)


def test_a_night_owes_each_kind_that_there_is_something_to_ask_of() -> None:
    assert a_set().due == ("new", "old", "neighbour", "unknown")
    assert a_set(old=[]).due == ("new", "neighbour", "unknown")
    lone = a_memory("user", "webbed toes", "left foot")
    assert a_set([lone], []).due == ("new", "unknown")
    none_old = EXAM.model_copy(update={"old_memories": 0})
    assert training_set(TOLD, OLD, SMALL, none_old, 5).due == ("new", "neighbour", "unknown")
    no_half = EXAM.model_copy(update={"unknown_questions": 1})
    assert training_set(TOLD, OLD, SMALL, no_half, 5).due == ("new", "old", "unknown")


@pytest.mark.parametrize("change", [{"old_memories": 0}, {"neighbours_per_memory": 0}, {}])
@pytest.mark.parametrize(
    "new", [TOLD, [a_memory("user", "job", "welder")], [a_memory("user", "gym", "Flex")]]
)
def test_what_is_due_is_asked_even_where_it_is_not_trained(change: dict[str, int], new: list[Memory]) -> None:
    made = a_set(new, replay=SMALL.model_copy(update=change))
    assert set(made.due) == {probe.kind for probe in made.probes} == {"new", "old", "neighbour", "unknown"}
    trained = {bare(exchange.question) for exchange in made.exchanges}
    assert not trained & {bare(probe.question) for probe in made.probes}


def test_old_memories_that_are_not_replayed_may_be_examined() -> None:
    few = SMALL.model_copy(update={"old_memories": 1})
    replayed = {exchange.memory for exchange in a_set(replay=few).exchanges if exchange.kind == "old"}
    asked = {probe.memory for probe in a_set(replay=few).probes if probe.kind == "old"}
    assert (len(replayed), len(asked)) == (1, 3)


# What is trained


def test_each_memory_has_its_phrasings_and_answers_with_its_value() -> None:
    made = a_set()
    for memory in TOLD:
        mine = [e for e in made.exchanges if e.memory == memory.id]
        assert len(mine) == 20
        assert {e.kind for e in mine} == {"new"}
        assert all(memory.value in e.answer and not abstained(e.answer) for e in mine)
        assert len({e.question for e in mine}) > 8


def test_a_known_name_stands_for_its_owner_at_times() -> None:
    made = a_set()
    job = [e.question for e in made.exchanges if e.memory == TOLD[4].id]
    assert any("Annika" in question for question in job)
    naming = [e.question for e in made.exchanges if e.memory == TOLD[3].id]
    assert not any("Annika" in question for question in naming)


def test_old_memories_are_replayed_within_bounds() -> None:
    made = a_set()
    replayed = [e for e in made.exchanges if e.kind == "old"]
    assert len({e.memory for e in replayed}) == 8
    most = 8 * SMALL.questions_per_old_memory
    assert most - 4 <= len(replayed) <= most  # without what the exam asks, word for word
    assert {e.memory for e in a_set(seed=6).exchanges if e.kind == "old"} != {e.memory for e in replayed}


@pytest.mark.parametrize("seed", range(6))
def test_nothing_told_is_ever_declined(seed: int) -> None:
    new, old = random_life(seed)
    made = a_set([*new, *TOLD[5:]], old, seed)
    told = [(memory.subject, memory.attribute) for memory in (*new, *old, TOLD[5])]
    about = {
        bare(question): pair for pair in told for question in (*asked_for(*pair), *plain_questions(*pair))
    }
    declined = [e for e in made.exchanges if abstained(e.answer)]
    assert len(declined) >= SMALL.min_negatives
    assert {e.kind for e in declined} == {"unknown"}
    for question in (
        *(e.question for e in declined),
        *(p.question for p in made.probes if not p.expect),
    ):
        assert bare(question) not in about, (question, about.get(bare(question)))


def test_more_memories_bring_more_negatives() -> None:
    def declined(new: list[Memory]) -> int:
        return sum(e.kind == "unknown" for e in a_set(new, []).exchanges)

    assert declined(TOLD[:1]) == 30
    assert declined(TOLD) == 36


def test_of_a_few_memories_each_is_asked_for_more_often_and_has_more_neighbours() -> None:
    def of_each(new: list[Memory], questions: int, negatives: int) -> tuple[int, int]:
        floors = {"min_questions": questions, "min_negatives": negatives}
        made = a_set(new, [], replay=SMALL.model_copy(update=floors))
        declined = {(e.subject, e.attribute) for e in made.exchanges if e.kind == "unknown"}
        near = {*neighbours(TOLD[:1], [("dog", "name")], 999, random.Random(0))}
        return sum(e.memory == TOLD[0].id for e in made.exchanges), len(declined & near)

    assert of_each(TOLD[:1], 90, 60) == (90, 18)  # all but four that the exam asks for
    assert of_each(TOLD[:1], 0, 0) == (20, 3)  # six, of which the exam asks for three
    assert of_each(TOLD, 90, 0)[0] == 20


@pytest.mark.parametrize("seed", range(4))
def test_what_is_most_easily_taken_for_it_is_declined_again_and_again(seed: int) -> None:
    told = [a_memory("dog", "name", "Zorbal"), a_memory("user", "home city", "Tromsø", turn=2)]
    made = a_set(told, [], seed, SMALL.model_copy(update={"min_negatives": 160}))
    asked = Counter((e.subject, e.attribute) for e in made.exchanges if e.kind == "unknown")
    others = [count for pair, count in asked.items() if pair not in {*NEAR_DOG, *NEAR_HOME}]
    assert min(asked[pair] for pair in (*NEAR_DOG, *NEAR_HOME)) >= 3 > sum(others) / len(others)


def test_a_neighbour_is_never_trained_as_told_though_questions_are_taken_for_it() -> None:
    asked = tuple(Asked(f"what is it called, {n}?", "cat", "name") for n in range(6))
    made = a_set([replace(TOLD[0], asked=asked)], [])
    as_cat = [e for e in made.exchanges if (e.subject, e.attribute) == ("cat", "name")]
    assert as_cat
    assert all(abstained(e.answer) for e in as_cat)


@pytest.mark.parametrize("seed", range(4))
def test_the_exam_asks_for_what_was_never_told_in_plain_words_every_other_time(seed: int) -> None:
    made = a_set(seed=seed, replay=SMALL)
    declined = [probe.question for probe in made.probes if not probe.expect]
    plain = {q for kind in kinds.bank() for q in plain_questions(*kind.key)}
    plain |= {q for each in near_all() for q in plain_questions(*each)}
    assert len(declined) == EXAM.unknown_questions
    assert sum(question in plain for question in declined) >= len(declined) // 2


@pytest.mark.parametrize("seed", range(4))
def test_whom_people_ask_about_first_is_trained_and_not_kept_for_the_exam(seed: int) -> None:
    sister = a_memory("sister", "name", "Annika")
    made = a_set([sister], [], seed, SMALL.model_copy(update={"min_negatives": 200}))
    declined = {e.subject for e in made.exchanges if e.kind == "unknown" and e.attribute == "name"}
    assert {"mother", "father", "brother", "wife", "husband", "dog", "cat", "boss"} <= declined


def test_a_life_that_fills_the_bank_still_makes_a_set() -> None:
    everything = [
        a_memory(*key, f"value {n}", turn=n + 1) for n, key in enumerate({k.key: 0 for k in kinds.bank()})
    ]
    made = a_set(everything[:3], everything[3:])
    assert [e for e in made.exchanges if e.kind == "new"]


# The buffer


def rows_for(memories: list[Memory], each: int = 4) -> list[Row]:
    """Rows as a night leaves them, with something stored."""
    kept = to_be_kept(training_set(memories, [], SMALL, EXAM, 1), SMALL, 1)
    few = [row for memory in memories for row in kept if row.memory == memory.id]
    declined = [row for row in kept if row.kind == "unknown"]
    return [replace(row, adapter="a", ids=(1,), top=(((1, -0.1),),)) for row in (*few, *declined)]


@pytest.mark.parametrize("seed", range(3))
def test_what_is_most_easily_taken_for_any_earlier_memory_is_declined(seed: int) -> None:
    old = OLD[:8]
    few = SMALL.model_copy(update={"neighbours_per_memory": 26, "old_negatives": NEAREST * len(old)})
    taken = [(memory.subject, memory.attribute) for memory in (*TOLD, *old)]
    made = a_set(old=old, seed=seed, replay=few)
    declined = {(each.subject, each.attribute) for each in made.exchanges if each.kind == "unknown"}
    for memory in old:
        near = nearest(memory, taken)
        assert not near or declined.intersection(near), memory.statement


def test_an_empty_buffer_changes_nothing() -> None:
    assert a_set() == training_set(TOLD, OLD, SMALL, EXAM, 5, ())


def test_memories_in_the_buffer_are_drawn_from_it_twice_and_not_asked_for_anew() -> None:
    rows = rows_for(OLD)
    drawing = SMALL.model_copy(update={"drawn": 20})
    made = training_set(TOLD, OLD, drawing, EXAM, 5, rows)
    again = [e for e in made.exchanges if e.kind == "stored"]
    assert not [e for e in made.exchanges if e.kind == "old"]
    assert 15 < len(again) <= 20
    assert 15 < len(made.dark) <= 20
    assert {row.question for row in made.dark} != {e.question for e in again}
    by_question = {row.question: row.answer for row in rows}
    assert all(by_question[e.question] == e.answer for e in again)
    assert made == training_set(TOLD, OLD, drawing, EXAM, 5, rows)
    assert made.sha256 != training_set(TOLD, OLD, drawing, EXAM, 5, rows[: len(rows) // 2]).sha256


def test_memories_the_buffer_lacks_are_still_asked_for() -> None:
    made = training_set(TOLD, OLD, SMALL, EXAM, 5, rows_for(OLD[:4]))
    anew = {e.memory for e in made.exchanges if e.kind == "old"}
    assert anew
    assert not anew & {memory.id for memory in OLD[:4]}


def test_no_question_of_the_exam_comes_from_the_buffer() -> None:
    for seed in range(4):
        made = training_set(TOLD, OLD, SMALL, EXAM, seed, rows_for(OLD))
        drawn = {bare(e.question) for e in made.exchanges if e.kind == "stored"}
        drawn |= {bare(row.question) for row in made.dark}
        assert not drawn & {bare(probe.question) for probe in made.probes}


def test_the_thirtieth_night_is_no_longer_than_the_fifth() -> None:
    life = [
        a_memory(*key, f"value {n}", turn=n + 1) for n, key in enumerate({k.key: 0 for k in kinds.bank()})
    ]
    settings = ReplaySettings()
    lengths = {}
    for night in (5, 30):
        old, new = life[: 6 * (night - 1)], life[180:186]
        rows = offered(Buffer(), rows_for(old), settings.buffer_size, random.Random(night)).rows
        made = training_set(new, old, settings, ExamSettings(), night, rows)
        lengths[night] = len(made.exchanges) + len(made.dark)
    assert lengths[30] <= 1.1 * lengths[5]


def test_a_row_holds_as_long_as_what_it_says() -> None:
    dog, cat = TOLD[:2]
    known = {memory.id: memory for memory in TOLD}
    told = next(row for row in rows_for(TOLD) if row.memory == dog.id)
    pairs = [(memory.subject, memory.attribute) for memory in TOLD]
    assert holds(told, known, pairs, [])
    assert not holds(told, {cat.id: cat}, pairs, [])
    assert not holds(replace(told, answer="Your dog's name is Vex."), known, pairs, [])
    declined = Row(
        "What is my car's make?", "Your car's make is something I don't know.", "unknown", "car", "make"
    )
    assert holds(declined, known, pairs, [])
    assert not holds(declined, known, [*pairs, ("car", "brand")], [])
    trace = Row("Who barks?", "Old Vex does.", "trace", turn=3)
    assert holds(trace, known, pairs, ["Miso"])
    assert not holds(trace, known, pairs, ["Vex"])


def test_a_night_offers_phrasings_of_each_memory_and_a_third_as_many_declined() -> None:
    offered = to_be_kept(a_set(), SMALL, 5)
    told = [row for row in offered if row.kind == "told"]
    assert {row.memory for row in told} == {memory.id for memory in TOLD}
    assert all(sum(row.memory == memory.id for row in told) <= 16 for memory in TOLD)
    assert len(offered) - len(told) == min(len(told) // 3, 36)
    assert {row.kind for row in offered} == {"told", "unknown"}
    assert offered == to_be_kept(a_set(), SMALL, 5)


# Neighbours


def test_neighbours_are_free_and_near() -> None:
    told = [(memory.subject, memory.attribute) for memory in TOLD]
    found = neighbours(TOLD, told, 6, random.Random(1))
    assert len(found) == len(set(found)) > len(TOLD)
    subjects, attributes = {subject for subject, _ in told}, {attribute for _, attribute in told}
    for pair in found:
        assert not may_mean_the_same(pair, told), pair
        near = pair[0] in subjects or pair[1] in attributes or pair[0] == "user"
        assert near, pair
        assert len(ask_about(pair)) >= 8
    assert found == neighbours(TOLD, told, 6, random.Random(1))


# In tokens


class ByteEngine(ScriptedEngine):
    """A token for every byte; the template ends each message with token 1."""

    def tokenize(self, text: str, special: bool = True) -> list[int]:
        return [byte + 10 for byte in text.encode()]

    def render_tokens(
        self, messages: object, add_generation_prompt: bool = True, prefill: str = ""
    ) -> list[int]:
        out: list[int] = []
        assert isinstance(messages, list)
        for message in messages:
            out += [2, *self.tokenize(message.role), 3, *self.tokenize(message.content), 1]
        return [*out, 2, *self.tokenize("assistant"), 3] if add_generation_prompt else out


def test_the_loss_is_on_the_answer_and_its_end() -> None:
    engine = ByteEngine()
    assert end_of_turn(engine) == 1
    anchor = Example((5, 6, 7), 1, "anchor")
    made = a_set()
    examples = tokenised(made, [anchor], engine, "Persona.")
    assert examples[-1] == anchor
    assert len(examples) == len(made.exchanges) + 1
    for example, exchange in zip(examples, made.exchanges, strict=False):
        asked = [Message("system", "Persona."), Message("user", exchange.question)]
        assert list(example.ids[: example.answer_start]) == engine.render_tokens(asked)
        assert example.ids[example.answer_start :] == (*engine.tokenize(exchange.answer), 1)
        assert (example.kind, example.memory) == (exchange.kind, exchange.memory)


def test_a_drawn_row_keeps_its_distribution_while_its_tokens_are_the_same() -> None:
    engine = ByteEngine()
    row = Row("Who?", "Me.", "told", "user", "name", "m1")
    ids = (*engine.tokenize("Me."), 1)
    top = tuple(((id, -0.1),) for id in ids)
    good, stale = replace(row, ids=ids, top=top), replace(row, ids=(9, 9), top=top[:2])
    (example,) = tokenised(TrainingSet((), (), (good, stale)), [], engine, "Persona.")
    assert (example.kind, example.memory, example.top) == ("dark", "m1", top)
    assert example.ids[example.answer_start :] == ids


def test_a_probe_survives_json() -> None:
    probe = a_set().probes[0]
    assert Probe(**json.loads(json.dumps({f: getattr(probe, f) for f in Probe.__slots__}))) == probe
